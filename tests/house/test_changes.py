"""The changelog is made of fragments, and a fragment says something."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import changelog


def test_every_fragment_can_be_gathered() -> None:
    for paths in changelog.fragments().values():
        for path in paths:
            text = path.read_text(encoding="utf-8").strip()
            assert text.endswith((".", "。")), path.name
            assert not text.startswith(("-", "#", "*")), path.name


def test_a_release_gathers_the_fragments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "changes").mkdir()
    for name in ("b.added.md", "a.added.md", "c.fixed.md"):
        (tmp_path / "changes" / name).write_text(f"Text of\n{name}.\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\nIntro.\n\n## 0.1 (2026-01-01)\n\n### Added\n\n- Old.\n")
    monkeypatch.setattr(changelog, "ROOT", tmp_path)
    monkeypatch.setattr(changelog, "CHANGELOG", tmp_path / "CHANGELOG.md")
    changelog.main("0.2")
    text = (tmp_path / "CHANGELOG.md").read_text()
    told = ["Intro.", "## 0.2", "- Text of a.added.md.", "- Text of b.added.md.", "### Fixed", "c.fixed", "## 0.1"]
    places = [text.index(part) for part in told]
    assert places == sorted(places)
    assert not list((tmp_path / "changes").iterdir())


def test_a_stray_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes" / "thing.news.md").touch()
    monkeypatch.setattr(changelog, "ROOT", tmp_path)
    with pytest.raises(ValueError, match=r"thing\.news\.md"):
        changelog.fragments()

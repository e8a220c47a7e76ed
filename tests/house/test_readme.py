"""The README files: the same in both languages, and true."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from scripts import readme
from tests.house import source

_DESIGN = source.ROOT / "design"
_TEXTS = {language: path.read_text(encoding="utf-8") for language, path in readme.FILES.items()}


def test_both_files_tell_the_same_story() -> None:
    english, chinese = (readme.blocks(_TEXTS[language]) for language in ("en", "zh"))
    assert [block.kind for block in english] == [block.kind for block in chinese]
    for one, other in zip(english, chinese, strict=True):
        if one.kind == "console":
            assert readme.commands(one) == readme.commands(other)
        else:
            assert one == other
    headings = [len(re.findall(r"^#+ ", _TEXTS[language], re.MULTILINE)) for language in ("en", "zh")]
    assert headings[0] == headings[1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_link_leads_somewhere(language: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", _TEXTS[language]):
        assert (source.ROOT / target).exists(), target


@pytest.mark.parametrize(
    "page",
    ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", *sorted(f"design/{p.name}" for p in _DESIGN.glob("*.md"))],
)
def test_every_path_that_is_named_exists(page: str) -> None:
    text = (source.ROOT / page).read_text(encoding="utf-8")
    for name in re.findall(r"`((?:bench|changes|design|docs|scripts|src|tests)/[\w./-]+)`", text):
        # A word in capitals stands for one of the reader's own; the long checks' record begins with the first run.
        if not re.search(r"[A-Z]{3}", name) and name != "docs/long-checks.md":
            assert (source.ROOT / name).exists(), name


@pytest.mark.skipif(
    not (Path(sys.prefix) / ".taihang-env").exists(), reason="run by ./check: ./try wants an environment of its own"
)
@pytest.mark.timeout(900)
def test_every_block_shows_what_its_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert readme.main() == 0, capsys.readouterr().out


def test_the_rulebook_that_is_shown_can_be_used(tmp_path: Path) -> None:
    from taihang.rules import rulebook

    shown = [block for block in readme.blocks(_TEXTS["en"]) if block.kind == "yaml"]
    for block in shown:
        path = tmp_path / "site.rules.yaml"
        path.write_text(block.body, encoding="utf-8")
        assert "two-at-the-post" in {rule.rule.id for rule in rulebook.load(path).rules}
    assert shown


def test_only_what_differs_from_run_to_run_may_differ() -> None:
    assert readme.settled("took 12.3 s (0.21×) " + "ab" * 32) == readme.settled("took 9 s (1.7×) " + "cd" * 32)
    assert readme.settled("4 findings at 0:12.5") != readme.settled("5 findings at 0:12.5")


def test_a_block_that_no_longer_holds_is_found(tmp_path: Path) -> None:
    text = "# A\n```console\n$ echo two\none\n```\n```python\nx = 1\n```\n"
    assert readme.played(text, tmp_path, "en") == text.replace("one\n", "two\n")

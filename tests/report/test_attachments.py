"""Files that a report brings along."""

from __future__ import annotations

from pathlib import Path

import pytest

from report import sample
from taihang.core import errors
from taihang.report import attachments


@pytest.mark.parametrize(
    "name",
    [
        "x.jpg",
        "evidence/../x.jpg",
        "/etc/passwd",
        "evidence/.hidden",
        "evidence/a b.jpg",
        "evidence/a/b.jpg",
        "evidence/",
        "evidence/" + "x" * 200,
        "evidence/<b>.jpg",
        "evidence/a\n.jpg",
        "evidence/a.jpg\n",
        "../evidence/x.jpg",
    ],
)
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(errors.Failure, match="not safe"):
        attachments.Attachments({name: b""})


def test_the_bytes_decide_what_a_file_is_and_not_its_name() -> None:
    held = attachments.Attachments(
        {
            "evidence/a.jpg": b"<svg onload=alert(1)>",
            "evidence/b.txt": sample.picture(0.0)[0],
            "evidence/c.bin": sample.clip(0.0),
            "evidence/d.mp4": b"",
        }
    )
    assert [held.kind(name) for name in held] == ["other", "picture", "clip", "other"]


def test_a_missing_file_and_a_changed_one_are_told_by_name(tmp_path: Path) -> None:
    report, files = sample.make()
    name = "evidence/zone-00133.4.mp4"
    with pytest.raises(errors.Failure, match=name):
        attachments.check(report, attachments.Attachments({k: v for k, v in files.items() if k != name}))
    with pytest.raises(errors.Failure, match="does not have the SHA-256"):
        attachments.check(report, attachments.Attachments({**files, name: files[name] + b"x"}))
    attachments.check(report, attachments.Attachments(files))
    with pytest.raises(errors.Failure, match="cannot read"):
        attachments.Attachments({name: tmp_path / "gone.mp4"}).sha256(name)


def test_a_path_and_its_bytes_are_the_same_attachment(tmp_path: Path) -> None:
    data = sample.clip(0.0)
    (tmp_path / "c.mp4").write_bytes(data)
    by_path = attachments.Attachments({"evidence/c.mp4": tmp_path / "c.mp4"})
    by_bytes = attachments.Attachments({"evidence/c.mp4": data})
    assert by_path.sha256("evidence/c.mp4") == by_bytes.sha256("evidence/c.mp4")
    assert by_path.size("evidence/c.mp4") == by_bytes.size("evidence/c.mp4") == len(data)

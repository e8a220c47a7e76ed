"""Locks: a changed rulebook is refused, a version never means two things, and an old one comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from taihang.core import errors
from taihang.rules import lock, rulebook

BOOK = """taihang: rules/1
id: b
version: "{version}"
title: {{zh: 题, en: title}}
rules:
- {{id: r, table: t, check: {{kind: range, column: c, max: {top}}}}}
"""


def put(folder: Path, version: str, top: int) -> Path:
    path = folder / "b.rules.yaml"
    path.write_text(BOOK.format(version=version, top=top), encoding="utf-8")
    return path


def test_what_was_locked_is_used_and_nothing_else(tmp_path: Path) -> None:
    path = put(tmp_path, "1", 10)
    lock.check(path, rulebook.load(path))  # no lock, nothing to say
    lock.lock(path)
    lock.check(path, rulebook.load(path))
    put(tmp_path, "1", 1000)
    with pytest.raises(errors.UserError, match=r"b\.rules\.yaml") as caught:
        lock.check(path, rulebook.load(path))
    assert "\n" not in str(caught.value)
    with pytest.raises(errors.UserError, match=r"new version|换一个版本号"):
        lock.lock(path)


def test_a_changed_book_below_it_is_named(tmp_path: Path) -> None:
    base = put(tmp_path, "1", 10)
    base.rename(tmp_path / "base.rules.yaml")
    top = tmp_path / "top.rules.yaml"
    top.write_text(
        'taihang: rules/1\nid: top\nversion: "1"\ntitle: {zh: 题, en: t}\nextends: [base.rules.yaml]\nrules: []\n',
        encoding="utf-8",
    )
    lock.lock(top)
    put(tmp_path, "1", 11).rename(tmp_path / "base.rules.yaml")
    with pytest.raises(errors.UserError, match=r"base\.rules\.yaml"):
        lock.check(top, rulebook.load(top))


def test_an_earlier_version_comes_back_byte_for_byte(tmp_path: Path) -> None:
    path = put(tmp_path, "1", 10)
    first = path.read_bytes()
    lock.lock(path)
    put(tmp_path, "2", 20)
    lock.lock(path)
    lock.roll_back(path, "1")
    assert path.read_bytes() == first
    lock.check(path, rulebook.load(path))
    lock.roll_back(path, "2")
    assert rulebook.load(path).version == "2"
    with pytest.raises(errors.UserError, match="1, 2"):
        lock.roll_back(path, "3")


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"taihang": "rules-lock/1", "rulebook": "b", "versions": []}', "\xff"]
)
def test_a_lock_that_is_none_stops_and_is_never_taken_for_no_lock(tmp_path: Path, text: str) -> None:
    path = put(tmp_path, "1", 10)
    lock.path_of(path).write_bytes(text.encode("latin-1"))
    with pytest.raises(errors.UserError, match="lock"):
        lock.check(path, rulebook.load(path))

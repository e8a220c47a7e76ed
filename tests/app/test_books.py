"""Rulebooks on the command line: in, out, compared, locked."""

from __future__ import annotations

from pathlib import Path

import pytest

from taihang.app import books
from taihang.core import errors

BOOK = """taihang: rules/1
id: b
version: "{version}"
title: {{zh: 题, en: title}}
rules:
- {{id: r, table: people, check: {{kind: range, column: c, max: {top}}}}}
"""


def put(folder: Path, name: str, version: str, top: int) -> Path:
    path = folder / name
    path.write_text(BOOK.format(version=version, top=top), encoding="utf-8")
    return path


def test_a_difference_names_version_rule_and_field(tmp_path: Path) -> None:
    one, other = put(tmp_path, "a.rules.yaml", "1", 10), put(tmp_path, "b.rules.yaml", "2", 20)
    lines = books.compared(str(one), str(other))
    assert "1" in lines[0]
    assert lines[1] == "~ r"
    assert '"max": 10' in lines[2]
    assert '"max": 20' in lines[2]
    assert not books.compared(str(one), str(one))


def test_an_import_lists_what_it_left_out_and_never_writes_over_a_file(tmp_path: Path) -> None:
    source, out = tmp_path / "schema.yml", tmp_path / "r.rules.yaml"
    source.write_text("models: [{name: people, columns: [{name: id, tests: [unique, made_up]}]}]", encoding="utf-8")
    lines = books.imported(source, "dbt", out)
    assert "made_up" in lines[0]
    assert books.checked(str(out)).rules == 1
    with pytest.raises(errors.UserError, match=r"r\.rules\.yaml"):
        books.imported(source, "dbt", out)
    books.exported(str(out), tmp_path / "c.odcs.yaml")
    assert "duplicateValues" in (tmp_path / "c.odcs.yaml").read_text(encoding="utf-8")


def test_a_lock_and_the_way_back(tmp_path: Path) -> None:
    path = put(tmp_path, "a.rules.yaml", "1", 10)
    assert "1" in books.locked(path)
    put(tmp_path, "a.rules.yaml", "2", 20)
    books.locked(path)
    books.rolled_back(path, "1")
    assert "max: 10" in path.read_text(encoding="utf-8")

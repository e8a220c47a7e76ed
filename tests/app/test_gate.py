"""The gate on the command line: exit codes and files, also when nothing could be judged."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from taihang.app import assess, gate
from taihang.core import errors

RULES = """taihang: rules/1
id: b
version: "1"
title: {zh: 题, en: title}
rules:
- {id: adult, table: people, level: orange, check: {kind: range, column: age, min: 18}}
- {id: named, table: people, check: {kind: not_null, column: name}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))
    (tmp_path / "people.csv").write_text("name,age\nann,20\nbob,17\n", encoding="utf-8")
    (tmp_path / "b.rules.yaml").write_text(RULES, encoding="utf-8")
    return tmp_path


def run(folder: Path, floor: str) -> assess.Assessed:
    made = gate.Gate(junit=folder / "j.xml", sarif=folder / "s.json", annotations="github")
    return assess.assess(
        folder / "people.csv", rules=folder / "b.rules.yaml", fail_on=floor, out=folder / "out",  # type: ignore[arg-type]
        options=assess.Options(formats=("json",), gate=made),
    )  # fmt: skip


def test_files_and_exit_code_agree(folder: Path) -> None:
    done = run(folder, "orange")
    assert done.exit_code == 1
    root = ElementTree.parse(folder / "j.xml").getroot()
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    result = json.loads((folder / "s.json").read_text())["runs"][0]["results"][0]
    assert result["ruleId"] == "adult"
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 6
    assert done.annotations[0].startswith("::error file=")
    assert run(folder, "red").exit_code == 0
    assert ElementTree.parse(folder / "j.xml").getroot().get("failures") == "0"


def test_a_rule_that_cannot_run_is_an_error_in_the_files_and_never_an_old_pass(folder: Path) -> None:
    run(folder, "red")
    (folder / "people.csv").write_text("name\nann\n", encoding="utf-8")
    with pytest.raises(errors.UserError, match="age"):
        run(folder, "red")
    assert ElementTree.parse(folder / "j.xml").getroot().get("errors") == "1"
    assert json.loads((folder / "s.json").read_text())["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_a_folder_that_is_not_there_is_told_before_the_work(folder: Path) -> None:
    made = gate.Gate(junit=folder / "nope" / "j.xml")
    with pytest.raises(errors.UserError, match="nope"):
        assess.assess(folder / "people.csv", out=folder / "out", options=assess.Options(gate=made))
    assert not (folder / "out").exists()

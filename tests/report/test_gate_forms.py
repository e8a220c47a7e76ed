"""What build servers read: JUnit XML, SARIF, GitHub's commands."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from report import hostile, sample
from taihang.core import errors, words
from taihang.report import github, junit, sarif

# The parts of the SARIF 2.1.0 schema (OASIS) that these logs use, written down from the specification.
_MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
SHAPE: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["tool"], "additionalProperties": False,
            "properties": {
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "tool": {"type": "object", "required": ["driver"], "properties": {"driver": {
                    "type": "object", "required": ["name"],
                    "properties": {"rules": {"type": "array", "items": {"type": "object", "required": ["id"]}}}}}},
                "invocations": {"type": "array", "items": {"type": "object", "required": ["executionSuccessful"]}},
                "results": {"type": "array", "items": {
                    "type": "object", "required": ["message"], "additionalProperties": False,
                    "properties": {
                        "ruleId": {"type": "string"}, "ruleIndex": {"type": "integer", "minimum": 0},
                        "kind": {"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
                        "level": {"enum": ["none", "note", "warning", "error"]},
                        "message": _MESSAGE,
                        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
                        "properties": {"type": "object"},
                        "locations": {"type": "array", "items": {"type": "object", "properties": {
                            "physicalLocation": {"type": "object", "required": ["artifactLocation"], "properties": {
                                "region": {"type": "object", "properties": {
                                    "startLine": {"type": "integer", "minimum": 1}}}}}}}},
                    }}},
            }}},
    },
}  # fmt: skip


def names(report: Any) -> dict[str, str]:
    root = ElementTree.fromstring(junit.dump(report, "en"))
    return {case.get("name") or "": next((c.tag for c in case if c.tag != "system-out"), "passed")
            for case in root.iter("testcase")}  # fmt: skip


def test_a_case_fails_is_skipped_or_passes_as_its_rule_did() -> None:
    report, _ = sample.make()
    told = names(report)
    assert told["mine.zone-entry"] == "failure"
    assert told["machine.stop"] == "passed"  # an event is no failure
    assert told["mine.absent"] == "skipped"
    root = ElementTree.fromstring(junit.dump(report, "en", words.Level.red))
    assert root.get("failures") == "1"
    assert int(root.get("tests") or 0) == len(told)


def test_a_run_that_could_not_judge_is_an_error_for_every_server() -> None:
    error = errors.UserError("report:not_a_folder", path="x\x00<&")
    root = ElementTree.fromstring(junit.dump_error(error, "r.rules.yaml", "2026-11-21T00:00:00Z"))
    assert root.get("errors") == "1"
    log = json.loads(sarif.dump_error(error, "1"))
    assert log["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_sarif_has_the_shape_of_2_1_0_and_points_at_the_rule() -> None:
    report, _ = sample.make()
    log = json.loads(sarif.dump(report, "zh", {"mine.zone-entry": ("rules/a b.rules.yaml", 12)}))
    jsonschema.Draft202012Validator(SHAPE).validate(log)
    run = log["runs"][0]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert (result["level"] == "none") == (result["kind"] != "fail")
    first = run["results"][0]["locations"][0]["physicalLocation"]
    assert first == {"artifactLocation": {"uri": "rules/a%20b.rules.yaml"}, "region": {"startLine": 12}}
    assert len([r for r in run["results"] if r["kind"] == "open"]) == len(report.not_judged)


def test_hostile_texts_stay_inside() -> None:
    report, _ = hostile.make()
    ElementTree.fromstring(junit.dump(report, "en"))
    json.loads(sarif.dump(report, "zh"))
    for line in github.lines(report, "en", {"a": ("x,y:z\n::error::", 3)}):
        assert "\n" not in line
        assert line.count("::") >= 2
        assert line.split("::")[1].count("file=") <= 1
        head = line.split("::", 2)[1]
        assert head.split(" ")[0] in {"error", "warning", "notice"}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_annotations_name_file_line_and_rule(language: Any) -> None:
    report, _ = sample.make()
    lines = list(github.lines(report, language, {"mine.zone-entry": ("r.rules.yaml", 7)}))
    assert lines[0].startswith("::error file=r.rules.yaml,line=7,title=")

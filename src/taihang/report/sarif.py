"""The report as SARIF 2.1.0 (OASIS), for code scanning; each finding points at its rule in the rulebook file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib import parse

from taihang.core import errors, i18n, words
from taihang.core import finding as findings
from taihang.report import document, phrases, plain

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"red": "error", "orange": "error", "yellow": "warning", "blue": "note", "info": "note"}
# Where a rule stands: its file as it was given, and the one-based line.
Places = Mapping[str, tuple[str, int]]


def dump(report: document.Report, language: i18n.Language, places: Places | None = None) -> bytes:
    """SARIF: one result a finding; a rule that was not judged is a result of kind `open`, never a pass."""
    said, places = phrases.Phrases(language), places or {}
    rules: dict[str, dict[str, Any]] = {}
    results = []
    for found in report.findings:
        rule = found.rule
        rules.setdefault(rule.id, {
            "id": rule.id,
            "shortDescription": {"text": said.say(rule.title)},
            "defaultConfiguration": {"level": _LEVELS[rule.level]},
            "properties": {"dimension": plain.clean(rule.dimension), "rulebook": rule.rulebook,
                           "rulebookVersion": rule.rulebook_version},
        })  # fmt: skip
        results.append(_result(said, found, list(rules).index(rule.id), places))
    for one in report.not_judged:
        name = one.rule or f"taihang/{one.code}"
        text = said.say(one.title) if one.title else name
        rules.setdefault(name, {"id": name, "shortDescription": {"text": text}})
        told = {"text": f"{text}: {said.say(one.reason)}"}
        results.append({"ruleId": name, "ruleIndex": list(rules).index(name), "kind": "open", "level": "none",
                        "message": told, "locations": _locations(name, places)})  # fmt: skip
    done = {"executionSuccessful": True, "endTimeUtc": plain.iso(report.created)}
    return _written(_version(report), list(rules.values()), results, done)


def dump_error(error: errors.TaihangError, version: str) -> bytes:
    """SARIF of a run that could not judge: no results, an unsuccessful invocation that says why."""
    note = {"level": "error", "message": {"text": plain.clean(str(error))}}
    return _written(version, [], [], {"executionSuccessful": False, "toolExecutionNotifications": [note]})


def _result(said: phrases.Phrases, found: findings.Finding, index: int, places: Places) -> dict[str, Any]:
    insufficient = found.verdict == "insufficient"
    return {
        "ruleId": found.rule.id,
        "ruleIndex": index,
        "kind": "review" if insufficient else "fail",
        "level": "none" if insufficient else _LEVELS[found.level],
        "message": {"text": said.say(found.message)},
        "locations": _locations(found.rule.id, places),
        "partialFingerprints": {"taihang/v1": found.id},
        "properties": {
            "level": found.level.value,
            "table": plain.clean(found.place.table),
            "measured": {plain.clean(n): plain.clean(v) if isinstance(v, str) else _finite(v)
                         for n, v in found.measured.items()},
        },
    }  # fmt: skip


def _finite(value: words.Scalar) -> words.Scalar:
    return value if not isinstance(value, float) or abs(value) < float("inf") else None


def _locations(rule: str, places: Places) -> list[dict[str, Any]]:
    if rule not in places:
        return []
    file, line = places[rule]
    uri = parse.quote(file.replace("\\", "/"), safe="/:")
    return [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": max(1, line)}}}]


def _version(report: document.Report) -> str:
    return next((p.version for p in report.produced_by if p.name == "taihang"), "0")


def _written(version: str, rules: list[Any], results: list[Any], invocation: dict[str, Any]) -> bytes:
    driver = {"name": "Taihang", "version": version, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "results": results,
        "columnKind": "unicodeCodePoints",
    }
    whole = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False).encode("utf-8", "replace") + b"\n"

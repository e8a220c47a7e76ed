"""Findings as GitHub workflow commands, which become annotations at the rule's line."""

from __future__ import annotations

from collections.abc import Iterator

from taihang.core import i18n
from taihang.report import document, phrases, plain, sarif

_LEVELS = {"red": "error", "orange": "error", "yellow": "warning", "blue": "notice", "info": "notice"}


def lines(report: document.Report, language: i18n.Language, places: sarif.Places | None = None) -> Iterator[str]:
    """One command a finding and a rule that was not judged, the gravest first; GitHub shows ten of a kind a step."""
    said, places = phrases.Phrases(language), places or {}
    for found in report.findings:
        kind = _LEVELS[found.level] if found.verdict == "violated" else "notice"
        title = f"{said.level(found.level)} {found.rule.id}"
        yield f"::{kind} {_where(found.rule.id, places)}title={_property(title)}::{_data(said.say(found.message))}"
    for one in report.not_judged:
        if one.rule:
            title = f"{said.t('not_judged.title')} {one.rule}"
            yield f"::warning {_where(one.rule, places)}title={_property(title)}::{_data(said.say(one.reason))}"


def _where(rule: str, places: sarif.Places) -> str:
    if rule not in places:
        return ""
    file, line = places[rule]
    return f"file={_property(file)},line={max(1, line)},"


def _data(text: str) -> str:
    """What may stand behind the colons: one line in which nothing is a command."""
    return plain.clean(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

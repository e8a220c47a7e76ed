"""The report as JUnit XML: one test case a rule, as build servers read it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from taihang.core import errors, i18n, words
from taihang.core import finding as findings
from taihang.report import document, phrases, plain

_MOST_MESSAGES = 20


def dump(report: document.Report, language: i18n.Language, floor: words.Level | None = None) -> bytes:
    """JUnit XML. A rule with a finding at or above `floor` failed (any but info when absent).

    One not judged is skipped.

    What is below the floor is told in the output of a case that passed. A verdict of insufficient
    evidence is skipped, not passed.
    """
    said = phrases.Phrases(language)
    floor = floor or words.Level.blue
    by_rule: dict[str, list[findings.Finding]] = {}
    for found in report.findings:
        by_rule.setdefault(found.rule.id, []).append(found)
    unjudged = {n.rule: said.say(n.reason) for n in report.not_judged if n.rule}
    dimensions = {
        s.metric.removeprefix("rule."): s.dimension for s in report.scorecard.scores if s.metric.startswith("rule.")
    }
    rules = {**dimensions, **{r: f[0].rule.dimension for r, f in by_rule.items()}}
    rules |= {rule: rules.get(rule, "") for rule in unjudged}
    cases = [_case(said, rule, rules[rule], by_rule.get(rule, ()), unjudged.get(rule), floor) for rule in rules]
    return _written(report.asset.name, plain.iso(report.created), cases)


def dump_error(error: errors.TaihangError, name: str, at: str) -> bytes:
    """JUnit XML of a run that could not judge: one case with an error, which no server takes for a pass."""
    case = ElementTree.Element("testcase", {"classname": "taihang", "name": plain.clean(name), "time": "0"})
    told = ElementTree.SubElement(case, "error", {"type": type(error).__name__, "message": plain.clean(str(error))})
    told.text = plain.clean(str(error))
    return _written(name, at, [case])


def _case(  # noqa: PLR0917 - all that a case tells
    said: phrases.Phrases,
    rule: str,
    dimension: str,
    found: Sequence[findings.Finding],
    unjudged: str | None,
    floor: words.Level,
) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase",
        {"classname": plain.clean(f"taihang.{dimension}".rstrip(".")), "name": plain.clean(rule), "time": "0"},
    )
    failed = [f for f in found if f.verdict == "violated" and f.level.reaches(floor)]
    open_ = [f for f in found if f.verdict == "insufficient"]
    texts = [f"[{said.level(f.level)}] {said.say(f.message)}" for f in found[:_MOST_MESSAGES]]
    if len(found) > _MOST_MESSAGES:
        texts.append(f"… {len(found) - _MOST_MESSAGES}")
    if failed:
        first = {"type": failed[0].level.value, "message": plain.clean(said.say(failed[0].message))}
        ElementTree.SubElement(case, "failure", first).text = plain.clean("\n".join(texts))
    elif unjudged is not None or open_:
        reason = unjudged if unjudged is not None else said.say(open_[0].message)
        ElementTree.SubElement(case, "skipped", {"message": plain.clean(reason)})
    if texts and not failed:
        ElementTree.SubElement(case, "system-out").text = plain.clean("\n".join(texts))
    return case


def _written(name: str, at: str, cases: Sequence[ElementTree.Element]) -> bytes:
    counts = {
        "tests": str(len(cases)),
        **{f"{kind}s" if kind != "skipped" else kind: str(sum(case.find(kind) is not None for case in cases))
           for kind in ("failure", "error", "skipped")},
    }  # fmt: skip
    root = ElementTree.Element("testsuites", {"name": "taihang", **counts})
    suite = ElementTree.SubElement(
        root, "testsuite", {"name": plain.clean(name), "timestamp": at, "time": "0", **counts}
    )
    suite.extend(cases)
    ElementTree.indent(root)
    made: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return made + b"\n"

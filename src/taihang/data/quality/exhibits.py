"""Exhibits: what a quality report shows beside its findings: what was read, every rule, samples of bad rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from taihang.core import finding, i18n, words
from taihang.data.quality import assessment, boards, export, masking
from taihang.report import sections

_MOST_COLUMNS = 8
_LONGEST = 120


def sections_of(
    found: assessment.Assessment,
    told: tuple[finding.Finding, ...],
    exported: Mapping[str, tuple[str, export.Exported]],
    *,
    show_values: bool = False,
) -> tuple[sections.Section, ...]:
    """All sections; `exported` maps a table to the file of its bad rows and what is in it.

    Personal values in samples are masked unless `show_values`.
    """
    made: list[sections.Section] = [_read(found, name) for name in found.targets]
    made.append(_rules(found))
    if exported:
        made.append(_files(exported))
    made.append(sections.Notes(title=_t("weights.title"), paragraphs=(_t("weights.text"),)))
    hidden = {name: frozenset() if show_values else masking.personal(found, name) for name in exported}
    for one in told:
        sample = exported[one.place.table][1].samples.get(one.rule.id) if one.place.table in exported else None
        if sample:
            made.append(_sample(found, one, sample, None if show_values else hidden[one.place.table]))
    return tuple(made)


def faults(found: assessment.Assessment) -> tuple[i18n.Text, ...]:
    """What could not be read, in words."""
    return tuple(
        i18n.Message(key="data.quality:fault", values={"table": name, "fault": fault.message}).both()
        for name, on in found.targets.items()
        for fault in on.source.faults.listed
    )


def _t(key: str, **values: Any) -> i18n.Text:
    return i18n.Message(key=f"data.quality:{key}", values=values).both()


def _read(found: assessment.Assessment, name: str) -> sections.Coverage:
    lost, seen = found.targets[name].source.faults.rows_lost, found.totals.get(name, 0)
    shares = (sections.Share(label=_t("read.lost"), code="unreadable", amount=lost),) if lost else ()
    return sections.Coverage(
        title=_t("read.title", table=name), unit="rows", total=seen + lost, seen=seen, shares=shares
    )


def _rules(found: assessment.Assessment) -> sections.Table:
    rows: list[tuple[sections.Cell, ...]] = []
    for outcome in found.outcomes:
        rule = outcome.compiled.rule
        verdict = _t(f"verdict.{'unknown' if not outcome.judged else 'broken' if outcome.broken else 'passed'}")
        bad = None if outcome.whole else len(outcome.rows)
        value = outcome.measured.get("value", outcome.measured.get("newest"))
        rows.append((rule.id, rule.table, boards.dimension(rule.dimension), outcome.judged, bad, value, verdict))
    names = ("rule", "table", "dimension", "judged", "bad", "value", "verdict")
    columns = tuple(sections.Column(label=_t(f"column.{name}")) for name in names)
    return sections.Table(title=_t("rules.title"), columns=columns, rows=tuple(rows))


def _files(exported: Mapping[str, tuple[str, export.Exported]]) -> sections.Facts:
    items = tuple(
        sections.Fact(label=_t("files.rows", table=name), value=file, note=_t("files.count", rows=one.rows))
        for name, (file, one) in exported.items()
    )
    return sections.Facts(title=_t("files.title"), items=items)


def _sample(
    found: assessment.Assessment, told: finding.Finding, sample: list[dict[str, Any]], hidden: frozenset[str] | None
) -> sections.Table:
    compiled = found.book.compiled(told.rule.id)
    check = compiled.rule.check
    named = [*compiled.where.columns, *(check.model_dump().get("columns") or () if check else ())]
    every = [n for n in sample[0] if n]
    shown = [*(n for n in dict.fromkeys(named) if n in every), *(n for n in every if n not in named)][:_MOST_COLUMNS]
    places = list(sample[0][""])
    columns = [sections.Column(label=_t(f"place.{n}")) for n in places]
    columns += [sections.Column(label=i18n.Text(zh=n, en=n)) for n in shown]
    rows = tuple((*(one[""][n] for n in places), *(_shown(one[n], n, hidden) for n in shown)) for one in sample)
    plain = tuple((*(one[""][n] for n in places), *(_shown(one[n], n, None) for n in shown)) for one in sample)
    total = int(told.measured.get("rows") or len(rows))
    title = _t("sample.title" if rows == plain else "sample.title_masked")
    return sections.Table(title=title, columns=tuple(columns), rows=rows, total=total, finding=told.id)


def _shown(value: Any, column: str, hidden: frozenset[str] | None) -> words.Scalar:
    if hidden is not None:
        value = masking.shown(value, column, hidden)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"

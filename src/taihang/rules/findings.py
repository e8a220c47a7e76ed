"""Findings: verdicts of one rule put into words, numbers and evidence."""

# Only expressions that `predicate` made from a checked tree are put into SQL.
# ruff: noqa: S608
from __future__ import annotations

import dataclasses
import decimal
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import evidence, i18n, words
from taihang.core import finding as found
from taihang.core import rule as core
from taihang.engines import tables
from taihang.rules import duration, rulebook, spans, template
from taihang.rules import table as tabling

Rows = npt.NDArray[np.int64]
# What every message may name beside the rule's own columns, measures and parameters.
BUILT_IN = (
    *("start", "end", "start_s", "end_s", "duration_s", "rows", "row", "table", "occurrences", "after_s"),
    *("sustained", "within", "at_least"),
)
MOST_ROWS = 10_000
MOST_FINDINGS = 1_000


@dataclasses.dataclass(frozen=True)
class Case:
    """One verdict before it is told: which group, which rows, and which span when there is one.

    `several` > 0 marks the case that stands for all that were too many to tell one by one.
    """

    keys: tuple[words.Scalar, ...]
    rows: Rows
    span: spans.Span | None = None
    second: tuple[str, tabling.Table, Rows] | None = None
    row: int | None = None
    several: int = 0

    @property
    def certain(self) -> bool:
        """False when the verdict is that the evidence does not suffice."""
        return self.span is None or self.span.certain


@dataclasses.dataclass(frozen=True)
class _Told:
    case: Case
    measured: Mapping[str, words.Scalar]
    confidence: found.Confidence


def reference(book: rulebook.Rulebook, compiled: rulebook.Compiled) -> core.RuleRef:
    """What a finding keeps of its rule."""
    rule = compiled.rule
    return core.RuleRef(
        id=rule.id,
        title=rule.title,
        level=rule.level,
        dimension=rule.dimension,
        rulebook=book.id,
        rulebook_version=book.version,
        rulebook_sha256=book.sha256,
        clause=rule.clause,
    )


def tell(
    book: rulebook.Rulebook,
    compiled: rulebook.Compiled,
    by: tuple[str, ...],
    table: tabling.Table,
    cases: Sequence[Case],
    *,
    engine: tables.Engine,
) -> list[found.Finding]:
    """Findings for cases, in their order."""
    if not cases:
        return []
    ref = reference(book, compiled)
    measured = _measured(engine, compiled, table, [case.rows for case in cases])
    confidences = _confidences(compiled, table, [case.rows for case in cases])
    rest = zip(cases, measured, confidences, strict=True)
    return [_finding(ref, compiled, by, table, _Told(*one)) for one in rest]


def names(compiled: rulebook.Compiled, by: tuple[str, ...]) -> frozenset[str]:
    """Every name that the rule's messages may use."""
    return frozenset({*BUILT_IN, *by, *compiled.rule.measures, *compiled.rule.parameters})


def folded(cases: Sequence[Case]) -> list[Case]:
    """The first thousand cases, and one each for all further violated and insufficient ones, with all their rows."""
    if len(cases) <= MOST_FINDINGS:
        return list(cases)
    rest = cases[MOST_FINDINGS:]
    kinds = ([c for c in rest if c.certain], [c for c in rest if not c.certain])
    return [*cases[:MOST_FINDINGS], *(_together(kind) for kind in kinds if kind)]


def _together(cases: Sequence[Case]) -> Case:
    rows = np.unique(np.concatenate([case.rows for case in cases]))
    found_spans = [case.span for case in cases if case.span is not None]
    span = None
    if found_spans:
        start, end = min(s.start for s in found_spans), max(s.end for s in found_spans)
        span = dataclasses.replace(found_spans[0], start=start, end=end, after_s=None, second=None)
    return Case((), rows, span, several=len(cases))


def _finding(
    ref: core.RuleRef,
    compiled: rulebook.Compiled,
    by: tuple[str, ...],
    table: tabling.Table,
    told: _Told,
) -> found.Finding:
    rule, case, measured, span = compiled.rule, told.case, told.measured, told.case.span
    keys = dict(zip(by, case.keys, strict=True)) if not case.several else {}
    place_keys = dict(keys)
    if case.row is not None:
        place_keys["row" if "row" not in keys else "row_position"] = case.row
    if case.several:
        place_keys["and_more"] = case.several
    values = {**_built_in(rule, case), **rule.parameters, **keys, **measured}
    if case.several:
        values.update(dict.fromkeys(by, i18n.Message(key="rules:several", values={"count": case.several}).both()))
    proofs = [_rows(rule.table, table, case.rows)]
    if case.second is not None and len(case.second[2]):
        proofs.append(_rows(*case.second))
    return found.Finding(
        rule=ref,
        verdict="violated" if case.certain else "insufficient",
        level=rule.level,
        place=found.Place(
            table=rule.table,
            keys=place_keys,
            start_s=_time(span.start) if span else None,
            end_s=_time(span.end) if span else None,
        ),
        message=_message(rule.message, values, span),
        measured={**_measures_of_span(case), **measured},
        confidence=told.confidence if case.certain else found.Confidence(),
        evidence=tuple(proofs),
    )


def _built_in(rule: Any, case: Case) -> dict[str, Any]:
    values: dict[str, Any] = {
        "rows": len(case.rows),
        "row": case.row,
        "table": rule.table,
        "sustained": duration.text(rule.sustained),
        "within": duration.text(rule.within) if rule.within else None,
        "at_least": rule.at_least,
    }
    if case.span is not None:
        values |= {
            "start": template.clock(case.span.start),
            "end": template.clock(case.span.end),
            "start_s": _time(case.span.start),
            "end_s": _time(case.span.end),
            "duration_s": _time(case.span.end - case.span.start),
            "occurrences": case.span.count,
            "after_s": case.span.after_s,
        }
    return values


def _measures_of_span(case: Case) -> dict[str, words.Scalar]:
    measured: dict[str, words.Scalar] = {"rows": len(case.rows)}
    if case.span is not None:
        measured["duration_s"] = _time(case.span.end - case.span.start)
        if case.span.count > 1:
            measured["occurrences"] = case.span.count
        if case.span.after_s is not None:
            measured["after_s"] = _time(case.span.after_s)
    return measured


def _message(message: i18n.Text, values: Mapping[str, Any], span: spans.Span | None) -> i18n.Text:
    told = {language: template.fill(getattr(message, language), values, language) for language in i18n.LANGUAGES}
    if span is None or span.certain:
        return i18n.Text(zh=told["zh"], en=told["en"])
    texts = {
        language: i18n.text(
            "rules:insufficient.told",
            language,
            message=told[language],
            reason=i18n.text(f"rules:insufficient.{span.doubt.value}", language),
        )
        for language in i18n.LANGUAGES
    }
    return i18n.Text(zh=texts["zh"], en=texts["en"])


def _rows(name: str, table: tabling.Table, rows: Rows) -> evidence.Rows:
    digest = evidence.Digest(sha256=table.digest(rows), covers="table")
    shown = tuple(rows[:MOST_ROWS].tolist())
    return evidence.Rows(
        asset=table.sha256, produced_by=table.produced_by, table=name, rows=shown, total=len(rows), digest=digest
    )


def _measured(
    engine: tables.Engine, compiled: rulebook.Compiled, table: tabling.Table, rows: Sequence[Rows]
) -> list[dict[str, words.Scalar]]:
    """Each measure over each case's rows, all in one query."""
    measures = compiled.measures
    if not measures:
        return [{} for _ in rows]
    used = {column for measure in measures.values() for column in measure.columns}
    number = "n"
    while number in {name.casefold() for name in used}:
        number += "n"
    taken = table.data.select([c for c in table.data.column_names if c in used]).take(pa.array(np.concatenate(rows)))
    numbers = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    sql = ", ".join(f"{m.sql} AS m{n}" for n, m in enumerate(measures.values()))
    with engine.seeing(t=taken.append_column(number, pa.array(numbers))):
        answer = engine.table(f"SELECT {sql}, {number} AS k FROM t GROUP BY {number} ORDER BY {number}").to_pylist()
    by_case = {row["k"]: row for row in answer}
    empty: dict[str, Any] = {}
    return [
        {name: _plain(by_case.get(case, empty).get(f"m{n}")) for n, name in enumerate(measures)}
        for case in range(len(rows))
    ]


def _confidences(compiled: rulebook.Compiled, table: tabling.Table, rows: Sequence[Rows]) -> Iterable[found.Confidence]:
    column = compiled.rule.confidence
    method = table.calibrated.get(column) if column else None
    if column is None or method is None:
        return [found.Confidence() for _ in rows]
    values = table.data.column(column).cast(pa.float64()).to_numpy()
    # A verdict over many rows is no surer than its weakest row.
    lowest = [float(values[r].min()) if len(r) else float("nan") for r in rows]
    label = f"{method}; min({column})"
    return [found.Confidence(value=v, method=label) if 0 <= v <= 1 else found.Confidence() for v in lowest]


def _plain(value: object) -> words.Scalar:
    if isinstance(value, decimal.Decimal):
        value = float(value)
    # Parallel sums differ in the last digits from run to run.
    return tabling.scalar(float(f"{value:.9g}") if isinstance(value, float) else value)


def _time(seconds: float) -> float:
    return round(seconds, 6)

"""Boards: health, dimensions, trend and where bad rows lie, as charts of a quality report."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from taihang.core import errors, i18n, scorecard, words
from taihang.data.quality import assessment, history, positions, sets, target
from taihang.report import charts

_BLOCKS = 12
_MOST_COLUMNS = 24
_MOST_TABLES = 24
Rows = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]


def boards(
    found: assessment.Assessment,
    scores: scorecard.Scorecard,
    earlier: Sequence[history.Run],
    times: Mapping[str, str] | None = None,
) -> tuple[charts.Chart, ...]:
    """The charts of an assessment. `times` names a column of days for tables whose heat map is to be over time.

    Raises errors.UserError for a column that is not there or holds no dates.
    """
    made: list[charts.Chart] = [_health(found), _radar(scores)]
    trend = _trend(found, scores, earlier)
    made += [trend] if trend else []
    for name in list(found.targets)[:_MOST_TABLES]:
        heat = _heat(found, name, (times or {}).get(name))
        made += [heat] if heat else []
    return tuple(made)


def _t(key: str, **values: Any) -> i18n.Text:
    return i18n.Message(key=f"data.quality:{key}", values=values).both()


def _health(found: assessment.Assessment) -> charts.Dials:
    groups: dict[str, list[assessment.Outcome]] = {name: [] for name in found.targets}
    for outcome in found.outcomes:
        groups.setdefault(outcome.compiled.rule.table, []).append(outcome)
    dials = []
    if len(groups) > 1:
        dials.append(_dial(_t("board.all"), found.outcomes))
    for name, outcomes in list(groups.items())[:_MOST_TABLES]:
        dials.append(_dial(_t("board.table", table=name), outcomes))
    return charts.Dials(title=_t("board.health"), dials=tuple(dials), note=_t("board.health_note"))


def _dial(label: i18n.Text, outcomes: Sequence[assessment.Outcome]) -> charts.Dial:
    outcomes = [o for o in outcomes if o.compiled.rule.level is not words.Level.info]
    judged = [o for o in outcomes if o.judged]
    whole = sum(o.compiled.rule.weight * o.judged for o in judged)
    bad = sum(o.compiled.rule.weight * o.violated for o in judged)
    passed = sum(not o.broken for o in judged)
    note = _t("board.dial_note", passed=passed, broken=len(judged) - passed, open=len(outcomes) - len(judged))
    return charts.Dial(label=label, value=_unit(1 - bad / whole) if whole else None, note=note)


def _radar(scores: scorecard.Scorecard) -> charts.Radar:
    dials = tuple(
        charts.Dial(label=dimension(s.dimension), value=_unit(s.value))
        for s in scores.scores
        if s.metric == "rows.compliance"
    )
    return charts.Radar(title=_t("board.radar"), dials=dials, note=_t("board.radar_note"))


def _trend(
    found: assessment.Assessment, scores: scorecard.Scorecard, earlier: Sequence[history.Run]
) -> charts.Trend | None:
    # Two rulebooks measure two things: only runs of the same one are one line.
    runs = [run for run in earlier if run.rulebook == found.book.id and run.at < found.as_of]
    if not runs:
        return None
    now = {s.dimension: s.value for s in scores.scores if s.metric == "rows.compliance"}
    lines = []
    for name, value in now.items():
        points = [charts.Point(at=run.at, value=_unit(run.dimensions.get(name))) for run in runs]
        points.append(charts.Point(at=found.as_of, value=_unit(value)))
        if any(p.value is not None for p in points):
            lines.append(charts.Line(label=dimension(name), points=tuple(points)))
    changed = len({run.rulebook_sha256 for run in runs} | {found.book.sha256}) > 1
    note = _t("board.trend_changed" if changed else "board.trend_note", runs=len(runs) + 1)
    return charts.Trend(title=_t("board.trend"), lines=tuple(lines), note=note)


def _heat(found: assessment.Assessment, name: str, time: str | None) -> charts.Heat | None:
    bad = _bad(found, name)
    total = found.totals.get(name, 0)
    if not bad or not total or not found.targets[name].counted:
        return None
    if time is not None:
        labels, totals, counts = _by_day(found.targets[name], time, bad)
        title, note = _t("board.heat_time", table=name, column=time), _t("board.heat_time_note")
    else:
        labels, totals, counts = _by_block(total, bad)
        title, note = _t("board.heat", table=name), _t("board.heat_note")
    if not labels:
        return None
    cells = tuple(
        tuple(charts.Cell(bad=int(n), total=int(m)) for n, m in zip(row, totals, strict=True)) for row in counts
    )
    columns = tuple(i18n.Text(zh=label, en=label) for label in labels)
    return charts.Heat(
        title=title, rows=tuple(i18n.Text(zh=c, en=c) for c in bad), columns=columns, cells=cells, note=note
    )


def _bad(found: assessment.Assessment, name: str) -> dict[str, positions.Positions]:
    """Bad rows of each column that a broken rule names, the worst first; a row counts once for a column."""
    gathered: dict[str, list[Rows]] = {}
    for outcome in found.outcomes:
        compiled = outcome.compiled
        if compiled.rule.table != name or not len(outcome.rows):
            continue
        check = compiled.rule.check
        named = sets.own(check) if check is not None and compiled.rule.about_sets else compiled.where.columns
        for column in dict.fromkeys(named):
            gathered.setdefault(column, []).append(outcome.rows)
    merged = {c: positions.Positions(rows) for c, rows in gathered.items()}
    counted = {c: len(rows) for c, rows in merged.items()}
    worst = sorted(merged, key=lambda c: (-counted[c], c))[:_MOST_COLUMNS]
    return {c: merged[c] for c in worst}


def _by_block(total: int, bad: Mapping[str, positions.Positions]) -> tuple[list[str], Counts, list[Counts]]:
    blocks = min(_BLOCKS, total)
    edges = np.array([total * n // blocks for n in range(blocks + 1)])
    labels = [f"{a}–{b - 1}" if b - a > 1 else str(a) for a, b in itertools.pairwise(edges.tolist())]
    spans = list(itertools.pairwise(edges.tolist()))
    counts = [np.array([rows.count(*span) for span in spans], np.int64) for rows in bad.values()]
    return labels, np.diff(edges), counts


def _by_day(
    on: target.Target, column: str, bad: Mapping[str, positions.Positions]
) -> tuple[list[str], Counts, list[Counts]]:
    """One pass over one column: days of all rows and of the bad ones, put into at most twelve spans of equal length."""
    if column not in on.source.schema.names:
        known = ", ".join(on.source.schema.names[:40])
        raise errors.UserError("data.quality:by_time.column", table=on.name, column=column, known=known)
    every: dict[int, int] = {}
    own: list[dict[int, int]] = [{} for _ in bad]
    for start, chunk in on.chunks([column]):
        days = _days(on, column, chunk.data.column(column))
        _count(every, days)
        for counted, rows in zip(own, bad.values(), strict=True):
            _count(counted, days[rows.within(start, start + len(days)) - start])
    if not every:
        return [], np.zeros(0, np.int64), []
    low, high = min(every), max(every)
    width = -(-(high - low + 1) // _BLOCKS)
    spans = -(-(high - low + 1) // width)
    first_days = [datetime.date.fromordinal(_EPOCH + low + n * width) for n in range(spans)]

    def put(counted: Mapping[int, int]) -> Counts:
        made = np.zeros(spans, np.int64)
        for day, count in counted.items():
            made[(day - low) // width] += count
        return made

    return [d.isoformat() for d in first_days], put(every), [put(counted) for counted in own]


_EPOCH = datetime.date(1970, 1, 1).toordinal()
_NO_DAY = np.iinfo(np.int64).min


def _days(on: target.Target, column: str, values: pa.Array) -> Rows:
    try:
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            values = pc.cast(pc.utf8_slice_codeunits(values, 0, 10), pa.date32())
        days = pc.cast(pc.cast(values, pa.timestamp("us", getattr(values.type, "tz", None)))
                       if pa.types.is_timestamp(values.type) else values, pa.date32())  # fmt: skip
        whole = pc.cast(days, pa.int32())
    except (pa.ArrowException, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise errors.UserError("data.quality:by_time.type", table=on.name, column=column, reason=reason) from None
    made: Rows = pc.fill_null(pc.cast(whole, pa.int64()), int(_NO_DAY)).to_numpy(zero_copy_only=False)
    # A date that no calendar here holds cannot be shown on one.
    return np.where((made > 1 - _EPOCH) & (made < 3_652_059 - _EPOCH), made, _NO_DAY)


def _count(counted: dict[int, int], days: Rows) -> None:
    found, counts = np.unique(days[days != _NO_DAY], return_counts=True)
    for day, count in zip(found.tolist(), counts.tolist(), strict=True):
        counted[day] = counted.get(day, 0) + count


def dimension(name: str) -> i18n.Text:
    """A dimension's name, or its own word when the catalogue lacks it."""
    key = f"dimension.{name}"
    known = i18n.catalogue("report").get(key)
    return i18n.Text(**known) if known else i18n.Text(zh=name, en=name)


def _unit(value: float | None) -> float | None:
    return None if value is None else min(1.0, max(0.0, value))

"""Statements: what the model said, moment by moment, beside what the detector found in the same frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from taihang.use.video import scope
from taihang.use.video.observe import coverage, tables
from taihang.use.video.observe import seen as seeing
from taihang.use.video.understand import reading

_Span = tuple[float, float]


def statements(
    understood: reading.Understood,
    seen: seeing.Seen,
    protection: pa.Table,
    segments: pa.Table,
    *,
    blind: Sequence[_Span],
    fixed: bool,
) -> pa.Table:
    """The `statements` table: for each question rows that tile the film.

    A row is observed where a frame was put to the model and it said yes or no; a frame that it did not cite says no.
    Where it could not tell, refused, or was not asked, the row is not observed and `seen` is null.
    """
    people = {int(n): len(feet) for n, feet in zip(seen.numbers, seeing.feet_per_frame(seen), strict=True)}
    worn = _worn(protection, seen)
    parts = [tables.schema("statements").empty_table()]
    for question in understood.asked.questions:
        said = _said(understood, question.id)
        numbers = sorted(said)
        times = np.array([said[n][0] for n in numbers], np.float64)
        tiled = coverage.cover(times, seen.duration_s, segments, blind=blind, fixed=fixed)
        rows = []
        for start, end, place in zip(tiled.start_s, tiled.end_s, tiled.frame, strict=True):
            row: dict[str, object] = {"start_s": start, "end_s": end, "observed": place >= 0, "question": question.id}
            if place >= 0:
                number = numbers[int(place)]
                row |= {"seen": said[number][1], "text": said[number][2], "frame": number}
                row |= {"people": people.get(number), **worn.get(number, {})}
            rows.append(row)
        parts.append(pa.Table.from_pylist(rows, schema=tables.schema("statements")))
    return pa.concat_tables(parts)


def _said(understood: reading.Understood, question: str) -> dict[int, tuple[float, bool, str]]:
    """Per frame on which the question was answered with yes or no: its time, which, and the words."""
    found: dict[int, tuple[float, bool, str]] = {}
    for answer in understood.answers:
        for name, seen, cited, text in answer.judged.said:
            if name != question or seen is None:
                continue
            for number, time_s in zip(answer.window.numbers, answer.window.times, strict=True):
                found[number] = (time_s, number in cited, text)
    return found


def _worn(protection: pa.Table, seen: seeing.Seen) -> Mapping[int, dict[str, bool | None]]:
    """Per frame: false where the detector sees somebody without the item, true where all wear it, else null."""
    found: dict[int, dict[str, bool | None]] = {}
    rows = [row for row in protection.to_pylist() if row["observed"]]
    for number, time_s in zip(seen.numbers.tolist(), seen.times.tolist(), strict=True):
        here = [row for row in rows if row["start_s"] <= time_s < row["end_s"]]
        if here:
            found[number] = {item: _all([row[item] for row in here]) for item in scope.ITEMS}
    return found


def _all(values: Sequence[bool | None]) -> bool | None:
    if False in values:
        return False
    return None if None in values else True

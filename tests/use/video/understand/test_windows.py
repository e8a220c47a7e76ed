"""Windows hold every frame that is worth asking about, few at a time, and follow the events' borders."""

from __future__ import annotations

import itertools

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from taihang.use.video.select import boundaries
from taihang.use.video.understand import windows


def _segments(*spans: tuple[float, float, str]) -> pa.Table:
    rows = [
        {"start_s": a, "end_s": b, "kind": kind, "score": 1.0, "camera": "still", "source": "keys", "moment_s": a}
        for a, b, kind in spans
    ]
    return pa.Table.from_pylist(rows, boundaries.SEGMENTS)


def _shown(*times: float) -> pa.Table:
    return pa.table({"number": pa.array(range(len(times)), pa.int32()), "time_s": pa.array(times, pa.float64())})


@st.composite
def films(draw: st.DrawFn) -> tuple[pa.Table, pa.Table]:
    lengths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=8))
    spans, at = [], 0.0
    for length in lengths:
        spans.append((at, at + length, draw(st.sampled_from(["event", "stable"]))))
        at += length
    times = draw(st.lists(st.floats(0, at), max_size=60, unique=True).map(sorted))
    return _segments(*spans), _shown(*times)


@given(films(), st.integers(1, 9))
def test_every_frame_is_in_one_window_and_no_window_is_too_large(film: tuple[pa.Table, pa.Table], most: int) -> None:
    found = windows.windows(*film, most=most, fixed=False)
    numbers = [n for w in found for n in w.numbers]
    assert numbers == film[1]["number"].to_pylist()
    assert all(1 <= len(w.numbers) <= most for w in found)
    assert all(w.start_s <= t <= w.end_s for w in found for t in w.times)
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in itertools.pairwise(found))


@given(films(), st.integers(1, 9))
def test_a_segment_that_fits_is_never_cut(film: tuple[pa.Table, pa.Table], most: int) -> None:
    found = windows.windows(*film, most=most, fixed=False)
    times = dict(zip(film[1]["number"].to_pylist(), film[1]["time_s"].to_pylist(), strict=True))
    rows = film[0].to_pylist()
    for place, row in enumerate(rows):
        last = place == len(rows) - 1
        inside = {n for n, t in times.items() if row["start_s"] <= t and (t < row["end_s"] or last)}
        holders = [w for w in found if inside & set(w.numbers)]
        if 0 < len(inside) <= most:
            assert len(holders) == 1
        elif len(inside) > most:
            assert all(set(w.numbers) & inside for w in holders)


def test_before_a_fixed_camera_two_frames_tell_of_a_stable_span_and_all_of_an_event() -> None:
    segments = _segments((0, 10, "stable"), (10, 14, "event"), (14, 30, "stable"))
    shown = _shown(*(float(t) for t in range(30)))
    fixed = windows.windows(segments, shown, most=8, fixed=True)
    assert [w.numbers for w in fixed] == [(0, 9, 10, 11, 12, 13, 14, 29)]
    assert [w.event for w in windows.windows(segments, shown, most=4, fixed=True)] == [False, True, False]


def test_nothing_to_see_is_nothing_to_ask() -> None:
    assert windows.windows(_segments((0, 10, "event")), _shown(), most=8, fixed=True) == []

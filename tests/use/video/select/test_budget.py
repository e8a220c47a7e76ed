from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.use.video.select import boundaries, budget, saliency


def packets(count: int, fps: float, gop: int = 10, corrupt: frozenset[int] = frozenset()) -> pa.Table:
    number = np.arange(count)
    return pa.table(
        {
            "number": pa.array(number, pa.int32()),
            "time_s": number / fps,
            "duration_s": np.full(count, 1 / fps),
            "key": number % gop == 0,
            "corrupt": np.isin(number, list(corrupt)),
        }
    )


def signals(table: pa.Table, seen: str = "clear") -> saliency.Signals:
    keys = table.filter(table["key"])
    rows = [
        {
            "number": n,
            "time_s": t,
            "seen": seen,
            "luma": 1,
            "spread": 1,
            "sharpness": 1,
            "entropy": 1,
            "cells": b"\0" * 192,
        }
        for n, t in zip(keys["number"].to_pylist(), keys["time_s"].to_pylist(), strict=True)
    ]
    end = table["time_s"][-1].as_py() + table["duration_s"][-1].as_py() if table.num_rows else 0.0
    return saliency.Signals(
        duration_s=end,
        frames=saliency.FRAMES.empty_table(),
        keys=pa.Table.from_pylist(rows, saliency.KEYS),
        motion=saliency.MOTION.empty_table(),
        camera=saliency.CAMERA.empty_table(),
        decoded=0,
    )


def events(end_s: float, *found: tuple[float, float, float]) -> pa.Table:
    """Segments with these events (start, end, score) and stable spans between them."""
    rows, reached = [], 0.0
    for start, end, score in [*found, (end_s, end_s, 0.0)]:
        for a, b, kind, worth in ((reached, start, "stable", 0.0), (start, end, "event", score)):
            if b > a:
                rows.append(
                    {"start_s": a, "end_s": b, "kind": kind, "score": worth, "camera": "still", "source": "keys",
                     "moment_s": (a + b) / 2}
                )  # fmt: skip
        reached = end
    return pa.Table.from_pylist(rows, boundaries.SEGMENTS)


@st.composite
def cases(draw: st.DrawFn) -> tuple[pa.Table, pa.Table, saliency.Signals]:
    fps = draw(st.sampled_from([1.0, 5.0, 10.0, 29.97]))
    count = draw(st.integers(1, 1500))
    corrupt = frozenset(draw(st.lists(st.integers(0, count - 1), max_size=20)))
    table = packets(count, fps, draw(st.sampled_from([1, 10, 250])), corrupt)
    end = count / fps
    cuts = sorted(set(draw(st.lists(st.floats(0, end, exclude_max=True), max_size=16))))
    found = [(a, b, draw(st.floats(0.1, 50))) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    return table, events(end, *found), signals(table, draw(st.sampled_from(["clear", "dark"])))


wishes = st.lists(st.tuples(st.floats(0, 100), st.floats(1, 50), st.floats(0, 10)), max_size=3)


@settings(max_examples=150, deadline=None)
@given(cases(), st.floats(0, 0.3), st.floats(0.5, 40), wishes, st.floats(0, 1))
def test_budget_and_floor_are_kept(case, share, floor_s, wanted, hold):
    table, segments, told = case
    spans = [(start, start + length, rate) for start, length, rate in wanted]
    said = {"budget": share, "floor_s": floor_s, "wishes": spans, "hold": hold}
    chosen = budget.choose(segments, told, table, **said)
    assert chosen.equals(budget.choose(segments, told, table, **said), check_metadata=True)

    metadata = {k.decode(): v.decode() for k, v in chosen.schema.metadata.items()}
    allowed, held = int(metadata["allowed"]), int(metadata["held"])
    numbers = chosen["number"].to_pylist()
    assert numbers == sorted(set(numbers))
    assert len(numbers) <= max(allowed - held, 1)
    assert allowed <= share * table.num_rows + 1e-6
    assert all(0 <= n < table.num_rows for n in numbers)
    assert chosen["time_s"].to_pylist() == [table["time_s"][n].as_py() for n in numbers]

    longest = max(np.diff([0.0, *chosen["time_s"].to_pylist(), told.duration_s]))
    step = table["duration_s"][0].as_py()
    if metadata["floor_held"] == "1":
        assert longest <= floor_s + step + 1e-9
    else:
        assert longest > floor_s


@settings(max_examples=60, deadline=None)
@given(st.integers(300, 3000), st.sampled_from([5.0, 10.0, 30.0]), st.floats(5, 60), st.integers(0, 20))
def test_floor_holds_whenever_the_budget_permits_it(count, fps, floor_s, crowd):
    table = packets(count, fps)
    end = count / fps
    # As many strong events as would eat the whole budget, all at the start.
    found = [(place * 0.4, place * 0.4 + 0.3, 40.0) for place in range(crowd) if place * 0.4 + 0.3 < end]
    needed = int(np.ceil(end / (floor_s - 1 / fps)))
    chosen = budget.choose(
        events(end, *found), signals(table), table, budget=min(1.0, (needed + 1) / count), floor_s=floor_s
    )
    assert chosen.schema.metadata[b"floor_held"] == b"1"


def test_each_event_gets_frames_before_and_after_within_two_seconds():
    table = packets(3000, 10)
    moments = [20.0, 71.0, 140.0, 211.0, 280.0]
    found = [(m - 1.0, m + 1.0, 20.0) for m in moments]
    chosen = budget.choose(events(300, *found), signals(table), table, budget=0.01)["time_s"].to_pylist()
    for moment in moments:
        assert any(moment - 2 <= time <= moment for time in chosen)
        assert any(moment <= time <= moment + 2 for time in chosen)


def test_a_wish_moves_frames_into_its_span_and_a_rate_of_nothing_out_of_it():
    table = packets(6000, 10)
    segments, told = events(600), signals(table)

    def inside(*spans: tuple[float, float, float]) -> int:
        times = budget.choose(segments, told, table, wishes=spans)["time_s"].to_pylist()
        return sum(100 <= time < 200 for time in times)

    assert inside((100, 200, 4.0)) > inside() > inside((100, 200, 0.0))
    # The floor stands whatever a rulebook wishes.
    assert inside((100, 200, 0.0)) >= 3


def test_frames_go_where_something_can_be_seen():
    table = packets(3000, 10)
    told = signals(table)
    dark = told.keys["seen"].to_pylist()
    dark[:150] = ["dark"] * 150
    keys = told.keys.set_column(told.keys.schema.get_field_index("seen"), "seen", pa.array(dark))
    told = saliency.Signals(told.duration_s, told.frames, keys, told.motion, told.camera, 0)
    times = budget.choose(events(300), told, table)["time_s"].to_pylist()
    assert sum(time < 150 for time in times) < sum(time >= 150 for time in times)


def test_a_held_back_share_is_left_for_a_second_look():
    table = packets(3000, 10)
    chosen = budget.choose(events(300), signals(table), table, budget=0.02, hold=0.25)
    assert chosen.num_rows == 45
    assert chosen.schema.metadata[b"held"] == b"15"


def test_it_says_when_the_floor_cannot_be_held():
    table = packets(100, 1 / 10)  # a frame every ten seconds: two frames for 1000 s
    chosen = budget.choose(events(1000), signals(table), table, budget=0.02)
    assert chosen.num_rows == 2
    assert chosen.schema.metadata[b"floor_held"] == b"0"


def test_a_film_of_one_frame_and_of_none():
    one = packets(1, 1)
    assert budget.choose(events(1), signals(one), one)["number"].to_pylist() == [0]
    none = packets(0, 1)
    assert budget.choose(boundaries.SEGMENTS.empty_table(), signals(none), none).num_rows == 0


@pytest.mark.parametrize(
    "wrong",
    [{"budget": 1.5}, {"budget": -0.1}, {"hold": 2}, {"floor_s": 0}, {"wishes": [(5, 5, 1)]}, {"wishes": [(0, 1, -1)]},
     {"wishes": [(0, float("inf"), 1)]}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong):
    table = packets(10, 1)
    with pytest.raises(ValueError):
        budget.choose(events(10), signals(table), table, **wrong)

"""The derived tables, from hand-made observations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from taihang.use.video.observe import coverage, movement, occupancy, protection, tables
from taihang.use.video.observe import seen as seeing
from taihang.use.video.zoning import zones

Row = tuple[int, str, tuple[float, float, float, float], int | None]


def _seen(times: Sequence[float], rows: Sequence[Row], duration: float = 60.0, **more: object) -> seeing.Seen:
    numbers = np.arange(len(times)) * 10
    data = {
        "number": pa.array([int(numbers[r[0]]) for r in rows], pa.int32()),
        "label": pa.array([r[1] for r in rows], pa.string()),
        **{c: pa.array([r[2][i] for r in rows], pa.float32()) for i, c in enumerate(("x0", "y0", "x1", "y1"))},
        "track": pa.array([r[3] for r in rows], pa.int32()),
    }
    none = pa.table(
        {"start_s": pa.array([], pa.float64()), "end_s": pa.array([], pa.float64()), "kind": pa.array([], pa.string())}
    )
    at = np.asarray(times, dtype=float)
    return seeing.Seen(at, numbers, pa.table(data), coverage.cover(at, duration, none), duration, **more)  # type: ignore[arg-type]


def _person(place: int, x: float, y: float, track: int | None = 0, height: float = 100) -> Row:
    return (place, "person", (x - 20, y - height, x + 20, y), track)


def _observed(table: pa.Table) -> list[dict[str, object]]:
    return [r for r in table.to_pylist() if r["observed"]]


def test_people_are_counted_and_absence_is_a_row() -> None:
    found = occupancy.people(_seen([10, 20], [_person(0, 50, 200), _person(0, 150, 200)]))
    assert [r["people"] for r in _observed(found)] == [2, 0]
    assert found.schema == tables.schema("people")
    unseen = [r for r in found.to_pylist() if not r["observed"]]
    assert [r["people"] for r in unseen] == [None, None, None]
    assert sum(r["end_s"] - r["start_s"] for r in found.to_pylist()) == pytest.approx(60)


def test_a_person_is_in_a_zone_by_the_feet() -> None:
    square = np.array([[0.0, 150.0], [100.0, 150.0], [100.0, 250.0], [0.0, 250.0]])
    zone = zones.Zone(name="shaft", kind="restricted", points=tuple(map(tuple, square)))
    seen = _seen([5, 10, 15], [_person(0, 50, 200), _person(1, 50, 300)], outlines={"shaft": [square, square, None]})
    found = occupancy.zone_occupancy(seen, [zone])
    assert [r["people"] for r in _observed(found)] == [1, 0]
    assert [r["looks"] for r in _observed(found)] == [1, 1]
    assert {(r["zone"], r["zone_kind"]) for r in found.to_pylist()} == {("shaft", "restricted")}
    at_15 = next(r for r in found.to_pylist() if r["start_s"] <= 15 < r["end_s"])
    assert (at_15["observed"], at_15["people"]) == (False, None)


def test_looks_counts_the_frames_in_a_row_that_agree() -> None:
    square = np.array([[0.0, 150.0], [100.0, 150.0], [100.0, 250.0], [0.0, 250.0]])
    zone = zones.Zone(name="desk", kind="post", points=tuple(map(tuple, square)))
    rows = [_person(0, 50, 200), _person(4, 50, 200)]
    seen = _seen([5, 10, 15, 20, 25], rows, outlines={"desk": [square, square, square, None, square]})
    found = occupancy.zone_occupancy(seen, [zone])
    assert [(r["people"], r["looks"]) for r in _observed(found)] == [(1, 1), (0, 2), (0, 2), (1, 1)]


def test_speed_is_in_body_heights_per_second() -> None:
    seen = _seen([0, 1, 2], [_person(i, 100 + 200 * i, 300) for i in range(3)])
    found = movement.movement(seen)
    assert [r["speed"] for r in _observed(found)] == pytest.approx([2.0, 2.0])


def test_jitter_of_dense_frames_is_no_speed() -> None:
    times = [i * 0.2 for i in range(20)]
    rows = [_person(i, 100 + (3 if i % 2 else -3), 300) for i in range(20)]
    assert max(float(str(r["speed"])) for r in _observed(movement.movement(_seen(times, rows)))) < 0.2


def test_no_speed_is_told_over_a_long_gap() -> None:
    found = movement.movement(_seen([0, 10], [_person(0, 100, 300), _person(1, 900, 300)]))
    assert [r["observed"] for r in found.to_pylist()] == [False]


@pytest.mark.parametrize(
    ("box", "says", "expected"),
    [
        (("helmet", (90, 195, 110, 215)), {"helmet": True, "head": False}, True),
        (("head", (90, 195, 110, 215)), {"helmet": True, "head": False}, False),
        (("helmet", (300, 195, 320, 215)), {"helmet": True, "head": False}, None),
        (("helmet", (300, 195, 320, 215)), {"helmet": True}, False),
    ],
)
def test_a_helmet_belongs_to_the_person_it_lies_on(
    box: tuple[str, tuple[float, float, float, float]], says: dict[str, bool], expected: bool | None
) -> None:
    seen = _seen([5], [_person(0, 100, 300), (0, *box, None)])
    found = protection.protection(seen, {"helmet": says})
    assert [(r["track"], r["helmet"], r["vest"]) for r in _observed(found)] == [(0, expected, None)]


def test_a_small_figure_is_not_accused() -> None:
    found = protection.protection(_seen([5], [_person(0, 100, 300, height=60)]), {"helmet": {"helmet": True}})
    assert _observed(found)[0]["helmet"] is None


def test_nothing_seen_gives_tables_without_rows_but_with_columns() -> None:
    seen = _seen([], [])
    assert movement.movement(seen).schema == tables.schema("movement")
    assert protection.protection(seen, {"helmet": {"helmet": True}}).num_rows == 0
    assert occupancy.people(seen)["observed"].to_pylist() == [False]

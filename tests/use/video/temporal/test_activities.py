"""What a classifier says of moments, as spans that tile the film."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.engines.predict import predictor
from taihang.model.temporal import card as cards
from taihang.use.video.observe import coverage, tables
from taihang.use.video.observe import seen as seeing
from taihang.use.video.temporal import activities, telling

NONE = {"walking": None, "machine": None}
CARD = cards.Card(
    classes=("walking", "machine"), presence=("walking",), thresholds=(0.5, 0.4), planes=6, height=64, width=128,
    signals=4, reach=6, precision="int8", parity=0.0, synthetic=True, sha256="0" * 64,
    trained=cards.Trained(films=1, steps=1, held_films=1, held_steps=1, seen={"walking": 0, "machine": 0}, f1=NONE,
                          f1_int8=NONE),
)  # fmt: skip


def told(times, walking, clear=None, duration=20.0) -> activities.Told:
    rows = [[w, 0.1] for w in walking]
    data = {"time_s": times, "clear": [True] * len(times) if clear is None else clear, "outputs": rows}
    return activities.Told(CARD, pa.table(data, schema=activities.OUTPUTS), duration)


def seen(counts: dict[float, int], duration: float = 20.0) -> seeing.Seen:
    times = np.array(sorted(counts))
    rows = [
        {"number": k, "time_s": t, "label": "person", "score": 0.9, "x0": 20 * i, "y0": 0, "x1": 20 * i + 9, "y1": 50}
        for k, t in enumerate(times.tolist())
        for i in range(counts[t])
    ]
    found = pa.Table.from_pylist(rows, predictor.DETECTIONS)
    found = found.append_column("track", pa.array([0] * len(rows), pa.int64()))
    segments = pa.table({"start_s": [0.0], "end_s": [duration], "kind": ["event"]})
    return seeing.Seen(times, np.arange(len(times)), found, coverage.cover(times, duration, segments), duration)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.booleans(), st.floats(0, 1)), max_size=30), st.floats(0.5, 120))
def test_each_classes_rows_tile_the_film(rows, duration):
    kept = sorted({round(t, 3): (c, v) for t, c, v in rows if t < duration}.items())
    said = told([t for t, _ in kept], [v for _, (_, v) in kept], [c for _, (c, _) in kept], duration)
    table = activities.activities(said, seen({}, duration))
    for name in CARD.classes:
        mine = [row for row in table.to_pylist() if row["activity"] == name]
        assert mine[0]["start_s"] == 0
        assert mine[-1]["end_s"] == duration
        for left, right in itertools.pairwise(mine):
            assert left["end_s"] == right["start_s"]
            assert left["going_on"] is not right["going_on"]
        assert all((row["going_on"] is None) == (not row["observed"]) for row in mine)


def test_who_walks_is_a_row_with_the_most_people_that_the_detector_saw():
    said = told([2.0, 4.0, 6.0, 8.0], [0.1, 0.9, 0.8, 0.2])
    rows = [r for r in activities.activities(said, seen({4.5: 1, 6.0: 2, 8.0: 3})).to_pylist() if r["going_on"]]
    assert [(r["activity"], r["start_s"], r["end_s"], r["people"]) for r in rows] == [("walking", 3.0, 7.0, 2)]
    assert activities.activities(said, seen({})).schema == tables.schema("activities")


def test_dark_steps_and_long_gaps_are_not_judged():
    said = told([1.0, 2.0, 3.0, 18.0], [0.9, 0.9, 0.9, 0.9], [True, False, True, True])
    assert activities.unjudged(said) == [(1.5, 2.5), (5.0, 16.0)]
    assert [row.code for row in telling.not_judged(said)] == ["temporal-unjudged"] * 2


def test_stays_are_bridged_over_a_blink_and_are_of_presence_alone():
    said = told([1, 2, 3, 4, 5, 6, 7, 8], [0.9, 0.9, 0.1, 0.1, 0.1, 0.9, 0.9, 0.1], duration=8.5)
    assert [(s.start_s, s.end_s) for s in activities.presence(said)] == [(0.0, 2.5), (5.5, 7.5)]
    machine = cards.Card.model_validate({**CARD.model_dump(), "presence": ()})
    assert activities.presence(activities.Told(machine, said.outputs, 8.5)) == []


def test_what_goes_on_is_told_in_both_languages():
    said = told([2.0, 4.0, 6.0], [0.1, 0.9, 0.1])
    facts, table = telling.told(said)
    assert table.rows == (("0:00:03–0:00:05", "walking"),)
    assert (facts.title.zh, facts.title.en) == ("时序分类器", "Temporal classifier")
    assert any("合成" in limit.zh and "rendered" in limit.en for limit in telling.limits(said))

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.engines.predict import appearance, predictor
from taihang.use.video import track

WIDTH, HEIGHT, TALL = 1280, 720, 150.0


def _frames(times):
    return pa.table({"number": pa.array(range(len(times)), pa.int32()), "time_s": pa.array(times, pa.float64())})


def _row(number, time_s, x, y, score=0.9, *, label="person", tall=TALL):
    box = {"x0": x - 0.2 * tall, "y0": y, "x1": x + 0.2 * tall, "y1": y + tall}
    return {"number": number, "time_s": time_s, "label": label, "score": score, **box}


def _table(rows):
    return pa.Table.from_pylist(rows, schema=predictor.DETECTIONS)


def _walkers(times, lanes, speeds, starts):
    """One row a walker a frame, each on a lane of its own, in walker-major order of ids."""
    rows, ids = [], []
    for number, now in enumerate(times):
        for walker, lane in enumerate(lanes):
            rows.append(_row(number, now, starts[walker] + speeds[walker] * now, lane))
            ids.append(walker)
    return rows, ids


gaps = st.lists(st.floats(0.1, 10.0), min_size=1, max_size=12)


@settings(deadline=None, max_examples=60)
@given(gaps=gaps, seed=st.integers(0, 2**32 - 1))
def test_well_separated_walkers_keep_their_identity_at_uneven_times(gaps, seed):
    # Lanes three heights apart; walkers turn around at random, never faster than 0.5 heights a second.
    random = np.random.default_rng(seed)
    times = [0.0, *itertools.accumulate(gaps)]
    x = random.uniform(300, 900, 3)
    rows, ids = [], []
    for number, now in enumerate(times):
        dt = now - times[number - 1] if number else 0.0
        x = np.clip(x + random.uniform(-0.5, 0.5, 3) * TALL * min(dt, 3.0), 100, 1100)
        for walker in range(3):
            rows.append(_row(number, now, x[walker], 20 + walker * 3 * TALL))
            ids.append(walker)
    found = track.track(_table(rows), _frames(times), 3000, 3000)
    assert found.num_rows == len(rows)
    names = found["track"].to_pylist()
    assert len(set(zip(names, ids, strict=True))) == 3


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_the_order_of_rows_within_a_frame_does_not_matter(data):
    times = [0.0, *itertools.accumulate(data.draw(gaps))]
    rows = []
    for number, now in enumerate(times):
        for _ in range(data.draw(st.integers(0, 4))):
            x, y = data.draw(st.integers(50, 1200)), data.draw(st.integers(0, 500))
            rows.append(_row(number, now, float(x), float(y), score=data.draw(st.sampled_from([0.3, 0.6, 0.9]))))
    shuffled = data.draw(st.permutations(rows))
    one = track.track(_table(rows), _frames(times))
    two = track.track(_table(shuffled), _frames(times))
    key = [(n, "ascending") for n in (*predictor.DETECTIONS.names, "track")]
    assert one.sort_by(key).equals(two.sort_by(key))


def test_walkers_who_cross_keep_their_identity_at_five_frames_a_second():
    times = [i / 5 for i in range(30)]
    rows, ids = _walkers(times, [200, 260], [90, -90], [300, 840])
    names = track.track(_table(rows), _frames(times))["track"].to_pylist()
    assert len(set(zip(names, ids, strict=True))) == 2


def test_crossing_between_sparse_frames_is_settled_by_looks():
    # They meet between two frames six seconds apart: place cannot tell them, their clothes can.
    times = [0.0, 1.0, 7.0, 8.0]
    rows, ids = _walkers(times, [200, 210], [60, -60], [400, 880])
    table = _table(rows)
    looks = np.zeros((len(rows), appearance.LENGTH), np.float32)
    for place, walker in enumerate(ids):
        looks[place, [walker, 12 + walker]] = 0.5
    column = pa.FixedSizeListArray.from_arrays(pa.array(looks.ravel()), appearance.LENGTH)
    dressed = table.append_column(appearance.SCHEMA.field(appearance.COLUMN), column)
    names = track.track(dressed, _frames(times))["track"].to_pylist()
    assert len(set(zip(names, ids, strict=True))) == 2


def test_a_missed_frame_or_a_long_gap_does_not_end_a_track_of_someone_standing():
    times = [0.0, 1.0, 2.0, 3.0, 12.0]
    rows = [_row(n, times[n], 400, 100) for n in (0, 1, 3, 4)]
    found = track.track(_table(rows), _frames(times))
    assert set(found["track"].to_pylist()) == {1}
    [told] = track.tracks(found).to_pylist()
    assert told == {
        "track": 1,
        "label": "person",
        "start_s": 0.0,
        "end_s": 12.0,
        "seen": 4,
        "sure": 4,
        "longest_gap_s": 9.0,
        "score": pytest.approx(0.9),
    }


def test_a_track_ends_after_the_longest_gap():
    times = [0.0, 13.0]
    rows = [_row(n, t, 400, 100) for n, t in enumerate(times)]
    assert track.track(_table(rows), _frames(times))["track"].to_pylist() == [1, 2]
    assert track.track(_table(rows), _frames(times), max_gap_s=14)["track"].to_pylist() == [1, 1]


def test_who_walked_out_is_not_who_comes_in():
    # Out at the right edge; three frames show nobody; someone comes in where the first came in.
    times = [float(i) for i in range(12)]
    rows = [_row(n, times[n], 900 + 100 * n, 300) for n in range(4)]
    rows += [_row(n, times[n], 900, 300) for n in range(8, 12)]
    assert track.track(_table(rows), _frames(times), WIDTH, HEIGHT)["track"].to_pylist() == [1] * 4 + [2] * 4


def test_weak_detections_count_only_with_a_sure_one():
    times = [0.0, 1.0, 2.0]
    rows = [_row(0, 0.0, 400, 100, 0.3), _row(1, 1.0, 405, 100, 0.9), _row(2, 2.0, 405, 100, 0.3)]
    ghosts = [_row(n, times[n], 1100, 400, 0.45) for n in range(3)]
    found = track.track(_table(rows + ghosts), _frames(times))
    assert found.num_rows == 3
    assert set(found["x0"].to_pylist()) == {r["x0"] for r in _table(rows).to_pylist()}


def test_many_weak_detections_are_not_carried_by_one_sure():
    times = [float(n) for n in range(10)]
    rows = [_row(n, times[n], 400, 100, 0.9 if n == 5 else 0.3) for n in range(10)]
    found = track.track(_table(rows), _frames(times))
    assert found["time_s"].to_pylist() == [5.0]


def test_another_label_is_another_thing():
    times = [0.0, 0.2]
    rows = [_row(0, 0.0, 400, 100), _row(1, 0.2, 400, 100, label="car")]
    assert track.track(_table(rows), _frames(times))["track"].to_pylist() == [1, 2]


def test_nothing_seen_gives_empty_tables():
    found = track.track(predictor.DETECTIONS.empty_table(), _frames([0.0, 1.0]))
    assert found.num_rows == 0
    assert found.schema.field("track").type == pa.int32()
    assert track.tracks(found).schema == track.TRACKS


def test_a_detection_outside_the_frames_is_a_mistake():
    with pytest.raises(ValueError, match="frame 5"):
        track.track(_table([_row(5, 0.0, 1, 1)]), _frames([0.0]))

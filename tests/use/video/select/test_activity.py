from __future__ import annotations

import numpy as np
import pyarrow as pa

from taihang.use.video.select import activity


def table(size, key, fps=10.0):
    return pa.table({"size": np.array(size, np.int32), "key": np.array(key), "time_s": np.arange(len(size)) / fps})


def test_key_frames_do_not_count_and_the_pattern_of_p_and_b_frames_is_evened_out():
    size = [20_000 if n % 10 == 0 else 900 if n % 5 == 4 else 100 for n in range(200)]
    found = activity.per_frame(table(size, [n % 10 == 0 for n in range(200)]))
    assert np.abs(found[5:-5]).max() < 0.6


def test_a_burst_stands_out_by_its_factor():
    size = np.full(200, 800)
    size[100:120] = 6400
    found = activity.per_frame(table(size, np.arange(200) % 50 == 0))
    assert found[105:115].min() > 2.3
    assert abs(np.median(found)) < 0.01


def test_a_handful_of_bytes_in_an_empty_scene_is_nothing():
    size = np.where(np.arange(200) % 50 == 0, 20_000, 20)
    size[90:96] = 60
    assert activity.per_frame(table(size, np.arange(200) % 50 == 0)).max() < 0.6


def test_only_key_frames_and_no_frames():
    assert np.isfinite(activity.per_frame(table([500] * 20, [True] * 20))).all()
    assert len(activity.per_frame(table([], np.zeros(0, bool)))) == 0
    assert activity.per_frame(table([700], [True])).tolist() == [0.0]

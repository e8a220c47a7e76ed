from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from taihang.use.video.select import glances


def packets(count, gop, fps=30.0):
    number = np.arange(count)
    return pa.table({"time_s": number / fps, "key": number % gop == 0})


def frames(spans, fps=30.0):
    return sum(round((end - start) * fps + 0.5) for start, end in spans)


@given(st.integers(0, 2000), st.integers(1, 300), st.floats(0, 0.25), st.integers(0, 2**32))
def test_spans_start_at_key_frames_keep_order_and_stay_within_the_share(count, gop, share, seed):
    table = packets(count, gop)
    worth = np.random.default_rng(seed).exponential(1, count)
    spans = glances.plan(table, worth, share)
    assert frames(spans) <= share * count + 1e-6
    assert all(round(start * 30) % gop == 0 for start, _ in spans)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))


def test_what_is_worth_nothing_is_not_looked_at():
    table = packets(900, 90)
    worth = np.zeros(900)
    worth[450:540] = 1.0
    assert [round(start, 2) for start, _ in glances.plan(table, worth, 0.25)] == [15.0]
    assert glances.plan(table, np.zeros(900), 0.25) == []


def test_more_goes_to_where_more_happens():
    worth = np.ones(900)
    worth[450:540] = 9.0
    lengths = {round(a): b - a for a, b in glances.plan(packets(900, 90), worth, 0.2)}
    assert lengths[15] > 2 * lengths[0]

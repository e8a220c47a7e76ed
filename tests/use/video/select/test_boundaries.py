from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.engines.media import packets
from taihang.use.video.select import boundaries, budget, novelty, saliency, state
from tests.use.video import films


def read(path, **how):
    table = packets.packets(path)
    told = saliency.signals(path, table, workers=1, **how)
    return table, told, boundaries.segments(told)


def events(segments):
    return [row for row in segments.to_pylist() if row["kind"] == "event"]


@pytest.fixture(scope="module", params=[10, 60])
def visit(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    path = films.film(
        folder / "visit.mp4", 30, lambda t: films.visitor(films.view(0, 0), films.place(t, 8, 20)), gop=request.param
    )
    return read(path)


def test_who_comes_and_goes_makes_two_events_that_hold_the_whole_action(visit):
    comes, goes = events(visit[2])
    assert comes["start_s"] <= 8.0
    assert 9.0 <= comes["end_s"] <= 12.5
    assert 15.5 <= goes["start_s"] <= 18.6
    assert 19.6 <= goes["end_s"] <= 23.0
    assert (comes["camera"], goes["camera"]) == ("still", "still")


def test_two_percent_of_the_frames_show_both_moments(visit):
    table, told, segments = visit
    times = budget.choose(segments, told, table)["time_s"].to_pylist()
    assert len(times) == 6
    for moment in (8.0, 20.0):
        assert any(abs(time - moment) <= 1 for time in times)


def test_an_empty_room_has_no_event(tmp_path):
    assert events(read(films.film(tmp_path / "room.mp4", 25, lambda t: films.view(0, 0)))[2]) == []


@pytest.mark.parametrize("gop", [15, 90])
def test_a_camera_that_only_walks_makes_no_event(tmp_path, gop):
    path = films.film(tmp_path / "walk.mp4", 24, lambda t: films.view(*films.walked(t)), gop=gop, fps=15)
    assert events(read(path)[2]) == []


def test_a_camera_that_only_pans_makes_no_event(tmp_path):
    path = films.film(tmp_path / "pan.mp4", 20, lambda t: films.view(8 * t - 80, 0), gop=15, fps=15)
    assert events(read(path)[2]) == []


@st.composite
def signals(draw):
    """Signals of films that nobody made: any activity, any key frames, any camera."""
    count, fps = draw(st.integers(1, 400)), draw(st.sampled_from([1.0, 8.0, 25.0]))
    dice = np.random.default_rng(draw(st.integers(0, 2**32)))
    times = np.arange(count) / fps
    activity = np.repeat(dice.normal(0, 3, count // 20 + 1), 20)[:count] + dice.normal(0, draw(st.floats(0, 2)), count)
    at = np.flatnonzero(np.arange(count) % draw(st.integers(1, 60)) == 0)
    keys = [
        {"number": n, "time_s": times[n], "seen": "clear", "luma": 1, "spread": 1, "sharpness": 1, "entropy": 1,
         "cells": dice.integers(0, 255, novelty.ROWS * novelty.COLUMNS, dtype=np.uint8).tobytes()}
        for n in at
    ]  # fmt: skip
    motion = [
        {"time_s": time, "source": str(dice.choice(["keys", "vectors"])), "x": 0.1, "y": 0.1, "zoom": 0.1, "roll": 0.1,
         "noise": 0.0, "against": dice.random(), "unseen": dice.random()}
        for time in sorted(dice.uniform(0, count / fps, draw(st.integers(0, 40))))
    ]  # fmt: skip
    cuts = [0.0, *sorted(dice.uniform(0, count / fps, draw(st.integers(0, 5)))), count / fps]
    camera = [
        {"start_s": a, "end_s": b, "state": str(dice.choice(state.STATES)), "source": "keys"}
        for a, b in itertools.pairwise(cuts)
    ]
    return saliency.Signals(
        duration_s=count / fps,
        frames=pa.table([np.arange(count, dtype=np.int32), times, activity.astype(np.float32)], schema=saliency.FRAMES),
        keys=pa.Table.from_pylist(keys, saliency.KEYS),
        motion=pa.Table.from_pylist(motion, saliency.MOTION),
        camera=pa.Table.from_pylist(camera, saliency.CAMERA),
        decoded=0,
    )


@settings(max_examples=100, deadline=None)
@given(signals())
def test_segments_cover_the_film_in_order_without_overlap(told):
    rows = boundaries.segments(told).to_pylist()
    assert rows[0]["start_s"] == 0
    assert rows[-1]["end_s"] == pytest.approx(told.duration_s)
    assert all(a["end_s"] == b["start_s"] for a, b in itertools.pairwise(rows))
    assert all(row["start_s"] < row["end_s"] for row in rows)
    assert all(row["start_s"] <= row["moment_s"] <= row["end_s"] + 0.2 for row in rows if row["kind"] == "event")
    assert {row["kind"] for row in rows} <= {"stable", "event"}
    assert {row["camera"] for row in rows} <= set(state.STATES)
    assert all(np.isfinite(row["score"]) for row in rows)
    assert boundaries.segments(told).to_pylist() == rows

"""Codec vectors become motion from the previous frame, in pixels as shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from taihang.engines.media import motion, packets, probe
from tests.fixtures import videos

B = {"bf": "3", "preset": "medium", "g": "30", "x264-params": "b-pyramid=normal:scenecut=0:b-adapt=0:ref=1:weightp=0"}
P = {"bf": "0", "preset": "medium", "g": "30", "x264-params": "scenecut=0:ref=1:weightp=0"}


def _pan(path: Path, pan: tuple[int, int], **how: Any) -> Path:
    """A film of which every pixel moves by `pan` a frame, except at the edges."""
    view = np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype=np.uint8).repeat(12, 0).repeat(12, 1)
    pictures = [view[300 - n * pan[1] :, 300 - n * pan[0] :][:240, :320] for n in range(30)]
    videos.write(path, pictures=pictures, **how)
    return path


@pytest.mark.parametrize("pan", [(3, 0), (0, -2), (-4, 3)])
@pytest.mark.parametrize("options", [P, B], ids=["P", "B"])
def test_a_pan_has_its_speed(tmp_path: Path, pan: tuple[int, int], options: dict[str, str]) -> None:
    path = _pan(tmp_path / "pan.mp4", pan, options=options)
    fields = [f for f in motion.motion(path, [(0, 9)]) if not f.key]
    assert len(fields) == 29
    inner = np.s_[3:-3, 3:-3]
    speeds = np.array([(np.median(f.dx[inner]), np.median(f.dy[inner])) for f in fields])
    assert np.abs(np.median(speeds, axis=0) - pan).max() < 0.3
    assert (np.abs(speeds - pan).max(axis=1) < 0.5).mean() > 0.85


def test_sparse_gives_the_same_speed_for_fewer_frames(tmp_path: Path) -> None:
    path = _pan(tmp_path / "pan.mp4", (3, 1), options=B)
    fields = [f for f in motion.motion(path, [(0, 9)], sparse=True) if not f.key]
    assert 5 < len(fields) < 20
    assert np.median([np.median(f.dx[3:-3, 3:-3]) for f in fields]) == pytest.approx(3, abs=0.3)


def test_a_turned_film_moves_the_way_it_is_shown(tmp_path: Path) -> None:
    # Stored moving right; shown a quarter turned clockwise, so moving down.
    path = _pan(tmp_path / "pan.mp4", (3, 0), options=P, prepare=lambda s: s.set_display_rotation(-90))
    field = [f for f in motion.motion(path, [(0, 9)]) if not f.key][5]
    assert field.dx.shape == (20, 15)
    assert (np.median(field.dx), np.median(field.dy)) == pytest.approx((0, 3), abs=0.3)


@pytest.mark.parametrize("name", ["plain", "b_frames", "open_gop", "mpegts", "mpeg2_ps", "joined_ts", "vfr"])
def test_the_same_each_time_and_however_many_workers(name: str) -> None:
    path = videos.get(name)
    spans = [(0.1, 0.7), (0.9, 1.4), (1.4, 1.8)]
    once = list(motion.motion(path, spans, workers=1))
    again = list(motion.motion(path, spans, workers=3))
    assert [f.pts for f in once] == [f.pts for f in again]
    assert all(
        np.array_equal(a.dx, b.dx) and np.array_equal(a.dy, b.dy) and np.array_equal(a.present, b.present)
        for a, b in zip(once, again, strict=True)
    )


def test_exactly_the_frames_of_the_spans() -> None:
    path = videos.get("b_frames")
    table = packets.packets(path)
    got = [f.time_s for f in motion.motion(path, [(0.5, 1.0)], packets=table)]
    assert got == [t for t in table["time_s"].to_pylist() if 0.5 <= t < 1.0]


def test_key_frames_have_no_motion_and_grids_stay_small() -> None:
    for field in motion.motion(videos.get("eight_k"), [(0, 9)]):
        assert field.dx.shape == field.dy.shape == field.present.shape
        assert field.dx.shape[0] <= 45 and field.dx.shape[1] <= 80
        assert not (field.key and field.present.any())


@pytest.mark.parametrize("name", ["gif", "mjpeg", "hevc", "webm"])
def test_codecs_without_vectors_say_so_and_give_none(name: str) -> None:
    path = videos.get(name)
    assert not motion.has_vectors(probe.probe(path))
    assert list(motion.motion(path, [(0, 9)])) == []


def test_h264_has_vectors() -> None:
    assert motion.has_vectors(probe.probe(videos.get("plain")))

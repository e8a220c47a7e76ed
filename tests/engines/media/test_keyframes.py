"""Key frames only, small, with their numbers."""

from __future__ import annotations

import pytest

from taihang.engines.media import keyframes, packets
from tests.fixtures import videos


@pytest.mark.parametrize("name", sorted(set(videos.NORMAL) - {"raw_b"}))
def test_the_key_frames_of_the_table_and_no_others(name: str) -> None:
    path = videos.get(name)
    table = packets.packets(path)
    want = [n for n, key in zip(table["number"].to_pylist(), table["key"].to_pylist(), strict=True) if key]
    got = list(keyframes.keyframes(path, width=160, packets=table))
    assert [f.number for f in got] == want
    assert [f.pts for f in got] == [table["pts"][n].as_py() for n in want]
    assert all(f.key and f.motion is None for f in got)


def test_small_and_turned() -> None:
    frame = next(keyframes.keyframes(videos.get("rotated"), width=160))
    assert frame.image.shape == (160, 120, 3)


def test_never_enlarged() -> None:
    assert next(keyframes.keyframes(videos.get("plain"), width=4000)).image.shape == (240, 320, 3)


def test_the_picture_is_that_of_its_number() -> None:
    for frame in keyframes.keyframes(videos.get("open_gop"), width=320):
        assert videos.number(frame.image) == frame.number


def test_one_key_frame_gives_one() -> None:
    assert [f.number for f in keyframes.keyframes(videos.get("gif"))] == [0]
    assert [f.number for f in keyframes.keyframes(videos.get("long_gop"))] == [0]


def test_at_most_one_in_a_while() -> None:
    got = list(keyframes.keyframes(videos.get("mjpeg"), every_s=0.5))
    assert [round(f.time_s, 2) for f in got] == [0, 0.5, 1.0, 1.5]

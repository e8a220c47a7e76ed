"""A video that no browser plays is made playable a minute at a time, once, and can be stopped."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from taihang.app import playing
from taihang.core import errors


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Four seconds of MPEG-4 part 2 in AVI, which browsers do not play."""
    path = tmp_path / "旧式.avi"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(40):
            picture = np.full((240, 320, 3), number * 6, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return path


def test_a_part_is_h264_of_the_same_length(old: Path, tmp_path: Path) -> None:
    made = playing.part(old, 0, tmp_path / "stages" / "0.mp4")
    assert (made.start_s, round(made.end_s, 1), round(made.duration_s, 1)) == (0.0, 4.0, 4.0)
    with av.open(str(made.file)) as film:
        assert film.streams.video[0].codec_context.name == "h264"
        bright = [float(frame.to_ndarray(format="gray").mean()) for frame in film.decode(video=0)]
    assert len(bright) == 40
    assert bright == sorted(bright)


def test_a_part_that_is_there_is_not_made_again(old: Path, tmp_path: Path) -> None:
    made = playing.part(old, 0, tmp_path / "0.mp4")
    told: list[float] = []

    class Watched:
        def update(self, stage: str, done: float, total: float) -> None:
            told.append(done / total)

    before = made.file.read_bytes()
    playing.part(old, 0, made.file, Watched())
    assert (told, made.file.read_bytes() == before) == ([], True)


def test_it_is_told_how_far_it_is_and_a_stopped_one_leaves_nothing(old: Path, tmp_path: Path) -> None:
    class Stopped:
        shares: list[float] = []

        def update(self, stage: str, done: float, total: float) -> None:
            self.shares.append(done / total)
            if done > total / 2:
                raise errors.Cancelled("app.jobs:state.cancelled")

    with pytest.raises(errors.Cancelled):
        playing.part(old, 0, tmp_path / "out" / "0.mp4", Stopped())
    assert 0.0 <= Stopped.shares[0] < Stopped.shares[-1] <= 1.0
    assert list((tmp_path / "out").iterdir()) == []


def test_beyond_the_end_there_is_no_part(old: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.UserError):
        playing.part(old, 3, tmp_path / "3.mp4")


def test_parts_lie_with_what_else_is_made_of_their_content(tmp_path: Path) -> None:
    # catalog.retention takes this folder away with the version.
    assert playing.kept(tmp_path, "ab" * 32, 7).parent == tmp_path / "stages" / ("ab" * 8)

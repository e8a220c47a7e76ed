"""Frames come back under their own number, whatever the file; what is lost is said."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from taihang.engines.media import clips, decode, frames, motion, orientation, packets
from tests.fixtures import videos

TURNED = {"rotated", "rotated_270", "mirrored"}


def _number(name: str, image: videos.Image) -> int:
    back = {"rotated": np.rot90, "rotated_270": lambda i: np.rot90(i, -1), "mirrored": np.fliplr}
    return videos.number(back[name](image) if name in back else image)


@pytest.mark.parametrize("name", sorted(videos.NORMAL))
def test_every_frame_carries_its_own_number(name: str) -> None:
    path = videos.get(name)
    table = packets.packets(path)
    assert table.num_rows == videos.NORMAL[name]
    got = [(f.number, _number(name, f.image)) for f in frames.frames(path, range(table.num_rows), table)]
    assert got == [(n, n) for n in range(table.num_rows)]


@pytest.mark.parametrize("name", sorted(videos.NORMAL))
def test_frames_asked_for_alone_are_the_same_as_in_a_full_decode(name: str) -> None:
    path = videos.get(name)
    table = packets.packets(path)
    everything = {f.number: clips.pixels_sha256(f.image) for f in frames.frames(path, range(table.num_rows), table)}
    chance = random.Random(name)
    some = sorted(chance.sample(range(table.num_rows), min(table.num_rows, 6)))
    counter = frames.Decoded()
    got = {f.number: clips.pixels_sha256(f.image) for f in frames.frames(path, some, table, counter=counter)}
    assert got == {n: everything[n] for n in some}
    assert counter.handed == len(some)
    assert counter.missing == []


@pytest.mark.parametrize(
    "name", ["dvrscan_traffic_camera.mp4", "gopro_max-heromode.mp4", "intel_one-by-one-person.mp4"]
)
def test_real_clips_agree_with_a_plain_decode(name: str, shared: Callable[[str], Path]) -> None:
    path = shared(f"video/{name}")
    table = packets.packets(path)
    asked = [0, 1, 7, 100, 101, 102, 250, 300, table.num_rows - 1]
    got = {f.number: (f.pts, clips.pixels_sha256(f.image)) for f in frames.frames(path, asked, table)}
    with av.open(str(path)) as container:
        stamps = []
        for n, picture in enumerate(container.decode(video=0)):
            stamps.append(picture.pts)
            if n in got:
                image = decode.picture(picture, orientation.Orientation(), picture.width, picture.height)
                assert got[n] == (picture.pts, clips.pixels_sha256(image))
    assert stamps == table["pts"].to_pylist()
    assert sorted(got) == sorted(set(asked))


def test_sparse_frames_cost_less_than_a_full_decode() -> None:
    path = videos.get("b_frames")
    table = packets.packets(path)
    counter = frames.Decoded()
    assert [f.number for f in frames.frames(path, [50, 17], table, counter=counter)] == [17, 50]
    assert counter.decoded < 20


def test_a_number_outside_the_file_is_an_error() -> None:
    path = videos.get("three")
    with pytest.raises(IndexError):
        list(frames.frames(path, [3], packets.packets(path)))


@pytest.mark.parametrize("name", ["corrupted", "truncated_front"])
def test_a_broken_part_is_listed_and_nothing_takes_its_place(name: str) -> None:
    path = videos.get(name)
    table = packets.packets(path)
    counter = frames.Decoded()
    got = list(frames.frames(path, range(table.num_rows), table, counter=counter))
    assert counter.missing
    assert sorted([f.number for f in got] + counter.missing) == list(range(table.num_rows))
    assert all(f.number == videos.number(f.image) for f in got if not f.damaged)
    # Damage ends at the next key frame.
    assert not any(f.damaged for f in got if f.number < min(counter.missing))


def test_a_lost_stretch_of_a_stream_is_a_gap_and_what_follows_is_right() -> None:
    path = videos.get("corrupted_ts")
    table = packets.packets(path)
    start = {
        n: round(t * videos.RATE) for n, t in zip(table["number"].to_pylist(), table["time_s"].to_pylist(), strict=True)
    }
    got = list(frames.frames(path, range(table.num_rows), table))
    assert all(videos.number(f.image) == start[f.number] for f in got if not f.damaged)


def test_frames_start_where_a_cut_stream_can_be_decoded() -> None:
    path = videos.get("truncated_ts")
    table = packets.packets(path)
    counter = frames.Decoded()
    got = [
        (f.number, videos.number(f.image)) for f in frames.frames(path, range(table.num_rows), table, counter=counter)
    ]
    first = got[0][1]
    assert first > 0
    # By their times: where the cut falls between a frame and those that lean on it, these are gone.
    at = {n: round(t * videos.RATE) for n, t in zip(*(table[c].to_pylist() for c in ("number", "time_s")), strict=True)}
    assert got == [(n, at[n] - at[got[0][0]] + first) for n, _ in got]
    assert len(got) > 20


def test_motion_comes_with_the_frame() -> None:
    path = videos.get("b_frames")
    table = packets.packets(path)
    alone = {f.pts: f for f in motion.motion(path, [(0, 9)], packets=table)}
    for frame in frames.frames(path, [4, 21, 40], table, motion=True):
        assert frame.motion is not None
        assert np.array_equal(frame.motion.dx, alone[frame.pts].dx)


def test_memory_does_not_grow_with_the_number_of_frames() -> None:
    import resource

    path = videos.get("eight_k")
    table = packets.packets(path)
    next(iter(frames.frames(path, [0], table)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2):
        for frame in frames.frames(path, range(3), table):
            assert frame.image.shape == (4320, 7680, 3)
    # One more 8K picture is 100 MB; six of them would be 600.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000

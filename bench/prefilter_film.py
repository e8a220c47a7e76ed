"""Films for the cost bench: real clips upscaled to 1080p30 with noise, H.264, and longer ones of the same packets.

They are derived from real footage, so they lie in a cache folder outside the tree and are never committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

WIDTH, HEIGHT, FPS = 1920, 1080, 30
CLIPS = ("gopro_max-heromode.mp4", "intel_one-by-one-person.mp4", "dvrscan_traffic_camera.mp4")


def base(data: Path, cache: Path, seconds: int = 360, gops: tuple[int, ...] = (250, 30)) -> dict[int, Path]:
    """One film per GOP length, `seconds` long, encoded in one pass over the same pictures; made once."""
    paths = {gop: cache / f"film-{seconds}s-gop{gop}.mp4" for gop in gops}
    if all(path.exists() for path in paths.values()):
        return paths
    cache.mkdir(parents=True, exist_ok=True)
    containers, streams = {}, {}
    for gop, path in paths.items():
        container = av.open(str(path) + ".part", "w", format="mp4")
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.gop_size = gop
        stream.thread_count = 1
        stream.time_base = Fraction(1, FPS)
        containers[gop], streams[gop] = container, stream
    for number, picture in enumerate(_pictures(data, seconds)):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        for gop, container in containers.items():
            container.mux(streams[gop].encode(frame))
    for gop, container in containers.items():
        container.mux(streams[gop].encode(None))
        container.close()
        Path(f"{paths[gop]}.part").replace(paths[gop])
    return paths


def longer(film: Path, minutes: int, cache: Path) -> Path:
    """The film's packets again and again until it is `minutes` long; nothing is encoded."""
    path = cache / f"{film.stem}-{minutes}min.mp4"
    if path.exists():
        return path
    with av.open(str(film)) as source, av.open(str(path) + ".part", "w", format="mp4") as target:
        stream = source.streams.video[0]
        out = target.add_stream_from_template(stream)
        whole = int(stream.duration)
        frames = whole * stream.time_base
        for turn in range(-(-minutes * 60 // int(frames))):
            source.seek(0)
            for packet in source.demux(stream):
                if packet.dts is None or (turn * whole + packet.dts) * stream.time_base >= minutes * 60:
                    continue
                packet.pts += turn * whole
                packet.dts += turn * whole
                packet.stream = out
                target.mux(packet)
    Path(f"{path}.part").replace(path)
    return path


def _pictures(data: Path, seconds: int) -> Iterator[np.ndarray]:
    """Planar YUV 4:2:0 pictures: each clip in turn for a minute, looped, with its own time kept; luma noise."""
    noise = np.random.default_rng(0).normal(0, 2.0, (4, HEIGHT + 64, WIDTH + 64)).round().astype(np.int16)
    clips = [_loaded(data / name) for name in CLIPS]
    dice = np.random.default_rng(1)
    for number in range(seconds * FPS):
        time = number / FPS
        packed, fps = clips[int(time // 60) % len(clips)]
        picture = packed[int(time % 60 * fps) % len(packed)].reformat(WIDTH, HEIGHT, "yuv420p").to_ndarray()
        which, y, x = dice.integers(4), dice.integers(64), dice.integers(64)
        luma = picture[:HEIGHT]
        picture[:HEIGHT] = (
            cv2.add(luma.astype(np.int16), noise[which, y : y + HEIGHT, x : x + WIDTH]).clip(16, 235).astype(np.uint8)
        )
        yield picture


def _loaded(path: Path) -> tuple[list[av.VideoFrame], float]:
    with av.open(str(path)) as container:
        frames = [frame.reformat(format="yuv420p") for frame in container.decode(video=0)]
        return frames, float(container.streams.video[0].average_rate)

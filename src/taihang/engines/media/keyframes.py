"""Key frames, small and cheap: nothing between them is read or decoded."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from typing import Any

import av.error
import av.video.reformatter
import numpy as np
import pyarrow as pa
from av.stream import Discard

from taihang.engines.media import decode, frame, orientation, source
from taihang.engines.media import packets as packets_

_FAST = int(av.video.reformatter.Interpolation.AREA)


def keyframes(
    path: str | os.PathLike[str],
    width: int = 320,
    every_s: float = 0.0,
    packets: pa.Table | None = None,
    counter: decode.Decoded | None = None,
) -> Iterator[frame.Frame]:
    """Every key frame in presentation order, at most `width` pixels wide as stored, aspect kept.

    For signals, not for evidence: scaled fast, and decoded without the loop filter. A file with one
    key frame (an animated GIF, a screen recording) gives that one; `packets` tells. Damaged ones are
    left out. `every_s`: leave out those that follow sooner than this on the one before.
    Raises errors.UserError as `source.opened` does.
    """
    table = packets if packets is not None else packets_.packets(path)
    track = decode.Track(table)
    counter = counter if counter is not None else decode.Decoded()
    with source.opened(path) as opened:
        decoder = opened.set_decoder({"skip_loop_filter": "all"})
        decoder.skip_frame = "NONKEY"
        decoder.copy_opaque = True
        opened.stream.discard = Discard.nonkey
        turned: orientation.Orientation | None = None
        for number, picture in _pictures(opened, track, every_s, counter):
            turned = turned or orientation.of(picture)
            counter.handed += 1
            yield frame.Frame(
                image=turned.image(_small(picture, width)),
                time_s=float(track.time_s[number]),
                pts=int(track.pts[number]),
                number=number,
                key=True,
            )


def _pictures(
    opened: source.Source, track: decode.Track, every_s: float, counter: decode.Decoded
) -> Iterator[tuple[int, Any]]:
    """Decoded key frames with their numbers."""
    last = -math.inf
    keys = iter(track.keys[np.argsort(track.order[track.keys])])
    for packet in itertools.chain((p for p in opened.packets() if p.is_keyframe), [None]):
        if packet is not None:
            if packet.is_discard:
                continue
            number = next(keys, None)
            if number is None:
                return
            if every_s and track.time_s[number] - last < every_s:
                continue
            last = float(track.time_s[number])
            packet.opaque = decode.Tag(int(number))
        try:
            pictures = opened.stream.decode(packet)
        except av.error.FFmpegError:
            continue
        for picture in pictures:
            counter.decoded += 1
            if isinstance(tag := picture.opaque, decode.Tag) and not picture.is_corrupt:
                yield tag.number, picture


def _small(picture: Any, width: int) -> frame.Image:
    stored = min(width, picture.width)
    height = max(1, round(picture.height * stored / picture.width))
    rgb = picture.reformat(stored, height, format="rgb24", interpolation=_FAST, threads=1)
    return np.asarray(rgb.to_ndarray(), dtype=np.uint8)

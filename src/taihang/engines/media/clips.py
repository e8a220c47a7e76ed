"""Clips and stills: short H.264 films and pictures for people, and the hash of a frame's pixels."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import av.error
import cv2
import numpy as np
import pyarrow as pa
from av.video.reformatter import Colorspace

from taihang.core import errors, ids
from taihang.engines.media import decode, frame, orientation, source
from taihang.engines.media import packets as packets_

Draw = Callable[[frame.Image, float], None]

# 90 kHz: exact for 24, 25, 30, 50 and 60 frames a second and their 1000/1001 relatives.
_CLOCK = Fraction(1, 90_000)
# Colours as browsers expect them of H.264; ITU-T H.273 numbers, swscale's for the first.
_BT709, _LIMITED = int(Colorspace.ITU709), 1


@dataclasses.dataclass(frozen=True, slots=True)
class Clip:
    """A film that was written: `start_s`, `end_s` are the times of its first frame and after its last."""

    file: Path
    sha256: str
    size: int
    frames: int
    start_s: float
    end_s: float
    width: int
    height: int


def clip(
    path: str | os.PathLike[str],
    start_s: float,
    end_s: float,
    out: str | os.PathLike[str],
    *,
    width: int = 640,
    draw: Draw | None = None,
    max_s: float = 60.0,
    crf: int = 26,
    packets: pa.Table | None = None,
) -> Clip:
    """Write the frames shown in [start_s, end_s) as H.264 yuv420p MP4 that browsers play while loading.

    At most `width` pixels wide and `max_s` long (the rest is cut off); even sizes; time stamps kept,
    so that a variable frame rate stays one. `draw(image, time_s)` may paint on each RGB frame in the
    clip's size. The same input gives the same bytes. Written beside `out`, then renamed.
    Raises errors.UserError when the span holds no frame that can be decoded, errors.Failure when the
    disk is full.
    """
    table = packets if packets is not None else packets_.packets(path)
    track = decode.Track(table)
    span = track.between(start_s, min(end_s, start_s + max_s))
    target = Path(out)
    with _beside(target) as temporary:
        count, first, last, size = _write(path, track, span, temporary, _Look(width, crf, draw))
        if not count:
            raise errors.UserError("engines.media:no_frame_between", path=str(path), start=start_s, end=end_s)
        with temporary.open("rb") as file:
            digest = ids.digest_stream(file)
        length = temporary.stat().st_size
    end = float(track.time_s[last] + track.duration_s[last])
    return Clip(target, digest, length, count, float(track.time_s[first]), end, *size)


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A temporary file in the target's folder that takes its place when all went well."""
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=".", suffix=".part.mp4", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as error:
        raise errors.Failure("engines.media:write", path=str(target), reason=error.strerror or str(error)) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _write(
    path: str | os.PathLike[str], track: decode.Track, span: range, target: Path, look: _Look
) -> tuple[int, int, int, tuple[int, int]]:
    """Encode; the number of frames, the first and last number, the size."""
    count, first, last = 0, -1, -1
    film: _Film | None = None
    with source.opened(path) as opened, contextlib.ExitStack() as stack:
        run = decode.Run(opened, track, decode.Decoded())
        for shown in run.stretch(span, track.key_before(span.start)) if span else ():
            if shown.corrupt:
                continue
            if film is None:
                film = _Film(target, shown.picture, look)
                stack.callback(film.close)
                first = shown.number
            film.add(shown, track)
            count, last = count + 1, shown.number
        if film is not None:
            film.finish()
    return count, first, last, film.size if film else (0, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    width: int
    crf: int
    draw: Draw | None


class _Film:
    """One MP4 being written."""

    def __init__(self, target: Path, like: Any, look: _Look) -> None:
        self._draw = look.draw
        self._start_s: float | None = None
        self._turned = orientation.of(like)
        shown = self._turned.shown(like.width, like.height)
        wide = min(look.width, shown[0])
        self.size = (max(2, wide // 2 * 2), max(2, round(shown[1] * wide / shown[0] / 2) * 2))
        # `bitexact` leaves out the times and versions that would make equal films differ.
        options = {"movflags": "+faststart", "fflags": "+bitexact", "video_track_timescale": str(_CLOCK.denominator)}
        self._container = av.open(str(target), "w", format="mp4", options=options)
        coding = {"crf": str(look.crf), "preset": "veryfast", "profile": "main", "flags": "+bitexact", "g": "60"}
        if platform.machine() in ("x86_64", "AMD64"):
            # Equal films on every machine: x264's AVX-512 code reads memory that nobody wrote, and its
            # newer instruction sets round otherwise. This costs about 5 % (bench/media_cost.py).
            coding["x264-params"] = "asm=SSE2"
        stream = self._container.add_stream("libx264", options=coding)
        stream.width, stream.height = self.size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _CLOCK
        stream.time_base = _CLOCK
        coder = stream.codec_context
        coder.colorspace, coder.color_primaries, coder.color_trc, coder.color_range = 1, 1, 1, _LIMITED
        # One thread: with more, the encoder's cuts depend on their number.
        stream.codec_context.thread_count = 1
        self._stream = stream

    def add(self, shown: decode.Shown, track: decode.Track) -> None:
        image = decode.picture(shown.picture, self._turned, *self.size)
        time_s = float(track.time_s[shown.number])
        self._start_s = time_s if self._start_s is None else self._start_s
        if self._draw is not None:
            self._draw(image, time_s)
        # Scaled here, bit-exact: the encoder's own conversion depends on where the picture lies in memory.
        coded = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=_BT709,
            dst_color_range=_LIMITED,
            interpolation=decode.EXACT,
            threads=1,
        )
        coded.pts = round((time_s - self._start_s) / _CLOCK)
        coded.time_base = _CLOCK
        coded.duration = max(1, round(float(track.duration_s[shown.number]) / _CLOCK))
        self._container.mux(self._stream.encode(coded))

    def finish(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def close(self) -> None:
        with contextlib.suppress(av.error.FFmpegError):
            self._container.close()


def still(image: frame.Image, kind: Literal["png", "jpeg"] = "jpeg", quality: int = 90) -> bytes:
    """An RGB picture as a PNG (exact) or JPEG file's bytes."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality] if kind == "jpeg" else [cv2.IMWRITE_PNG_COMPRESSION, 6]
    done, data = cv2.imencode(".jpg" if kind == "jpeg" else ".png", bgr, settings)
    if not done:
        raise ValueError(f"cannot encode an image of shape {image.shape}")
    return bytes(data)


def pixels_sha256(image: frame.Image) -> str:
    """SHA-256 of a frame's pixels: RGB, 8 bits a channel, row by row from the top left."""
    return ids.digest(np.ascontiguousarray(image, dtype=np.uint8).tobytes())

"""Audio: the samples of a sound file, whole or in parts, decoded with PyAV."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import numpy.typing as npt

from taihang.core import errors
from taihang.engines.media import limits

# Demuxers of self-contained files, as `source` has them for pictures.
_FORMATS = "wav,mp3,flac,ogg,mov,matroska,aac,amr,asf,avi,mpegts,mpeg,aiff,w64,caf"
_MOST_RATE, _MOST_CHANNELS = 768_000, 32


@dataclasses.dataclass(frozen=True)
class Heard:
    """Samples (channels, n), float32 in -1 to 1. `starts`: at which sample each kept part begins, and its time.

    `bits` a sample as stored, 0 where the codec keeps none; `broken`: decoding failed before the end.
    """

    samples: npt.NDArray[np.float32]
    rate: int
    bits: int
    bit_rate: float | None
    duration_s: float
    codec: str
    starts: list[tuple[int, float]]
    broken: bool


def read(path: Path, most_s: float, part_s: float) -> Heard:
    """The file's first audio stream; of one longer than `most_s`, parts of `part_s` spread evenly.

    Raises errors.UserError for what has no sound that can be decoded.
    """
    limit = limits.Limits.current()
    options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS, "enable_drefs": "0"}
    try:
        container = av.open(f"file:{path.resolve()}", "r", options=options, metadata_errors="replace",
                            timeout=limit.timeout_s)  # fmt: skip
    except (av.error.FFmpegError, ValueError, OSError, MemoryError):
        raise errors.UserError("engines.media:no_sound", path=path) from None
    with container:
        streams = container.streams.audio
        if not streams or streams[0].codec_context is None:
            raise errors.UserError("engines.media:no_sound", path=path)
        stream = streams[0]
        decoder = stream.codec_context
        rate, channels = int(decoder.sample_rate or 0), int(decoder.channels or 0)
        if not 0 < rate <= _MOST_RATE or not 0 < channels <= _MOST_CHANNELS:
            raise errors.UserError("engines.media:no_sound", path=path)
        length = _length(container, stream)
        pieces, starts, broken, end = _parts(container, stream, _keep(length, most_s, part_s), rate)
        coded = decoder.codec.name
        bits = int(decoder.format.bits) if coded.startswith("pcm") or coded in {"flac", "alac"} else 0
        depth = getattr(decoder, "bits_per_coded_sample", 0) or bits
        samples = np.concatenate(pieces, axis=1) if pieces else np.zeros((channels, 0), np.float32)
        bit_rate = stream.bit_rate or container.bit_rate or None
    return Heard(samples, rate, depth if bits else 0, bit_rate, max(length, end), coded, starts, broken)


def _length(container: Any, stream: Any) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return float(container.duration / av.time_base) if container.duration else 0.0


def _keep(length: float, most_s: float, part_s: float) -> list[tuple[float, float]]:
    """The parts to keep, in seconds."""
    if not length:  # not said: the beginning, since nobody knows where parts would lie
        return [(0.0, most_s)]
    if length <= most_s:
        return [(0.0, float("inf"))]
    starts = np.linspace(0, length - part_s, max(1, int(most_s / part_s)))
    return [(float(s), float(s) + part_s) for s in starts]


def _parts(
    container: Any, stream: Any, keep: list[tuple[float, float]], rate: int
) -> tuple[list[Any], list[tuple[int, float]], bool, float]:
    """Samples inside the parts, where each part starts, whether decoding broke, and the time reached."""
    resampler = av.AudioResampler(format="fltp", rate=rate)
    pieces: list[Any] = []
    starts: list[tuple[int, float]] = []
    kept, at, part, broken, channels = 0, 0, 0, False, 0
    most = int(keep[-1][1] * rate) if keep[-1][1] != float("inf") else None
    try:
        for frame in container.decode(stream):
            for one in resampler.resample(frame):
                block = one.to_ndarray()
                channels = channels or block.shape[0]
                if block.shape[0] != channels:
                    broken = True
                    continue
                time = at / rate
                at += block.shape[1]
                while part < len(keep) and time >= keep[part][1]:
                    part += 1
                if part < len(keep) and time + block.shape[1] / rate > keep[part][0]:
                    if not starts or part != len(starts) - 1:
                        starts.append((kept, time))
                    pieces.append(block.astype(np.float32, copy=False))
                    kept += block.shape[1]
            if most is not None and at > most:
                break
    except (av.error.FFmpegError, MemoryError, ValueError):
        broken = True
    return pieces, starts, broken, at / rate

"""Listening: samples of a sound file for its metrics, all of a short one, parts spread evenly over a long one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from taihang.data.quality.metrics import sound as sounds
from taihang.engines.media import audio

_PART_S = 5.0
_LEAST_S = {"silent": 1.0, "clipped": 0.01}


def sound(path: Path, most_s: float) -> tuple[sounds.Sound, dict[str, Any], list[dict[str, Any]]]:
    """The sound, what else is told of it, and where it is silent or clipped. Raises errors.UserError."""
    heard = audio.read(path, most_s, _PART_S)
    made = sounds.Sound(heard.samples, heard.rate, heard.bits, heard.bit_rate, heard.duration_s)
    length = heard.samples.shape[1] / heard.rate if heard.rate else 0.0
    seen = min(1.0, length / heard.duration_s) if heard.duration_s else 1.0
    fault = "empty" if not heard.samples.size else "truncated" if heard.broken else None
    return made, {"codec": heard.codec, "seen": seen, "fault": fault}, _spans(made, heard.starts)


def _spans(one: sounds.Sound, starts: list[tuple[int, float]]) -> list[dict[str, Any]]:
    size = max(1, int(one.rate * sounds.FRAME_S))
    count = len(one.powers)
    full = np.abs(one.samples).max(axis=0) >= 0.999 if one.samples.size else np.zeros(0, bool)
    loud = full[: count * size].reshape(count, -1).mean(axis=1) > 0.01 if full.size >= count * size > 0 else np.zeros(0)
    kinds = {"silent": one.powers < 1e-6, "clipped": np.asarray(loud, bool)}
    end = one.duration_s or 0.0
    found: list[dict[str, Any]] = [{"kind": "seen", "start_s": 0.0, "end_s": end, "length_s": end}]
    for kind, holds in kinds.items():
        edges = np.flatnonzero(np.diff(np.concatenate([[0], holds.astype(np.int8), [0]])))
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            first, last = (_time(place * size, one.rate, starts) for place in (start, end))
            length = (end - start) * sounds.FRAME_S
            if length >= _LEAST_S[kind]:
                found.append({"kind": kind, "start_s": first, "end_s": max(last, first + length), "length_s": length})
    return found[:1000]


def _time(sample: int, rate: int, starts: list[tuple[int, float]]) -> float:
    """Seconds in the file of a sample among the parts that were kept."""
    at, time = max((s for s in starts if s[0] <= sample), default=(0, 0.0))
    return time + (sample - at) / rate

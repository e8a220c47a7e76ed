"""Coverage: what time each looked-at frame stands for, and what time nobody saw.

A frame shows one moment. It stands for a little time around it, and on a fixed camera for as much
of its stable span as `hold_stable_s` allows, because there the signals say that nothing moved.
Everything else is unseen, and is a row of its own in every derived table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Hold:
    """Seconds that a frame stands for, to each side: anywhere, and inside a stable span."""

    anywhere_s: float = 0.5
    stable_s: float = 15.0


@dataclasses.dataclass(frozen=True, slots=True)
class Coverage:
    """Rows that tile [0, duration): start, end, and the frame's place in the list or -1 (unseen)."""

    start_s: Floats
    end_s: Floats
    frame: npt.NDArray[np.int64]

    @property
    def observed(self) -> npt.NDArray[np.bool_]:
        """Which rows a frame stands for."""
        return self.frame >= 0

    def seconds(self) -> float:
        """How much time is observed."""
        return float((self.end_s - self.start_s)[self.observed].sum())


def cover(
    times: Sequence[float] | Floats,
    duration_s: float,
    segments: pa.Table,
    *,
    blind: Sequence[tuple[float, float]] = (),
    hold: Hold | None = None,
    fixed: bool = True,
) -> Coverage:
    """What the frames at `times` (sorted seconds) stand for, in a video of `duration_s`.

    `segments` has start_s, end_s, kind; `blind` are spans in which a frame shows nothing (dark,
    covered, blurred). On a worn camera (`fixed` false) a stable span holds nothing, because the
    view itself goes by.
    """
    hold = hold or Hold()
    at = np.asarray(times, dtype=np.float64)
    if not len(at):
        return _fill(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64), duration_s)
    left, right = at - hold.anywhere_s, at + hold.anywhere_s
    if fixed and segments.num_rows:
        begin, end, inside = _stable(at, segments)
        left = np.where(inside, np.minimum(left, np.maximum(begin, at - hold.stable_s)), left)
        right = np.where(inside, np.maximum(right, np.minimum(end, at + hold.stable_s)), right)
    middle = (at[1:] + at[:-1]) / 2
    left = np.maximum(left, np.concatenate(([0.0], middle)))
    right = np.minimum(right, np.concatenate((middle, [duration_s])))
    pieces = [
        piece
        for i, (a, b) in enumerate(zip(left, right, strict=True))
        for piece in _without(float(a), float(b), blind, i)
    ]
    if not pieces:
        return _fill(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64), duration_s)
    starts, ends, frames = (np.array(x) for x in zip(*pieces, strict=True))
    return _fill(starts, ends, frames.astype(np.int64), duration_s)


def _stable(at: Floats, segments: pa.Table) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """The segment around each time, and whether it is a stable one."""
    begin = segments["start_s"].to_numpy()
    end = segments["end_s"].to_numpy()
    stable = np.array(segments["kind"].to_pylist()) == "stable"
    index = np.clip(np.searchsorted(begin, at, side="right") - 1, 0, len(begin) - 1)
    return begin[index], end[index], stable[index] & (at < end[index])


def _without(
    start: float, end: float, blind: Sequence[tuple[float, float]], frame: int
) -> list[tuple[float, float, int]]:
    """[start, end) less the blind spans."""
    left = [(start, end)]
    for a, b in blind:
        left = [(max(s, lo), min(e, hi)) for s, e in left for lo, hi in ((s, a), (b, e)) if min(e, hi) > max(s, lo)]
    return [(s, e, frame) for s, e in left if e > s]


def _fill(starts: Floats, ends: Floats, frames: npt.NDArray[np.int64], duration_s: float) -> Coverage:
    """The rows with an unseen row in each gap between them."""
    gap_start = np.concatenate(([0.0], ends))
    gap_end = np.concatenate((starts, [duration_s]))
    # Midpoints are computed once, so touching rows touch exactly; a gap below a microsecond is rounding.
    real = gap_end - gap_start > 1e-6
    all_start = np.concatenate((starts, gap_start[real]))
    all_end = np.concatenate((ends, gap_end[real]))
    all_frame = np.concatenate((frames, np.full(int(real.sum()), -1, dtype=np.int64)))
    order = np.argsort(all_start, kind="stable")
    return Coverage(all_start[order], all_end[order], all_frame[order])

"""Glances: where motion vectors are worth what they cost to decode.

A vector can only be had by decoding from the key frame before it, so a glance starts at a key frame
and what it costs is the frames from there on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float64]
Span = tuple[float, float]

_SECONDS = 0.25  # a glance this long tells how the camera moves
_FEWEST_FRAMES = 3
_SHORT_FRAMES = 3  # the key frame and two more: two fields of vectors tell what moves by itself as well as seven
_APART_S = 0.9
# Of what short glances leave, the part that longer ones may take: they tell little more for their cost.
_LONGER = 0.5


def plan(packets: pa.Table, worth: Floats, share: float) -> list[Span]:
    """Spans (start_s, end_s) to take vectors of, in order, decoding at most `share` of all frames.

    `worth`: one number of at least 0 per packet row; 0 asks for nothing. First a short glance at the
    start of every group of pictures that is worth anything, thinned out evenly when they cost too
    much; some of what is left lengthens the glances where the most worth is, best worth per frame first.
    """
    times = packets["time_s"].to_numpy()
    keys = np.flatnonzero(packets["key"].to_numpy(zero_copy_only=False))
    count = len(times)
    allowed = int(share * count)
    if not len(keys) or allowed < _FEWEST_FRAMES + 1:
        return []
    ends = np.append(keys[1:], count)
    sums = np.concatenate([[0.0], np.cumsum(worth)])
    groups = [(int(k), int(e)) for k, e in zip(keys, ends, strict=True) if e - k > _FEWEST_FRAMES and sums[e] > sums[k]]
    groups = _apart(groups, times)
    step = float(np.median(np.diff(times))) if count > 1 else 1.0
    glance = max(_FEWEST_FRAMES, round(_SECONDS / step)) + 1
    # Rather shorter glances than fewer: what no glance falls on is not seen at all.
    glance = min(glance, max(_SHORT_FRAMES, allowed // max(len(groups), 1)))
    lengths = {start: min(glance, end - start) for start, end in groups}
    if sum(lengths.values()) > allowed:
        kept = max(1, int(len(groups) * allowed / sum(lengths.values())))
        groups = [groups[i] for i in np.unique(np.linspace(0, len(groups) - 1, kept).astype(int))]
        lengths = {start: lengths[start] for start, _ in groups}
    left = int(_LONGER * (allowed - sum(lengths.values())))
    rest = [((sums[end] - sums[start + lengths[start]]) / (end - start), start, end) for start, end in groups]
    for _, start, end in sorted(rest, key=lambda item: (-item[0], item[1])):
        more = min(end - start - lengths[start], left)
        lengths[start] += more
        left -= more
    return [_span(times, start, lengths[start], step) for start, _ in groups if lengths[start] > 1]


def _apart(groups: list[tuple[int, int]], times: Floats) -> list[tuple[int, int]]:
    """Neighbouring short groups joined, so that one glance serves all of them."""
    kept: list[tuple[int, int]] = []
    for start, end in groups:
        if kept and kept[-1][1] == start and times[start] - times[kept[-1][0]] < _APART_S:
            kept[-1] = (kept[-1][0], end)
        else:
            kept.append((start, end))
    return kept


def _span(times: Floats, start: int, length: int, step: float) -> Span:
    last = times[start + length - 1]
    return float(times[start]), float(last + step / 2)

"""Boundaries: where the film changes, as segments that never cut an action.

Change points of the normalised signals give pieces of even level. A run of pieces that stands out
above both sides is an action; it reaches from the first piece that rises to the last that falls.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.use.video.select import changes, novelty, saliency, state, stays, timeline

SEGMENTS = pa.schema(
    [
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("kind", pa.string()),
        ("score", pa.float32()),
        ("camera", pa.string()),
        ("source", pa.string()),
        ("moment_s", pa.float64()),
    ]
)

Floats = npt.NDArray[np.float64]

_PENALTY = 1.0  # times log(values): what BIC asks for one more change
_LEAST_SCORE = 4.0  # noise widths by which an action stands out from both sides
_LEAST_WALKED = 1.4  # the same while the camera moves and key frames are all that tells
_WORN = 0.2  # a camera that moves for more of its time than this is worn
_FEWEST_GLANCES = 8
_EVIDENCE_SCORE = 4.0  # noise widths that evidence of 1 is worth
_SHOULDER = 0.3  # share of an action's height at which it begins and ends
_SIDE_S = 20.0  # how far around an action its two sides reach
_PAD_S = 0.4  # a mean over a window rises only after the action began
_MOMENT_S = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Action:
    """Steps `first` to `last` (exclusive) with the height by which they stand out."""

    first: int
    last: int
    score: float
    moment_s: float | None = None


def segments(signals: saliency.Signals, told: Sequence[stays.Stay] | None = None) -> pa.Table:
    """Stable spans and events from 0 to the end, in order, without gaps or overlap; `SEGMENTS`.

    `score`: for an event, how far it stands out from both sides, in noise widths; for a stable span
    its spread. `camera`: what the camera does most of the time. `source`: the signal that tells
    most: packets, keys or vectors. `moment_s`: when it matters most, see `_moment`. `told`: when somebody is there, by
    a model that was asked; before a worn camera it stands in the place of what glances tell by themselves.
    """
    line = timeline.of(signals)
    series = line.series
    starts = changes.partition(series, _PENALTY * float(np.log(max(len(series) / line.hold, 2))))
    actions = _actions(line, starts)
    if line.moving.mean() > _WORN and told is not None:
        actions = _walked(line, actions, told, halves=True)
    elif line.moving.mean() > _WORN and signals.apart.num_rows >= _FEWEST_GLANCES:
        actions = _walked(line, actions, stays.stays(signals.apart))
    rows, reached = [], 0
    for action in [*actions, _Action(len(series), len(series), 0.0)]:
        if action.first > reached:
            rows.append(_row(line, signals.keys, _Action(reached, action.first, 0.0), "stable"))
        if action.last > action.first:
            rows.append(_row(line, signals.keys, action, "event"))
        reached = action.last
    rows[-1]["end_s"] = signals.duration_s
    return pa.Table.from_pylist(rows, SEGMENTS)


def _walked(
    line: timeline.Timeline, actions: list[_Action], found: Sequence[stays.Stay], halves: bool = False
) -> list[_Action]:
    """Actions in front of a worn camera: what moves by itself, and else only what even a fixed camera would tell.

    `halves`: a stay's ends are known, so each half has its moment there: who comes, and who goes.
    """
    count = len(line.states)
    taken = np.zeros(count, dtype=bool)
    kept = []
    for stay in found:
        first, last = int(stay.start_s / line.step_s), min(int(np.ceil(stay.end_s / line.step_s)), count)
        while first < last and taken[first]:
            first += 1
        if first < last:
            taken[first:last] = True
            middle, score = (first + last) // 2, stay.evidence * _EVIDENCE_SCORE
            if halves and first < middle < last:
                kept.append(_Action(first, middle, score, first * line.step_s))
                kept.append(_Action(middle, last, score, last * line.step_s))
            else:
                kept.append(_Action(first, last, score))
    kept += [a for a in actions if a.score >= _LEAST_SCORE and not taken[a.first : a.last].any()]
    return sorted(kept, key=lambda action: action.first)


def _actions(line: timeline.Timeline, starts: list[int]) -> list[_Action]:
    """Runs of pieces that stand out, in order of time."""
    level = line.height
    edges = np.array([*starts, len(level)])
    sizes = np.diff(edges)
    means = np.add.reduceat(level, starts) / sizes
    side, pad = round(_SIDE_S / line.step_s), max(1, round(_PAD_S / line.step_s))
    taken = np.zeros(len(level), dtype=bool)
    found: list[_Action] = []
    for place in np.argsort(-means, kind="stable"):
        middle = (edges[place] + edges[place + 1]) // 2
        if taken[middle]:
            continue
        left = _base(means, edges, int(place), -1, int(middle) - side)
        right = _base(means, edges, int(place), 1, int(middle) + side)
        rise = float(means[place] - max(left, right))
        if rise < (_LEAST_WALKED if line.moving[middle] else _LEAST_SCORE):
            continue
        floor = max(left, right) + _SHOULDER * rise
        first, last = int(place), int(place)
        while first > 0 and means[first - 1] > floor:
            first -= 1
        while last + 1 < len(means) and means[last + 1] > floor:
            last += 1
        begin, end = max(int(edges[first]) - pad, 0), min(int(edges[last + 1]) + pad, len(level))
        while begin < end and taken[begin]:
            begin += 1
        while end > begin and taken[end - 1]:
            end -= 1
        if end > begin and not taken[begin:end].any():
            taken[begin:end] = True
            found.append(_Action(begin, end, rise))
    return sorted(found, key=lambda action: action.first)


def _base(means: Floats, edges: npt.NDArray[np.int64], place: int, way: int, limit: int) -> float:
    """Lowest level on one side, up to a higher piece or the limit of the side; +inf at the film's end."""
    lowest = np.inf
    other = place + way
    while 0 <= other < len(means):
        near = edges[other + 1] if way < 0 else edges[other]
        if (near < limit) if way < 0 else (near > limit):
            break
        if means[other] > means[place]:
            break
        lowest = min(lowest, float(means[other]))
        other += way
    return float(lowest) if np.isfinite(lowest) else float(means[place])


def _row(line: timeline.Timeline, keys: pa.Table, action: _Action, kind: str) -> dict[str, object]:
    first, last = action.first, action.last
    part = line.series[first:last]
    told = np.nan_to_num(part).max(axis=0)
    states = collections.Counter[state.State](line.states[first:last])
    level = line.height[first:last]
    return {
        "start_s": first * line.step_s,
        "end_s": last * line.step_s,
        "kind": kind,
        "score": action.score if kind == "event" else float(level.std()),
        "camera": min(states, key=lambda name: (-states[name], state.STATES.index(name))),
        "source": ("packets", "keys", "vectors")[int(np.argmax(told))],
        "moment_s": _moment(line, keys, first, last) if action.moment_s is None else action.moment_s,
    }


def _moment(line: timeline.Timeline, keys: pa.Table, first: int, last: int) -> float:
    """When it matters most: as something crosses the picture's rim, else amid the busiest two seconds."""
    begin, end = first * line.step_s, last * line.step_s
    times = keys["time_s"].to_numpy()
    low = max(int(np.searchsorted(times, begin, side="right")) - 1, 0)
    high = int(np.searchsorted(times, end, side="left")) + 1
    if "still" in line.states[first:last] and len(times[low:high]) >= 3:
        crossed = novelty.crossing(times[low:high], novelty.of(keys.slice(low, high - low)))
        if crossed is not None:
            return min(max(crossed, begin), end)
    level = line.height[first:last]
    weight = level - level.min() + 1e-3
    size = min(len(weight), max(1, round(_MOMENT_S / line.step_s)))
    mass = np.convolve(weight, np.ones(size), mode="valid")
    # The middle of the best windows, not the first: an even stretch has its moment in its middle.
    best = np.flatnonzero(mass >= mass.max() - 1e-9)
    return float((first + best[len(best) // 2] + size / 2) * line.step_s)

"""State: what the camera does in each span, from single measurements of its motion.

Thresholds are in frame widths a second, so that they hold for every resolution: 0.01 is a tripod in
the wind, a head that turns sweeps about half a frame a second.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from taihang.use.video.select import camera

State = Literal["still", "walk", "turn", "shake", "go", "stop", "unknown"]
STATES: tuple[State, ...] = ("still", "walk", "turn", "shake", "go", "stop", "unknown")
Source = Literal["vectors", "keys", "packets"]

STILL = 0.012
_TURN = 0.12
_SHAKE = 0.10
# Two measurements further apart than this tell nothing of the time between them.
REACH_S = 1.5
_CHANGE_S = 1.0  # a camera that starts or stops is going or stopping for this long


class Measured(NamedTuple):
    """A camera motion and where it was measured."""

    motion: camera.Motion
    source: Source


class Span(NamedTuple):
    """`start_s` to `end_s` in one state; `source` is what it rests on."""

    start_s: float
    end_s: float
    state: State
    source: Source


def spans(measured: Sequence[Measured], duration_s: float, step_s: float = 0.5) -> list[Span]:
    """States from 0 to `duration_s`, in order, without gaps; `measured` is in time order.

    Where nothing was measured nearby the state on both sides is carried over when both agree, with
    the source "packets" to say that nothing was seen there; else it is unknown.
    """
    count = max(1, int(np.ceil(duration_s / step_s)))
    states: list[State] = ["unknown"] * count
    sources: list[Source] = ["packets"] * count
    times = np.array([m.motion.time_s for m in measured])
    for place in range(count):
        middle = (place + 0.5) * step_s
        low, high = np.searchsorted(times, [middle - REACH_S / 2, middle + REACH_S / 2])
        near = measured[low:high]
        if near:
            states[place] = _state([m.motion for m in near])
            sources[place] = "vectors" if any(m.source == "vectors" for m in near) else near[0].source
    _carry(states)
    _mark_changes(states, max(1, round(_CHANGE_S / step_s)))
    return _joined(states, sources, step_s, duration_s)


def _state(near: Sequence[camera.Motion]) -> State:
    x = np.array([m.x for m in near])
    y = np.array([m.y for m in near])
    # A coder that skips a block gives it no motion, so vectors err towards rest: a quarter may.
    if float(np.quantile([m.speed for m in near], 0.75)) < STILL:
        return "still"
    drift = float(np.hypot(np.mean(x), np.mean(y)))
    jitter = float(np.hypot(np.std(x), np.std(y)))
    if len(near) >= 3 and jitter > _SHAKE and jitter > drift:
        return "shake"
    return "turn" if drift > _TURN else "walk"


def _carry(states: list[State]) -> None:
    """Fill unknown stretches whose two sides agree."""
    known = [i for i, state in enumerate(states) if state != "unknown"]
    for left, right in itertools.pairwise(known):
        if right - left > 1 and states[left] == states[right]:
            states[left + 1 : right] = [states[left]] * (right - left - 1)


def _mark_changes(states: list[State], reach: int) -> None:
    """Call the first moments of moving after standing `go`, the last before standing `stop`."""
    moving = [state in ("walk", "turn") for state in states]
    still = [state == "still" for state in states]
    for place in range(1, len(states)):
        # A pause or a twitch shorter than the change itself is neither a stop nor a start.
        if still[place - 1] and moving[place] and all(moving[place : place + reach]):
            states[place : place + reach] = ["go"] * len(states[place : place + reach])
        elif moving[place - 1] and still[place] and all(moving[max(0, place - reach) : place]):
            states[max(0, place - reach) : place] = ["stop"] * (place - max(0, place - reach))


def _joined(states: list[State], sources: list[Source], step_s: float, duration_s: float) -> list[Span]:
    found: list[Span] = []
    for place, (state, source) in enumerate(zip(states, sources, strict=True)):
        end = duration_s if place == len(states) - 1 else (place + 1) * step_s
        if found and found[-1].state == state and found[-1].source == source:
            found[-1] = found[-1]._replace(end_s=end)
        else:
            found.append(Span(place * step_s, end, state, source))
    return found


def at(found: Sequence[Span], times: npt.NDArray[np.float64]) -> list[State]:
    """The state at each time."""
    if not found:
        return ["unknown"] * len(times)
    starts = np.array([span.start_s for span in found])
    return [found[max(i, 0)].state for i in np.searchsorted(starts, times, side="right") - 1]

"""Timeline: the signals on one even grid of time, each in widths of its own noise.

What a moving camera does to a signal is taken out here, so that a step in it means the scene.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute

from taihang.use.video.select import changes, novelty, saliency, state

Floats = npt.NDArray[np.float64]

_STEP_S = 0.2
_MOST_STEPS = 100_000
# Widths below which a signal's own noise is not believed: a perfectly quiet scene would otherwise
# make an event of every flicker. Log2 of size; share of cells; share of the picture.
_LEAST_NOISE = {"activity": 0.15, "change": 0.02, "against": 0.02, "unexplained": 0.2}
_LEAST_SHARE = 0.003
_FEWEST_KEYS = 8  # fewer tell nothing of what the walk alone does
_MOVING = ("walk", "turn", "shake", "go", "stop")


@dataclasses.dataclass(frozen=True, slots=True)
class Timeline:
    """`step_s`: length of a step. `states`: the camera's per step. `activity`, `change`, `against`:
    (steps,) in noise widths, NaN where nothing is known; higher is more. `hold`: how many steps one
    key frame speaks for, so that its word is not counted as that many."""

    step_s: float
    states: list[state.State]
    activity: Floats
    change: Floats
    against: Floats
    hold: int

    @property
    def moving(self) -> npt.NDArray[np.bool_]:
        """(steps,) whether the camera moves, or may."""
        return _moving(self.states)

    @property
    def series(self) -> Floats:
        """(steps, 3) of all signals, with the noise of independent values."""
        return np.stack([self.activity, self.change / np.sqrt(self.hold), self.against], axis=1)

    @property
    def height(self) -> Floats:
        """How much goes on at each step: the signals that are known there, added up."""
        return np.asarray(np.nan_to_num(np.stack([self.activity, self.change, self.against])).sum(axis=0))


def of(signals: saliency.Signals) -> Timeline:
    """The timeline of a film's signals."""
    times = signals.frames["time_s"].to_numpy()
    typical = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    step = max(_STEP_S, typical, signals.duration_s / _MOST_STEPS)
    count = max(1, int(np.ceil(signals.duration_s / step)))
    middles: Floats = (np.arange(count, dtype=np.float64) + 0.5) * step
    spans = [state.Span(**row) for row in signals.camera.to_pylist()]
    states = state.at(spans, middles)
    moving = _moving(states)
    raw = _mean(times, signals.frames["activity"].to_numpy(), count, step)
    stands = _change(signals.keys, np.exp2(np.nan_to_num(raw)), moving, step)
    walks = _unexplained(signals, count, step)
    looked = signals.motion.filter(compute.equal(signals.motion["source"], "vectors"))
    # A walk's own parallax moves against the camera wherever it goes: only a still camera can tell.
    against = np.where(moving, np.nan, _mean(looked["time_s"].to_numpy(), looked["against"].to_numpy(), count, step))
    keys = signals.keys["time_s"].to_numpy()
    hold = max(1, round(float(np.median(np.diff(keys))) / step)) if len(keys) > 1 else 1
    return Timeline(
        step,
        states,
        # The coder's rate follows the walk too closely to tell anything else of it.
        np.where(moving, 0.0, _scaled(raw, "activity", max(1, round(0.6 / step)))),
        np.where(moving, walks, _scaled(stands, "change", hold)),
        _scaled(against, "against"),
        hold,
    )


def _scaled(values: Floats, name: str, lag: int = 1) -> Floats:
    width = float(changes.noise(values[:, None], lag)[0])
    return values / max(width, _LEAST_NOISE[name])


def _mean(times: Floats, values: npt.NDArray[np.float32], count: int, step: float) -> Floats:
    """Mean of the values in each step; a step without a frame takes the frame shown there."""
    place = np.clip((times / step).astype(np.int64), 0, count - 1)
    number = np.bincount(place, minlength=count)
    total = np.bincount(place, values.astype(np.float64), minlength=count)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _moving(states: list[state.State]) -> npt.NDArray[np.bool_]:
    """Whether the camera moves; where nobody knows, as at the last or next step that is known."""
    moving = np.isin(states, _MOVING)
    known = np.flatnonzero(np.array(states) != "unknown")
    if not len(known):
        return moving
    place = np.arange(len(states))
    before = known[np.maximum(np.searchsorted(known, place, side="right") - 1, 0)]
    after = known[np.minimum(np.searchsorted(known, place), len(known) - 1)]
    return np.asarray(moving[before] | moving[after])


def _change(keys: pa.Table, bits: Floats, moving: npt.NDArray[np.bool_], step: float) -> Floats:
    """Novelty of each key frame against the one before, per step; NaN where the camera moved between them.

    Key frames tell that something changed since the last one, the `bits` spent in between tell when.
    """
    change = np.full(len(bits), np.nan)
    times = keys["time_s"].to_numpy()
    cells = novelty.of(keys)
    for place in range(1, len(times)):
        low, high = int(times[place - 1] / step), int(times[place] / step)
        span = slice(low, max(high, low + 1))
        if moving[span].any():
            continue
        when = bits[span] / max(float(bits[span].max()), 1e-9)
        change[span] = float(novelty.steps(cells[place - 1], cells[place]).mean()) * when
    return change


def _unexplained(signals: saliency.Signals, count: int, step: float) -> Floats:
    """How much more of each key frame than its camera's speed accounts for is not in the one before.

    In noise widths, over the time between the two; NaN where key frames are too far apart to tell.
    """
    rows = signals.motion.filter(compute.equal(signals.motion["source"], "keys"))
    value = np.full(count, np.nan)
    if rows.num_rows < _FEWEST_KEYS:
        return value
    # A share spans orders of magnitude, and the walk multiplies it.
    amount = np.log(rows["unseen"].to_numpy().astype(np.float64) + _LEAST_SHARE)
    rest = _regressed(amount, _speeds(rows))
    # Who comes stays for a while; one key frame that fits its neighbours badly is a blink.
    # The sum of three over the root of three keeps the noise at one width.
    rest = np.convolve(np.pad(rest, 1, mode="edge"), np.ones(3) / np.sqrt(3), mode="valid")
    keys = signals.keys["time_s"].to_numpy()
    for time, amount_there in zip(rows["time_s"].to_numpy(), rest, strict=True):
        place = int(np.searchsorted(keys, time - 1e-6))
        low, high = int(keys[max(place - 1, 0)] / step), int(time / step)
        value[low : max(high, low + 1)] = amount_there
    return value


def _regressed(values: Floats, speed: Floats) -> Floats:
    """Values less a robust parabola in speed, in widths of what is left."""
    basis = np.stack([np.ones_like(speed), speed, speed**2], axis=1)
    weight, rest, width = np.ones(len(values)), values, 1.0
    for _ in range(6):
        scaled = basis * weight[:, None]
        found = np.linalg.solve(scaled.T @ basis + 1e-9 * np.eye(3), scaled.T @ values)
        rest = values - basis @ found
        width = max(1.4826 * float(np.median(np.abs(rest))), _LEAST_NOISE["unexplained"])
        weight = 1 / (1 + (rest / (2 * width)) ** 2)
    return np.asarray(rest / width)


def _speeds(motion: pa.Table) -> Floats:
    x, y, zoom, roll = (motion[name].to_numpy().astype(np.float64) for name in ("x", "y", "zoom", "roll"))
    return np.asarray(np.hypot(np.hypot(x, y), 0.25 * np.hypot(zoom, roll)))

"""Budget: which frames a detector gets to see.

Each frame goes where it is expected to show most: around the moments of events, in the rest of an
event, or amid a stretch that nobody has looked at for long; a floor is kept in any case.
"""

from __future__ import annotations

import bisect
import dataclasses
import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.use.video.select import saliency

FRAMES = pa.schema([("number", pa.int32()), ("time_s", pa.float64()), ("reason", pa.string()), ("score", pa.float32())])

Floats = npt.NDArray[np.float64]

# Around the moment of an event: what comes is seen a while before it has crossed the picture's rim,
# what goes leaves its shadow a little longer. About two seconds apart: a moment between them
# has a frame within a second, and one within two seconds on either side.
_BEFORE_S, _AFTER_S = 1.9, 0.2
_APART_S = _BEFORE_S + _AFTER_S
_STAY_S = 6.0  # a longer event is somebody's stay: it has a moment at each end
_SURE_SCORE = 12.0  # an event that stands out this far is taken to be real
_CONTEXT = 0.5  # worth of seeing the rest of an event, against that of its moment
_SEEN_S = 1.0  # a frame tells of what happens this far before and after it
_MARGIN_S = 0.2  # how far outside an event its context begins
_HAZARD = 0.03  # moments a second that the signals are taken to miss
_EVENT_DENSITY = 3.0  # hazard within an event against that of a stable span
_UNSEEN_DENSITY = 0.3  # a dark, blurred or covered stretch shows a detector little


class Wish(NamedTuple):
    """A rulebook's wish: `rate` times the usual frames from `start_s` to `end_s`; 0 asks for none."""

    start_s: float
    end_s: float
    rate: float


def choose(
    segments: pa.Table,
    signals: saliency.Signals,
    packets: pa.Table,
    *,
    budget: float = 0.02,
    floor_s: float = 30.0,
    wishes: Sequence[tuple[float, float, float]] = (),
    hold: float = 0.0,
) -> pa.Table:
    """The frames to look at, in order of time; a table of `FRAMES`.

    `budget`: largest share (0 to 1) of the file's frames; never exceeded, but one frame is always
    chosen of a film that has one. `floor_s`: no longer span goes without a frame. `wishes`:
    (start_s, end_s, rate), see `Wish`. `hold`: share of the budget kept for a second look.

    `reason`: "event" around an event's moment, "context" in the rest of it, "floor", or "spread";
    `score`: the worth that decided. The schema's metadata says `allowed` (frames), `held` (frames
    kept back), `floor_s` (what was kept to, longer than asked when the budget is too small) and
    `floor_held` ("1" or "0"). Equal inputs give equal frames. Raises ValueError for a share outside
    0 to 1, a floor that is not above 0, or a wish that is no span.
    """
    wanted = [Wish(*wish) for wish in wishes]
    _check(budget, floor_s, hold, wanted)
    count = packets.num_rows
    allowed = int(budget * count + 1e-9) if count else 0
    held = int(hold * allowed + 1e-9)
    spend = min(max(allowed - held, 1), count)
    film = _Film.of(packets, signals)
    kept_floor = max(floor_s, 2 * film.end_s / (spend + 2)) if spend else floor_s
    if _needed(0.0, film.end_s, floor_s) <= spend:
        kept_floor = floor_s
    picks = _Picks(film, spend, kept_floor, _density(film, segments, signals, wanted))
    if spend:
        picks.fill(sorted(_proposals(segments, wanted), key=lambda p: (-p.worth, p.time_s)))
        picks.fill_floor()
        picks.at_least_one()
    held_floor = picks.longest() <= floor_s + film.step_s
    metadata = {
        "allowed": str(allowed),
        "held": str(held),
        "floor_s": repr(float(kept_floor)),
        "floor_held": str(int(held_floor)),
    }
    rows = [picks.chosen[number] for number in sorted(picks.chosen)]
    return pa.Table.from_pylist([row._asdict() for row in rows], FRAMES.with_metadata(metadata))


def _check(budget: float, floor_s: float, hold: float, wishes: list[Wish]) -> None:
    if not (0 <= budget <= 1 and 0 <= hold <= 1):
        raise ValueError("budget and hold are shares from 0 to 1")
    if not floor_s > 0:
        raise ValueError("floor_s must be above 0")
    for wish in wishes:
        if not (all(map(math.isfinite, wish)) and wish.start_s < wish.end_s and wish.rate >= 0):
            raise ValueError(f"not a span with a rate of at least 0: {tuple(wish)}")


class _Row(NamedTuple):
    number: int
    time_s: float
    reason: str
    score: float


class _Proposal(NamedTuple):
    time_s: float
    reason: str
    worth: float


def _rate(wishes: list[Wish], start_s: float, end_s: float) -> float:
    """Largest rate among the wishes that touch a span; 1 when none does."""
    rates = [wish.rate for wish in wishes if wish.start_s < end_s and start_s < wish.end_s]
    return max(rates, default=1.0)


def _proposals(segments: pa.Table, wishes: list[Wish]) -> Iterator[_Proposal]:
    """Frames that events ask for: two around each moment, then the rest of the event."""
    for event in segments.to_pylist():
        if event["kind"] != "event":
            continue
        start, end = event["start_s"], event["end_s"]
        worth = min(float(event["score"]) / _SURE_SCORE, 1.0) / 2 * _rate(wishes, start, end)
        if worth <= 0:
            continue
        if end - start > _STAY_S:
            moments = [start - _APART_S / 2 + _BEFORE_S, end - _APART_S / 2 + _BEFORE_S]
        else:
            moments = [event["moment_s"]]
        seen = []
        for moment in moments:
            seen += [moment - _BEFORE_S, moment + _AFTER_S]
            yield _Proposal(seen[-2], "event", worth)
            yield _Proposal(seen[-1], "event", worth)
        yield from _context(start - _MARGIN_S, seen, end + _MARGIN_S, worth * _CONTEXT)


def _context(start: float, seen: list[float], end: float, worth: float) -> Iterator[_Proposal]:
    """Frames no further than `_APART_S` from one another over the rest of an event, its ends among them."""
    length = end - start
    for left, right in itertools.pairwise([min(start, seen[0]), *seen, max(end, seen[-1])]):
        parts = math.ceil((right - left) / _APART_S - 1e-6)
        share = worth * min(right - left, _APART_S) / max(length, _APART_S)
        for part in range(parts + 1):
            at = left + (right - left) * part / max(parts, 1)
            if not any(abs(at - other) < 1e-6 for other in seen):
                yield _Proposal(at, "context", share)


@dataclasses.dataclass(frozen=True, slots=True)
class _Film:
    """Times of the frames that can be shown, whether each is a key frame, and the film's length."""

    numbers: npt.NDArray[np.int64]
    times: Floats
    key: npt.NDArray[np.bool_]
    end_s: float
    step_s: float

    @classmethod
    def of(cls, packets: pa.Table, signals: saliency.Signals) -> _Film:
        good = ~packets["corrupt"].to_numpy(zero_copy_only=False).astype(bool)
        if not good.any():
            good[:] = True
        times = packets["time_s"].to_numpy()
        step = float(np.median(np.diff(times))) if len(times) > 1 else max(signals.duration_s, 1e-3)
        key = packets["key"].to_numpy(zero_copy_only=False).astype(bool)
        end = max(signals.duration_s, float(times[-1]) if len(times) else 0.0)
        return cls(np.flatnonzero(good), times[good], key[good], end, step)

    def nearest(self, time_s: float) -> int:
        """Place of the frame shown nearest to a time."""
        after = int(np.searchsorted(self.times, time_s))
        if after == 0:
            return 0
        if after == len(self.times):
            return after - 1
        return after if self.times[after] - time_s < time_s - self.times[after - 1] else after - 1

    def key_near(self, time_s: float, reach_s: float) -> int:
        """Place of a key frame within reach, which costs no other frame to decode, else the nearest frame."""
        low, high = np.searchsorted(self.times, [time_s - reach_s, time_s + reach_s])
        keys = low + np.flatnonzero(self.key[low:high])
        if not len(keys):
            return self.nearest(time_s)
        return int(keys[np.argmin(np.abs(self.times[keys] - time_s))])


def _needed(start_s: float, end_s: float, floor_s: float) -> int:
    """Frames that must stand between two others so that no gap is longer than the floor."""
    return max(math.ceil((end_s - start_s) / floor_s - 1e-9) - 1, 0)


class _Picks:
    """The frames chosen so far; whatever is added leaves enough of the budget for the floor."""

    def __init__(self, film: _Film, spend: int, floor_s: float, density: tuple[Floats, Floats]) -> None:
        self.chosen: dict[int, _Row] = {}
        self._film, self._spend = film, spend
        # Frames stand at their own times: a step less keeps rounding from stretching a gap.
        self._floor = max(floor_s - film.step_s, floor_s / 2)
        self._at, self._mass = density
        self._times = [0.0, film.end_s]
        self._owed = _needed(0.0, film.end_s, self._floor)
        self._gaps = [self._gap(0.0, film.end_s)]

    def fill(self, proposals: Sequence[_Proposal]) -> None:
        """Spend the budget, always on what is worth most: the next proposal or the best gap."""
        waiting = iter(proposals)
        proposal = next(waiting, None)
        while len(self.chosen) < self._spend:
            gap = self._best_gap()
            if proposal is not None and (gap is None or proposal.worth >= gap[0]):
                self._add(proposal.time_s, proposal.reason, proposal.worth)
                proposal = next(waiting, None)
            elif gap is not None:
                worth, left, right = gap
                heapq.heappop(self._gaps)
                self._add(self._middle(left, right), "spread", worth, (right - left) / 8)
            else:
                return

    def fill_floor(self) -> None:
        """A frame wherever none stands for longer than the floor, evenly within each gap."""
        for left, right in list(itertools.pairwise(self._times)):
            owed = _needed(left, right, self._floor)
            part = (right - left) / (owed + 1)
            for place in range(1, owed + 1):
                if len(self.chosen) < self._spend:
                    slack = max(self._floor - part, 0.0) / 2
                    self._add(left + place * part, "floor", 0.0, min(slack, part / 4))

    def at_least_one(self) -> None:
        """A film so short that no gap asks for a frame still shows one."""
        if not self.chosen:
            self._add(self._film.end_s / 2, "floor", 0.0)

    def longest(self) -> float:
        """Longest time without a frame, in seconds."""
        return max(b - a for a, b in itertools.pairwise(self._times))

    def _add(self, time_s: float, reason: str, score: float, key_reach_s: float = 0.0) -> None:
        """Choose the frame nearest to a time, if it is new and the budget allows it."""
        film = self._film
        place = film.key_near(time_s, key_reach_s) if key_reach_s > 0 else film.nearest(time_s)
        number, at = int(film.numbers[place]), float(film.times[place])
        if number in self.chosen:
            return
        after = min(max(bisect.bisect_right(self._times, at), 1), len(self._times) - 1)
        left, right = self._times[after - 1], self._times[after]
        paid = _needed(left, right, self._floor) - _needed(left, at, self._floor) - _needed(at, right, self._floor)
        if reason != "floor" and paid <= 0 and len(self.chosen) + 1 + self._owed > self._spend:
            return
        self._owed -= paid
        self._times.insert(after, at)
        self.chosen[number] = _Row(number, at, reason, score)
        for gap in (self._gap(left, at), self._gap(at, right)):
            heapq.heappush(self._gaps, gap)

    def _gap(self, left: float, right: float) -> tuple[float, float, float]:
        """A gap for the heap: the negative worth of a frame amid it, and its ends."""
        length = right - left
        if length < 1.5 * self._film.step_s:
            return (0.0, left, right)
        density = float(np.interp(right, self._at, self._mass) - np.interp(left, self._at, self._mass)) / length
        # Seconds that no frame tells of yet; beyond that, closer looks are still worth a little.
        fresh = min(2 * _SEEN_S, max(length - 2 * _SEEN_S, 0.0)) + 0.01 * length
        return (-_HAZARD * density * fresh, left, right)

    def _best_gap(self) -> tuple[float, float, float] | None:
        while self._gaps:
            negative, left, right = self._gaps[0]
            after = bisect.bisect_right(self._times, left)
            if negative < 0 and after < len(self._times) and self._times[after] == right:
                return (-negative, left, right)
            heapq.heappop(self._gaps)
        return None

    def _middle(self, left: float, right: float) -> float:
        """Time with as much of the worth before it as after it."""
        half = (np.interp(left, self._at, self._mass) + np.interp(right, self._at, self._mass)) / 2
        return float(np.interp(half, self._mass, self._at))


def _density(film: _Film, segments: pa.Table, signals: saliency.Signals, wishes: list[Wish]) -> tuple[Floats, Floats]:
    """Times, and the worth of the film up to each of them; strictly rising."""
    rows = segments.to_pylist()
    cuts = {0.0, film.end_s, *(w.start_s for w in wishes), *(w.end_s for w in wishes)}
    cuts |= {row["start_s"] for row in rows} | {row["end_s"] for row in rows}
    keys, seen = signals.keys["time_s"].to_numpy(), signals.keys["seen"].to_pylist()
    changed = [i for i in range(1, len(seen)) if seen[i] != seen[i - 1]]
    cuts |= {float(keys[i]) for i in changed}
    at = np.array(sorted(cut for cut in cuts if 0 <= cut <= film.end_s))
    starts = np.array([row["start_s"] for row in rows])
    density = []
    for left, right in itertools.pairwise(at):
        middle = (left + right) / 2
        row = rows[max(int(np.searchsorted(starts, middle, side="right")) - 1, 0)] if rows else None
        worth = _EVENT_DENSITY if row is not None and row["kind"] == "event" else 1.0
        place = int(np.searchsorted(keys, middle, side="right")) - 1
        if place >= 0 and seen[place] != "clear":
            worth *= _UNSEEN_DENSITY
        density.append(worth * max(_rate(wishes, float(middle), float(middle) + 1e-9), 1e-6))
    return at, np.concatenate([[0.0], np.cumsum(np.diff(at) * np.array(density))])

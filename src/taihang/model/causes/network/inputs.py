"""Inputs: a timeline as the graph that the network reads, events as nodes, allowed pairs of events as edges.

A kind stands for nothing but how it behaves: how often and how evenly it comes, and how often others follow it at a
lag. So a kind that no training ever saw is read like any other, and names mean nothing. All times are told relative
to the longest lag that is allowed: minutes on one site read as hours on another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from taihang.model.causes import candidates as proposing
from taihang.model.causes import events

NODE, EDGE, CANDIDATE = 18, 26, 12
_NEAR, _FEWEST_NEAR = 64, 4  # events before another that may be its causes, the nearest: a flood is read in part
_MOST_PAIRS = 1_000_000
_BLOCK = 1024
USUAL = 0.8  # a share of pairs that have a place in common by chance, beyond which it says nothing that they do
_WIDTHS = ((0.008, 0.1), (0.02, 0.4))  # of windows of lags: a part of the longest lag, and of the lag itself
_TURNS = (1.0, 2.0, 4.0)
Mask = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, slots=True)
class Inputs:
    """`nodes` (n, NODE), `edges` (e, EDGE), `table` (c, CANDIDATE); `source`, `target` are nodes, `of` candidates.

    The first `real` nodes are the timeline's rows; the others are queries: events that are asked about, at which edges
    end and none begins.
    """

    nodes: events.Floats
    edges: events.Floats
    table: events.Floats
    source: events.Ints
    target: events.Ints
    of: events.Ints
    real: int


@dataclasses.dataclass(frozen=True, slots=True)
class Queries:
    """Events that are asked about, a column each as in `events.Timeline`."""

    kind: events.Ints
    start: events.Floats
    stretch: events.Ints
    place: events.Ints
    actor: events.Ints


@dataclasses.dataclass(frozen=True, slots=True)
class Patterns:
    """What a whole timeline says of kinds and of pairs of them, before any single event is looked at.

    `profile` (kinds, 6); `index` (kinds, kinds) of candidates, -1 where none; `ahead` and `behind` are sorted keys of
    lags of pairs in the asked order and in the other; `density` pairs by chance a unit of relative lag.
    """

    proposed: tuple[proposing.Candidate, ...]
    index: events.Ints
    least: events.Floats
    most: events.Floats
    asked: events.Ints
    profile: events.Floats
    match: events.Floats
    density: events.Floats
    ahead: events.Floats
    behind: events.Floats
    together: events.Floats
    counts: events.Ints


def patterns(line: events.Timeline, proposed: Sequence[proposing.Candidate]) -> Patterns:
    """The patterns of a timeline under the candidates that a book allows."""
    number = {kind: n for n, kind in enumerate(line.kinds)}
    kinds = len(line.kinds)
    index = np.full((kinds, kinds), -1, np.int64)
    for n, one in enumerate(proposed):
        index[number[one.cause], number[one.effect]] = n
    least, most = (np.array([getattr(one, name) for one in proposed], np.float64) for name in ("least_s", "most_s"))
    asked = np.array([("any", "place", "actor").index(one.same) for one in proposed], np.int64)
    per = np.zeros((len(line.lengths), kinds))
    np.add.at(per, (line.stretch, line.kind), 1.0)
    seconds = np.maximum(line.lengths, 1e-9)
    longest = float(most.max(initial=1.0))
    at = (index >= 0).nonzero()
    order = index[at]
    by_chance, together = np.zeros(len(proposed)), np.zeros(len(proposed))
    by_chance[order] = ((per / seconds[:, None]).T @ per)[at]
    there = (per > 0).astype(np.float64)
    together[order] = (there.T @ there)[at]
    match = np.zeros((len(proposed), 2))
    for column, held in enumerate((line.place, line.actor)):
        match[order, column] = _shared(line, held)[at]
    chance = np.where(asked == 0, 1.0, np.where(asked == 1, match[:, 0], match[:, 1]))
    base = Patterns(
        tuple(proposed), index, least, most, asked, _profile(line, per, longest), match, by_chance * most * chance,
        np.zeros(0), np.zeros(0), together, per.sum(axis=0).astype(np.int64),
    )  # fmt: skip
    cause, effect = _near(line.start, line.stretch, line.start, line.stretch, least, most)
    later = np.arange(len(line.kind))[effect]
    return dataclasses.replace(
        base,
        ahead=_keys(line, base, index[line.kind[cause], line.kind[later]], cause, later),
        behind=_keys(line, base, index[line.kind[later], line.kind[cause]], cause, later),
    )


def inputs(line: events.Timeline, held: Patterns, queries: Queries | None = None, kept: Mask | None = None) -> Inputs:
    """The graph of a timeline. `kept` (rows): which events are known; what is not known is the cause of nothing."""
    none = np.zeros(0, np.int64)
    asked_ = queries or Queries(none, np.zeros(0), none, none, none)
    real = len(line.kind)
    whole = Queries(
        np.concatenate([line.kind, asked_.kind]), np.concatenate([line.start, asked_.start]),
        np.concatenate([line.stretch, asked_.stretch]), np.concatenate([line.place, asked_.place]),
        np.concatenate([line.actor, asked_.actor]),
    )  # fmt: skip
    kind, start, stretch, place, actor = whole.kind, whole.start, whole.stretch, whole.place, whole.actor
    known = np.ones(real, bool) if kept is None else kept
    rows = np.flatnonzero(known)
    source, target = _near(line.start[rows], line.stretch[rows], start, stretch, held.least, held.most)
    source = rows[source]
    of = held.index[kind[source], kind[target]]
    lag = start[target] - start[source]
    near = np.maximum(of, 0)
    fits = (of >= 0) & (lag >= held.least[near]) & (lag <= held.most[near]) if len(held.proposed) else of >= 0
    source, target, of, lag = source[fits], target[fits], of[fits], lag[fits]
    common = [(column[source] == column[target]) & (column[source] >= 0) for column in (place, actor)]
    if len(of):
        asked = held.asked[of]
        fits = (asked == 0) | ((asked == 1) & common[0]) | ((asked == 2) & common[1])
        source, target, of, lag = source[fits], target[fits], of[fits], lag[fits]
        common = [one[fits] for one in common]
    unsure = [((column[source] < 0) | (column[target] < 0)).astype(float) for column in (place, actor)]
    made = _edges(held, kind, of, lag, source, target, target < real)
    # What is not known of one of the two, or is nearly always common, tells nothing: it is no difference.
    told = [
        np.where((u > 0) | (held.match[of, n] > USUAL), np.nan, c.astype(float))
        for n, (c, u) in enumerate(zip(common, unsure, strict=True))
    ]
    edges = np.column_stack([made, *told, *unsure]) if len(of) else np.zeros((0, EDGE))
    longest = float(held.most.max(initial=1.0))
    nodes = _nodes(line, held, whole, rows, longest)
    return Inputs(nodes, edges, _table(held, of, lag, len(line.lengths)), source, target, of, real)


def _near(  # noqa: PLR0917 - two timelines, and how far apart their rows may lie
    start: events.Floats, stretch: events.Ints, later: events.Floats, later_stretch: events.Ints,
    least: events.Floats, most: events.Floats,
) -> tuple[events.Ints, events.Ints]:  # fmt: skip
    """Pairs (row of the first, row of the second) in one stretch within the widest lag, the nearest _NEAR of each."""
    if not len(least) or not len(start) or not len(later):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # One number line for all stretches: farther apart than any lag.
    count = int(max(stretch.max(initial=0), later_stretch.max(initial=0))) + 1
    first = np.full(count, np.inf)
    np.minimum.at(first, stretch, start)
    np.minimum.at(first, later_stretch, later)
    first[~np.isfinite(first)] = 0.0
    last = np.zeros(count)
    np.maximum.at(last, stretch, start - first[stretch])
    np.maximum.at(last, later_stretch, later - first[later_stretch])
    offset = np.concatenate([[0.0], np.cumsum(last + 2 * float(most.max()))[:-1]]) - first
    at, asked = start + offset[stretch], later + offset[later_stretch]
    left = np.searchsorted(at, asked - float(most.max()), side="left")
    right = np.searchsorted(at, asked - float(least.min()), side="right")
    left = np.maximum(left, right - int(np.clip(_MOST_PAIRS // max(len(later), 1), _FEWEST_NEAR, _NEAR)))
    counts = np.maximum(right - left, 0)
    target = np.repeat(np.arange(len(asked)), counts)
    step = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return left[target] + step, target


def _shared(line: events.Timeline, held: events.Ints) -> events.Floats:
    """How likely an event of one kind and one of another share a place (or an actor) by chance: (kinds, kinds)."""
    kinds = len(line.kinds)
    found = np.zeros((kinds, kinds))
    counts = np.maximum(np.bincount(line.kind, minlength=kinds), 1)
    # In blocks of places: there may be as many tracks as events.
    for first in range(0, int(held.max(initial=-1)) + 1, _BLOCK):
        part = (held >= first) & (held < first + _BLOCK)
        shares = np.zeros((kinds, _BLOCK))
        np.add.at(shares, (line.kind[part], held[part] - first), 1.0)
        shares /= counts[:, None]
        found += shares @ shares.T
    return found


def _profile(line: events.Timeline, per: events.Floats, longest: float) -> events.Floats:
    """How each kind behaves: number, rate, evenness of gaps, evenness over stretches, placed, tracked."""
    kinds = len(line.kinds)
    total = per.sum(axis=0)
    seconds = max(float(line.lengths.sum()), 1e-9)
    found = np.zeros((kinds, 6))
    expected = np.outer(line.lengths / seconds, total)
    for kind in range(kinds):
        rows = line.of(kind)
        gaps = np.diff(line.start[rows])[np.diff(line.stretch[rows]) == 0]
        even = float(gaps.std() / max(gaps.mean(), 1e-9)) if len(gaps) > 1 else 1.0
        fano = float(((per[:, kind] - expected[:, kind]) ** 2).sum() / max(total[kind], 1.0))
        found[kind] = (
            np.log10(1 + total[kind]), np.log10(total[kind] / seconds * longest + 1e-3), min(even, 3.0),
            np.log1p(fano), float(np.mean(line.place[rows] >= 0)), float(np.mean(line.actor[rows] >= 0)),
        )  # fmt: skip
    return found


def _keys(
    line: events.Timeline, held: Patterns, of: events.Ints, cause: events.Ints, effect: events.Ints
) -> events.Floats:
    lag = line.start[effect] - line.start[cause]
    fits = of >= 0
    of, lag, cause, effect = of[fits], lag[fits], cause[fits], effect[fits]
    if not len(of):
        return np.zeros(0)
    asked = held.asked[of]
    place = (line.place[cause] == line.place[effect]) & (line.place[cause] >= 0)
    actor = (line.actor[cause] == line.actor[effect]) & (line.actor[cause] >= 0)
    fits = (lag >= held.least[of]) & (lag <= held.most[of])
    fits &= (asked == 0) | ((asked == 1) & place) | ((asked == 2) & actor)
    # Relative lags lie in 0..1, so windows around them never reach another candidate's.
    return np.sort(of[fits] * 4.0 + lag[fits] / held.most[of[fits]])


def _edges(  # noqa: PLR0917 - one pair of events a row, in columns
    held: Patterns, kind: events.Ints, of: events.Ints, lag: events.Floats, source: events.Ints, target: events.Ints,
    counted: Mask,
) -> events.Floats:  # fmt: skip
    """All but what place and actor say of each pair of events."""
    if not len(of):
        return np.zeros((0, EDGE - 4))
    part = lag / held.most[of]
    least = held.least[of] / held.most[of]
    log = np.log(np.maximum(part, 1e-4))
    columns = [part, log / 3]
    for turns in _TURNS:
        columns += [np.sin(turns * log), np.cos(turns * log)]
    for flat, steep in _WIDTHS:
        wide = flat + steep * part
        low, high = np.maximum(part - wide, least), np.minimum(part + wide, 1.0)
        chance = held.density[of] * np.maximum(high - low, 0)
        # An event that is asked about is no evidence of itself: its own pair is not counted.
        ahead = _within(held.ahead, of, low, high) - counted
        behind = _within(held.behind, of, low, high)
        columns += [
            np.log((np.maximum(ahead, 0) + 0.5) / (chance + 0.5)),
            np.clip((ahead - chance) / np.sqrt(chance + 1), -5, 30) / 5,
            np.log((behind + 0.5) / (chance + 0.5)),
        ]
    # Edges come sorted by target and source, so what lies between is what comes later of the same target.
    end = np.searchsorted(target, target, side="right")
    after = end - np.arange(len(of)) - 1
    last = _last(kind[source], target)
    columns += [np.log1p(after), last, *_told(held.match[of]).T]
    causes, effects = (held.counts[side] for side in (kind[source], kind[target]))
    columns += [np.log10(1 + causes), np.log10(1 + effects), np.minimum(held.density[of] / np.maximum(effects, 1), 4)]
    columns.append(np.log10(1 + held.together[of]))
    return np.column_stack(columns)


def _told(match: events.Floats) -> events.Floats:
    """Chances of a common place or actor; NaN where there is none to speak of."""
    return np.where((match <= 0) | (match > USUAL), np.nan, match)


def _within(keys: events.Floats, of: events.Ints, low: events.Floats, high: events.Floats) -> events.Floats:
    return np.asarray(
        np.searchsorted(keys, of * 4.0 + high + 1e-9) - np.searchsorted(keys, of * 4.0 + low - 1e-9), np.float64
    )


def _last(kind: events.Ints, target: events.Ints) -> events.Floats:
    """1 where a pair's cause is the last of its kind before that effect."""
    order = np.lexsort((np.arange(len(kind)), kind, target))
    found = np.ones(len(kind))
    follows = (kind[order][1:] == kind[order][:-1]) & (target[order][1:] == target[order][:-1])
    found[order[:-1][follows]] = 0.0
    return found


def _nodes(
    line: events.Timeline, held: Patterns, whole: Queries, rows: events.Ints, longest: float
) -> events.Floats:  # fmt: skip
    """Time-position embedding and behaviour of the kind, a row an event."""
    kind, start, stretch, place = whole.kind, whole.start, whole.stretch, whole.place
    begun, long = line.span[stretch, 0], np.maximum(line.lengths[stretch], 1e-9)
    turn = 2 * np.pi * (start - begun) / long
    found = [np.sin(turn), np.cos(turn), np.sin(2 * turn), np.cos(2 * turn)]
    for group in (np.zeros(len(kind), np.int64), kind + 1):
        gap = _gap(line, group, start, stretch, rows, longest) / longest
        log = np.log(gap + 0.01)
        found += [gap, np.sin(log), np.cos(log)]
    sure = np.concatenate([line.confidence, np.ones(len(kind) - len(line.kind))])
    return np.column_stack([*found, *held.profile[kind].T, place >= 0, sure]) if len(kind) else np.zeros((0, NODE))


def _gap(  # noqa: PLR0917 - as _near
    line: events.Timeline, group: events.Ints, start: events.Floats, stretch: events.Ints, rows: events.Ints,
    longest: float,
) -> events.Floats:  # fmt: skip
    """Seconds since the last known event of the group in the stretch, at most `longest`."""
    found = np.full(len(start), longest)
    for one in np.unique(group):
        of = rows[group[rows] == one]
        asked = np.flatnonzero(group == one)
        if not len(of):
            continue
        wide = float(np.ptp(np.concatenate([line.span.ravel(), start]))) + 2 * longest
        least = float(min(line.span.min(), start.min()))
        at = (line.start[of] - least) + line.stretch[of] * wide
        wanted = (start[asked] - least) + stretch[asked] * wide
        place = np.searchsorted(at, wanted, side="left") - 1
        gaps = np.where(place >= 0, wanted - at[np.maximum(place, 0)], longest)
        found[asked] = np.minimum(gaps, longest)
    return found


def _table(held: Patterns, of: events.Ints, lag: events.Floats, stretches: int) -> events.Floats:
    """What the whole timeline says of each candidate."""
    count = len(held.proposed)
    if not count:
        return np.zeros((0, CANDIDATE))
    kinds = np.zeros((count, 2), np.int64)
    at = (held.index >= 0).nonzero()
    kinds[held.index[at]] = np.column_stack(at)
    causes, effects = held.counts[kinds[:, 0]], held.counts[kinds[:, 1]]
    ahead, behind = (np.bincount((keys // 4).astype(np.int64), minlength=count) for keys in (held.ahead, held.behind))
    chance = held.density * (1 - held.least / held.most)
    return np.column_stack([
        np.log10(1 + causes), np.log10(1 + effects), np.log1p(ahead), np.log1p(behind),
        np.log((ahead + 0.5) / (chance + 0.5)), np.clip((ahead - chance) / np.sqrt(chance + 1), -5, 30) / 5,
        np.log((ahead + 0.5) / (behind + 0.5)), np.log1p(held.together), np.full(count, np.log1p(stretches)),
        np.full(count, np.log1p(len(held.counts))), *_told(held.match).T,
    ])  # fmt: skip

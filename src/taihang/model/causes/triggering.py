"""Triggering: how often events of one kind follow others, all possible causes weighed against each other.

A Poisson regression with an identity link: the rate of the effect is a constant of its stretch plus what each earlier
event adds at its lag (a mutually exciting process with piecewise-constant kernels, without a chain on the unseen).
Fitted by expectation-maximisation, as Marsan and Lengliné (2008) do; what it gives each event is the probability that
it was brought about by each earlier one (stochastic declustering, Zhuang et al. 2002).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from taihang.model.causes import candidates as proposing
from taihang.model.causes import events, pairs

_ROUNDS = 60
_TINY = 1e-12


@dataclasses.dataclass(frozen=True, slots=True)
class Design:
    """What may explain the events of one kind: `counts` (events, causes x BINS) of pairs by cause and lag bin.

    `exposure` are seconds in which each column could have shown, `mine` the columns of each cause.
    """

    effects: events.Ints
    stretch: events.Ints
    seconds: events.Floats
    counts: events.Floats
    exposure: events.Floats
    mine: Mapping[str, slice]


@dataclasses.dataclass(frozen=True, slots=True)
class Fit:
    """`base` (stretches) and `added` (columns) are rates per second; `rate` (events) is the sum at each event."""

    base: events.Floats
    added: events.Floats
    rate: events.Floats
    alone: events.Floats
    """Share of the rate at each event that none of the causes adds."""


def design(line: events.Timeline, effect: int, causes: Sequence[tuple[proposing.Candidate, pairs.Pairs]]) -> Design:
    """The columns for an effect's possible causes; `causes` may hold the effect's own kind, for bursts."""
    rows = line.of(effect)
    where = np.full(len(line.kind), -1)
    where[rows] = np.arange(len(rows))
    counts = np.zeros((len(rows), len(causes) * pairs.BINS))
    exposure = np.zeros(len(causes) * pairs.BINS)
    index = {kind: n for n, kind in enumerate(line.kinds)}
    mine = {}
    for n, (one, found) in enumerate(causes):
        np.add.at(counts, (where[found.effect], n * pairs.BINS + found.bin), 1.0)
        bounds = pairs.edges(one.least_s, one.most_s)
        mine[one.cause] = slice(n * pairs.BINS, (n + 1) * pairs.BINS)
        exposure[mine[one.cause]] = _seen(line, line.of(index[one.cause]), bounds)
    return Design(rows, line.stretch[rows], np.maximum(line.lengths, _TINY), counts, exposure, mine)


def _seen(line: events.Timeline, rows: events.Ints, bounds: events.Floats) -> events.Floats:
    """Seconds after events of a kind that were observed, by lag bin."""
    left = (line.span[line.stretch[rows], 1] - line.start[rows])[:, None]
    return np.asarray(np.clip(left - bounds[:-1], 0, np.diff(bounds)).sum(axis=0))


def fit(given: Design, without: str | None = None) -> Fit:
    """The most likely rates; `without` leaves one cause out."""
    counts, exposure = given.counts, np.maximum(given.exposure, _TINY)
    if without is not None:
        kept = np.ones(counts.shape[1], bool)
        kept[given.mine[without]] = False
        counts, exposure = counts[:, kept], exposure[kept]
    total = np.bincount(given.stretch, minlength=len(given.seconds))
    base = np.maximum(total / given.seconds, _TINY)
    added = (counts.sum(axis=0) + 0.5) / (2 * exposure + 1)
    for _ in range(_ROUNDS):
        inverse = 1 / np.maximum(base[given.stretch] + counts @ added, _TINY)
        added = added * (inverse @ counts) / exposure
        part = base[given.stretch] * inverse
        base = np.bincount(given.stretch, part, minlength=len(given.seconds)) / given.seconds
    own = base[given.stretch]
    rate = np.maximum(own + counts @ added, _TINY)
    return Fit(base, added, rate, own / rate)


def blame(line: events.Timeline, given: Design, fitted: Fit, cause: str, found: pairs.Pairs) -> events.Floats:
    """For each pair, the probability that this event of the cause brought about that effect."""
    where = np.full(len(line.kind), -1)
    where[given.effects] = np.arange(len(given.effects))
    added = fitted.added[given.mine[cause]]
    return np.asarray(added[found.bin] / fitted.rate[where[found.effect]])

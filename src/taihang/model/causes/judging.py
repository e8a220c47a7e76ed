"""Judging: the judges together, one calibrated confidence an edge, "insufficient evidence" where it is too little."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

from taihang.core import job, words
from taihang.engines import stages
from taihang.model.causes import book as books
from taihang.model.causes import calibration, events, keeping, pairs, statistical
from taihang.model.causes import candidates as proposing
from taihang.model.causes.network import scores, weights

CONFIDENT = 0.5
_DOUBT = 0.1  # a candidate less likely than this is no suspicion worth a line
_CERTAIN = 0.5
_TOLD = 200  # occurrences that are kept of an edge
Verdict = Literal["supported", "insufficient", "none"]
Judges = Literal["statistical", "both"]
DEFAULT: Judges = "statistical"
_METHODS = {"statistical": "branching-isotonic", "both": "branching-gatv2-pooled"}


@dataclasses.dataclass(frozen=True, slots=True)
class Occurrence:
    """One event that, with `probability`, brought about another. Rows count as in `events.flat`."""

    cause: int
    effect: int
    lag_s: float
    probability: float


@dataclasses.dataclass(frozen=True, slots=True)
class Edge:
    """One candidate with its verdict.

    `supported`: the tests hold at the false discovery rate (with the network: each by itself, and the confidences
    promise the rate) and the confidence is at least a half. `insufficient`: something speaks for it and not enough
    does, or it could not be tested; `reason` says which. `none`: no sign of it. `occurrences` are the strongest of
    `count`. `what_if`: how far the effect's probability falls when the cause is hidden, where somebody was asked.
    """

    statistic: statistical.Statistic
    confidence: float | None
    verdict: Verdict
    reason: str = ""
    count: int = 0
    occurrences: tuple[Occurrence, ...] = ()
    what_if: float | None = None

    @property
    def cause(self) -> str:
        """The kind that brings about."""
        return self.statistic.candidate.cause

    @property
    def effect(self) -> str:
        """The kind that is brought about."""
        return self.statistic.candidate.effect

    @property
    def strength(self) -> tuple[float, float, str, str]:
        """For ranking, the strongest first when sorted: by confidence, then by how much is brought about."""
        return (-(self.confidence or 0.0), -self.statistic.brought, self.cause, self.effect)


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """Every candidate of a log, judged. `judges` are those that took part, `method` what calibrated the confidence."""

    log: events.Log
    line: events.Timeline
    book: books.Read
    edges: tuple[Edge, ...]
    judges: tuple[str, ...]
    method: str
    produced_by: tuple[words.Producer, ...]
    asked: str = ""
    """Who was asked what if (see `what_if`); empty when nobody was."""

    def of(self, verdict: Verdict) -> tuple[Edge, ...]:
        """The edges of one verdict, the strongest first."""
        return tuple(sorted((e for e in self.edges if e.verdict == verdict), key=lambda e: e.strength))


def judge(
    log: events.Log,
    book: books.Read,
    progress: job.Progress | None = None,
    judges: Judges = DEFAULT,
    kept: stages.Stages | None = None,
) -> Judged:
    """Judge which kinds bring about which in a log, as far as a book allows.

    `both`: the graph network's scores enter the confidence beside the statistical measures, where the events have what
    it knows (see `scores.knows`). The same events give the
    same answer, whatever their kinds are called and whenever they were recorded. `kept`: where
    tests are kept, so that work that was killed goes on. Raises errors.Cancelled when progress says so.
    """
    line = events.timeline(log)
    judges = judges if scores.knows(line) else "statistical"
    proposed = proposing.candidates(log.kinds, book.book)
    keeps = None if kept is None else keeping.Kept(kept, line, book.book.missed)
    found = statistical.judge(line, proposed, book.book, progress, keeps)
    calibrators = [calibration.load("statistical")]
    rows = calibration.measures(found)
    knows = np.zeros(len(found), bool)
    views = [calibrators[0].probability(rows)] if found else [np.zeros(0)]
    by: list[words.Producer] = []
    if judges == "both":
        calibrators.append(calibration.load("both"))
        by.append(weights.load().producer)
        if found:
            told = scores.scores(line, proposed, progress)
            theirs = calibrators[1].probability(np.concatenate([rows, told.measures], axis=1))
            knows = told.knows
            views.append(np.where(knows, theirs, views[0]))
    confidence = calibration.pooled(views)
    fdr = book.book.fdr
    held = [s.q <= fdr for s in found]
    # Where the network has nothing to go by, the tests decide as they do alone.
    told_of = [n for n in range(len(found)) if knows[n]]
    for n, kept_ in zip(told_of, promised([found[n] for n in told_of], confidence[told_of], fdr), strict=True):
        held[n] = kept_
    made = [_edge(s, float(c), h, fdr) for s, c, h in zip(found, confidence, held, strict=True)]
    by += [words.Producer(name=f"causes:{one.name}", version="1", sha256=one.sha256) for one in calibrators]
    # Whoever had nothing to go by for any candidate did not speak.
    spoke = ("statistical", "network") if knows.any() else ("statistical",)
    method = _METHODS["both" if knows.any() else "statistical"]
    return Judged(log, line, book, tuple(made), spoke, method, (*by, books.producer(book)))


def promised(found: Sequence[statistical.Statistic], confidence: events.Floats, fdr: float) -> list[bool]:
    """Candidates whose own tests hold, the surest first, for as long as their confidences promise no more than `fdr`
    false ones among them (the local false discovery rate, Efron 2008).

    One recording has few events and many candidates: held to one rate, its p-values alone could tell none of them.
    """
    able = [n for n, s in enumerate(found) if not s.reason and s.p <= fdr]
    able.sort(key=lambda n: (-confidence[n], found[n].p, found[n].q))
    held = [False] * len(found)
    wrong = 0.0
    for count, n in enumerate(able, 1):
        wrong += 1 - float(confidence[n])
        held[n] = wrong <= fdr * count
        if not held[n]:
            break
    return held


def _edge(found: statistical.Statistic, confidence: float, held: bool, fdr: float) -> Edge:
    if found.reason:
        return Edge(found, None, "insufficient", found.reason)
    if held and confidence >= CONFIDENT:
        kept, count = _occurrences(found)
        return Edge(found, confidence, "supported", "", count, kept)
    if not held and found.p > fdr and confidence < _DOUBT:
        return Edge(found, confidence, "none")
    kept, count = _occurrences(found)
    return Edge(found, confidence, "insufficient", "weak" if held or found.q <= fdr else "chance", count, kept)


def _occurrences(found: statistical.Statistic) -> tuple[tuple[Occurrence, ...], int]:
    """The most probable cause of each effect, as far as this candidate is it, the surest first; and how many."""
    likely = np.flatnonzero(found.blame >= _CERTAIN)
    order = likely[np.lexsort((found.pairs.effect[likely], -found.blame[likely]))]
    held: pairs.Pairs = found.pairs
    kept = tuple(
        Occurrence(
            int(held.cause[n]), int(held.effect[n]), round(float(held.lag[n]), 3), round(float(found.blame[n]), 4)
        )
        for n in order[:_TOLD]
    )
    return kept, len(likely)

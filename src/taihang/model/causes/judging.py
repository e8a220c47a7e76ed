"""Judging: the judges together, one calibrated confidence an edge, "insufficient evidence" where it is too little."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from taihang.core import job, words
from taihang.model.causes import book as books
from taihang.model.causes import calibration, events, pairs, statistical
from taihang.model.causes import candidates as proposing

CONFIDENT = 0.5
_DOUBT = 0.1  # a candidate less likely than this is no suspicion worth a line
_CERTAIN = 0.5
_TOLD = 200  # occurrences that are kept of an edge
Verdict = Literal["supported", "insufficient", "none"]


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

    `supported`: the tests hold at the false discovery rate and the confidence is at least a half. `insufficient`:
    something speaks for it and not enough does, or it could not be tested; `reason` says which. `none`: no sign of it.
    `occurrences` are the strongest of `count`. `what_if`: how far the effect's probability falls when the cause is
    hidden, where somebody was asked (see `what_if`).
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

    def of(self, verdict: Verdict) -> tuple[Edge, ...]:
        """The edges of one verdict, the strongest first."""
        return tuple(sorted((e for e in self.edges if e.verdict == verdict), key=lambda e: e.strength))


def judge(log: events.Log, book: books.Read, progress: job.Progress | None = None) -> Judged:
    """Judge which kinds bring about which in a log, as far as a book allows.

    The same events give the same answer, whatever their kinds are called and whenever they were recorded. Raises
    errors.Cancelled when progress says so.
    """
    line = events.timeline(log)
    proposed = proposing.candidates(log.kinds, book.book)
    found = statistical.judge(line, proposed, book.book, progress)
    calibrator = calibration.load("statistical")
    confidence = calibrator.probability(calibration.measures(found)) if found else np.zeros(0)
    made = [_edge(s, float(c), book.book.fdr) for s, c in zip(found, confidence, strict=True)]
    by = words.Producer(name=f"causes:{calibrator.name}", version="1", sha256=calibrator.sha256)
    return Judged(log, line, book, tuple(made), ("statistical",), calibrator.name, (by, books.producer(book)))


def _edge(found: statistical.Statistic, confidence: float, fdr: float) -> Edge:
    if found.reason:
        return Edge(found, None, "insufficient", found.reason)
    sure = found.q <= fdr
    if sure and confidence >= CONFIDENT:
        kept, count = _occurrences(found)
        return Edge(found, confidence, "supported", "", count, kept)
    if not sure and found.p > fdr and confidence < _DOUBT:
        return Edge(found, confidence, "none")
    kept, count = _occurrences(found)
    return Edge(found, confidence, "insufficient", "weak" if sure else "chance", count, kept)


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

"""What if: an event is hidden, and one asks how the probability of its effect moves (event Granger test, Chen et al.
2024, MECD). Whoever can tell such a probability answers: a vision-language model, or another network.

The answers stand beside the confidence and are no part of it: nothing calibrated them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from taihang.core import job, words
from taihang.model.causes import events, judging

EDGES, EACH = 12, 2  # the strongest edges, and occurrences of each, that are asked about
_TOLD = 12  # events before the effect that are told


class Imagines(Protocol):
    """Tells how likely an effect is when only some of what came before is known. `name` is a judge's key."""

    name: str

    @property
    def produced_by(self) -> tuple[words.Producer, ...]:
        """Who answers."""

    def probability(self, before: Sequence[events.Event], effect: events.Event) -> float | None:
        """From 0 to 1; None where it cannot be told."""


def asked(judged: judging.Judged, port: Imagines, progress: job.Progress | None = None) -> judging.Judged:
    """The strongest edges with how far the effect's probability falls when the cause is hidden: mean over occurrences.

    Raises errors.Cancelled when progress says so.
    """
    progress = progress or job.Silent()
    ranked = (*judged.of("supported"), *(e for e in judged.of("insufficient") if e.occurrences))[:EDGES]
    moved: dict[tuple[str, str], float] = {}
    for n, edge in enumerate(ranked):
        progress.update("model.causes:stage.asking", n, len(ranked))
        moves = [_move(judged, edge, o, port) for o in edge.occurrences[:EACH]]
        known = [m for m in moves if m is not None]
        if known:
            moved[edge.cause, edge.effect] = round(sum(known) / len(known), 4)
    progress.update("model.causes:stage.asking", len(ranked), max(1, len(ranked)))
    edges = tuple(dataclasses.replace(e, what_if=moved.get((e.cause, e.effect))) for e in judged.edges)
    return dataclasses.replace(
        judged,
        edges=edges,
        judges=tuple(dict.fromkeys((*judged.judges, port.name))),
        produced_by=tuple(dict.fromkeys((*judged.produced_by, *port.produced_by))),
        asked=port.name,
    )


def _move(judged: judging.Judged, edge: judging.Edge, one: judging.Occurrence, port: Imagines) -> float | None:
    line = judged.line
    flat = events.flat(judged.log)
    at = line.start[one.effect]
    near = [
        row
        for row in range(max(0, one.effect - 200), len(line.kind))
        if line.stretch[row] == line.stretch[one.effect]
        and at - edge.statistic.candidate.most_s <= line.start[row] < at
        and line.kind[row] != line.kind[one.effect]
    ]
    near = sorted({*near[-_TOLD:], one.cause}, key=lambda row: float(line.start[row]))
    told = [(row, flat[int(line.row[row])][1]) for row in near]
    effect = flat[int(line.row[one.effect])][1]
    with_it = port.probability([e for _, e in told], effect)
    # All events of the kind are hidden: another of them would stand in for the one that is.
    without = port.probability([e for row, e in told if line.kind[row] != line.kind[one.cause]], effect)
    return None if with_it is None or without is None else with_it - without

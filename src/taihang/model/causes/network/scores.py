"""Scores: what the network says of each candidate of a timeline."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from taihang.core import job
from taihang.model.causes import candidates as proposing
from taihang.model.causes import events
from taihang.model.causes.network import attention, inputs, weights

MEASURES = ("network_edge", "network_brought", "network_share")
_FAR, _MOSTLY = 12.0, 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Scores:
    """A value a candidate: `edge` log-odds that it is one (not calibrated), `brought` effects a cause brings about,
    `share` of the effects that it accounts for."""

    edge: events.Floats
    brought: events.Floats
    share: events.Floats
    knows: npt.NDArray[np.bool_]
    """Where place or track can tell: where events of both kinds sometimes share one by chance, and sometimes not."""

    @property
    def measures(self) -> events.Floats:
        """For calibration: (candidates, MEASURES)."""
        return np.column_stack([np.clip(self.edge, -_FAR, _FAR), self.brought, self.share])


def knows(line: events.Timeline) -> bool:
    """True where most events have a place and places differ, or tracks do, as in what the network learned from.

    Without either it was measured to lose most edges, so that it had better not speak.
    """
    for held in (line.place, line.actor):
        known = held[held >= 0]
        if len(known) >= max(1.0, _MOSTLY * len(line.kind)) and np.bincount(known).max() <= inputs.USUAL * len(known):
            return True
    return False


def scores(
    line: events.Timeline, proposed: Sequence[proposing.Candidate], progress: job.Progress | None = None
) -> Scores:
    """What the network says. The same for equal timelines, whatever kinds are called.

    Raises errors.Cancelled when progress says so.
    """
    progress = progress or job.Silent()
    held = inputs.patterns(line, proposed)
    given = inputs.inputs(line, held)
    told = attention.forward(
        weights.load().weights, given, lambda done, total: progress.update("model.causes:stage.network", done, total)
    )
    progress.update("model.causes:stage.network", 1, 1)
    number = {kind: n for n, kind in enumerate(line.kinds)}
    counts = np.bincount(line.kind, minlength=len(line.kinds))
    causes, effects = (
        np.array([max(1, counts[number[kind]]) for kind in kinds], np.float64)
        for kinds in ([one.cause for one in proposed], [one.effect for one in proposed])
    )
    tells = np.asarray(((held.match > 0) & (held.match <= inputs.USUAL)).any(axis=1))
    return Scores(told.edge, told.brought / causes, told.brought / effects, tells)

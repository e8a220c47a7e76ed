"""Masking: the network as one that tells what if. A cause is hidden, and the effect's probability is asked for again.

The probability is that the event happens then and there rather than at any other time of its recording, which the
network learned by telling events from times at which nothing happened (noise-contrastive estimation, Gutmann and
Hyvärinen 2010). It is not calibrated.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from taihang.core import words
from taihang.model.causes import events, judging
from taihang.model.causes.network import attention, inputs, weights

_FAR = 30.0


class Masking:
    """Answers for the events of what was judged; those of another log are not known."""

    name = "network"

    def __init__(self, judged: judging.Judged) -> None:
        self.line = judged.line
        self._patterns = inputs.patterns(judged.line, [e.statistic.candidate for e in judged.edges])
        flat = events.flat(judged.log)
        self._rows = {id(flat[int(row)][1]): place for place, row in enumerate(judged.line.row)}

    @property
    def produced_by(self) -> tuple[words.Producer, ...]:
        """The network."""
        return (weights.load().producer,)

    def probability(self, before: Sequence[events.Event], effect: events.Event) -> float | None:
        """As the contract says."""
        rows = [self._rows.get(id(one)) for one in (*before, effect)]
        known = [row for row in rows if row is not None]
        if len(known) < len(rows):
            return None
        asked = known[-1]
        kept = np.array(sorted(set(known)), np.int64)
        columns = {name: getattr(self.line, name)[kept] for name in
                   ("kind", "start", "stretch", "place", "actor", "confidence", "recording", "row")}  # fmt: skip
        given = inputs.inputs(dataclasses.replace(self.line, **columns), self._patterns)
        told = attention.forward(weights.load().weights, given)
        value = float(told.occurs[int(np.searchsorted(kept, asked))])
        return 1 / (1 + math.exp(-min(max(value, -_FAR), _FAR)))

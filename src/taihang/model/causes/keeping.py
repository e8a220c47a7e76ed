"""Keeping: statistics of the candidates of one effect as a table, so that work that was killed goes on where it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from taihang.core import ids
from taihang.engines import stages
from taihang.model.causes import candidates as proposing
from taihang.model.causes import events, pairs, statistical

_NUMBERS = ("p", "z", "z_mirror", "z_alone", "brought", "share", "kept", "focus")
_SCHEMA = pa.schema([
    ("causes", pa.int64()), ("effects", pa.int64()), *((name, pa.float64()) for name in _NUMBERS),
    ("lags", pa.list_(pa.float64())), ("blame", pa.list_(pa.float64())), ("reason", pa.string()),
])  # fmt: skip


class Kept:
    """Keeps what is made of a timeline in stages: equal events under equal constraints are not tested again."""

    def __init__(self, folder: stages.Stages, line: events.Timeline, missed: float) -> None:
        self.folder, self.line, self.missed = folder, line, missed
        columns = (line.kind, line.start, line.stretch, line.place, line.actor, line.span)
        self._events = ids.digest_json([list(line.kinds), *(ids.digest(column.tobytes()) for column in columns)])

    def __call__(
        self, group: Sequence[proposing.Candidate], make: Callable[[], Sequence[statistical.Statistic]]
    ) -> tuple[statistical.Statistic, ...]:
        """The statistics of candidates of one effect: read when they are there, else made and written."""
        key: dict[str, Any] = {
            "events": self._events,
            "candidates": [dataclasses.astuple(one) for one in group],
            "missed": self.missed,
            "code": stages.code_version("taihang.model.causes"),
        }
        found = self.folder.table("causes", key, lambda: _table(make()))
        return tuple(self._read(one, row) for one, row in zip(group, found.to_pylist(), strict=True))

    def _read(self, one: proposing.Candidate, row: dict[str, Any]) -> statistical.Statistic:
        lags = statistical.Lags(*row["lags"]) if row["lags"] else None
        numbers = {name: row[name] for name in _NUMBERS}
        tested = not row["reason"]
        return statistical.Statistic(
            one, row["causes"], row["effects"], **numbers, lags=lags, reason=row["reason"],
            pairs=pairs.within(self.line, one) if tested else statistical.EMPTY,
            blame=np.array(row["blame"], np.float64),
        )  # fmt: skip


def _table(made: Sequence[statistical.Statistic]) -> pa.Table:
    rows = [
        {
            **{name: getattr(s, name) for name in ("causes", "effects", *_NUMBERS, "reason")},
            "lags": list(dataclasses.astuple(s.lags)) if s.lags else [],
            "blame": s.blame,
        }
        for s in made
    ]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)

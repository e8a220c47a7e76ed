"""Panel: measures of one asset over its runs or versions, all on one time axis."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from taihang.core import words

Kind = Literal["volume", "freshness", "completeness", "distribution", "drift", "score", "value"]
Values = npt.NDArray[np.float64]
QUARTER_S = 365.25 / 4 * 86400.0


@dataclasses.dataclass(frozen=True)
class Monitor:
    """One measure that is watched. `column` is empty for the whole table; `high_only`: small values are never odd."""

    name: str
    kind: Kind
    column: str = ""
    unit: str = ""
    high_only: bool = False


@dataclasses.dataclass(frozen=True)
class Panel:
    """Values (n, m) of m monitors at n ascending times with a zone; NaN where there is none.

    `sources` say what each time's values were read from, `digests` the SHA-256 of it where known.
    """

    asset: str
    times: tuple[datetime.datetime, ...]
    monitors: tuple[Monitor, ...]
    values: Values
    sources: tuple[str, ...] = ()
    digests: tuple[str | None, ...] = ()
    produced_by: tuple[words.Producer, ...] = ()

    @functools.cached_property
    def seconds(self) -> Values:
        """Times as seconds since 1970."""
        return np.array([t.timestamp() for t in self.times])

    @property
    def step_s(self) -> float:
        """The usual time between two points; 0 with fewer than two."""
        return float(np.median(np.diff(self.seconds))) if len(self.times) > 1 else 0.0

    @property
    def span_s(self) -> float:
        """From the first point to the last."""
        return (self.times[-1] - self.times[0]).total_seconds() if len(self.times) > 1 else 0.0


def of_rows(
    asset: str,
    rows: Sequence[tuple[datetime.datetime, Mapping[str, float]]],
    monitors: Mapping[str, Monitor],
    *,
    sources: Sequence[str] = (),
    digests: Sequence[str | None] = (),
) -> Panel:
    """A panel of one dictionary a time, in any order; of two at one time the later given stays."""
    order: dict[datetime.datetime, int] = {}
    for number, (at, _) in enumerate(rows):
        order[at] = number
    times = tuple(sorted(order))
    names = list(monitors)
    values = np.full((len(times), len(names)), np.nan)
    for row, at in enumerate(times):
        found = rows[order[at]][1]
        for column, name in enumerate(names):
            values[row, column] = found.get(name, np.nan)
    values[~np.isfinite(values)] = np.nan
    return Panel(
        asset,
        times,
        tuple(monitors[n] for n in names),
        values,
        tuple(sources[order[at]] for at in times) if sources else (),
        tuple(digests[order[at]] for at in times) if digests else (),
    )

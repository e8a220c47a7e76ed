"""Second: the pass that counts what the first could only bound: histograms, outliers, top values, checks."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from taihang.data.profile import hashing, profile, spill, tally
from taihang.data.profile.semantic import vectors

BINS = 20
_FENCE = 3.0
_MOST_ROWS = 20


class Second:
    """One column's exact counts, given what the first pass found of it."""

    def __init__(self, column: profile.Column, top: pa.Array | None) -> None:
        self.column = column
        self._edges = _edges(column)
        self._bins = np.zeros(self._edges[2] if self._edges else 0, np.int64)
        self._spill = spill.Spill(column.rows) if _maybe_unique(column) else None
        self._fences = _fences(column)
        self._outside = 0
        self._rows: list[int] = []
        self._top = top if top is not None and column.top and not column.top[0].exact else None
        self._counts = np.zeros(len(column.top), np.int64)
        self._kind = column.semantic.kind if column.semantic and column.kind == "text" else ""
        self._valid = 0
        self._judged: int | None = 0 if self._kind else None

    @property
    def wanted(self) -> bool:
        """True when there is something to count."""
        return bool(self._edges or self._top is not None or self._kind or self._spill)

    def update(self, values: pa.Array, start: int) -> None:
        """Add values, the first of which is row `start`."""
        if self._edges is not None:
            self._measure(values, start)
        if self._spill is not None:
            hashed = hashing.hashes(values)
            if hashed is not None:
                self._spill.update(hashed)
        if self._top is not None:
            places = pc.index_in(values, self._top).drop_null().to_numpy(zero_copy_only=False)
            self._counts += np.bincount(places, minlength=len(self._counts)).astype(np.int64)
        if self._kind and self._judged is not None:
            present = values.drop_null()
            if pa.types.is_dictionary(present.type):
                present = present.cast(present.type.value_type)
            found = vectors.valid(self._kind, present)
            if found is None:
                self._judged = None
            else:
                self._valid, self._judged = self._valid + int(found.sum()), self._judged + len(found)

    def merge(self, other: Second, start: int) -> None:
        """Add what another has counted, of rows that come after these; its first one is row `start`."""
        self._bins += other._bins
        self._outside += other._outside
        self._rows += [row + start for row in other._rows[: _MOST_ROWS - len(self._rows)]]
        self._counts += other._counts
        self._valid += other._valid
        known = self._judged is not None and other._judged is not None
        self._judged = (self._judged or 0) + (other._judged or 0) if known else None
        if self._spill is not None and other._spill is not None:
            self._spill.merge(other._spill)

    def _measure(self, values: pa.Array, start: int) -> None:
        low, width, bins = self._edges or (0.0, 1.0, 1)
        numbers = tally.as_floats(values)
        finite = np.isfinite(numbers)
        kept = numbers if finite.all() else numbers[finite]
        places = np.clip((kept - low) / width, 0, bins - 1).astype(np.int64)
        self._bins += np.bincount(places, minlength=bins)
        if self._fences is not None:
            below, above = self._fences
            with np.errstate(invalid="ignore"):
                beyond = np.flatnonzero((numbers < below) | (numbers > above))
            self._outside += int(np.isfinite(numbers[beyond]).sum())
            if len(self._rows) < _MOST_ROWS:
                self._rows += [int(r) + start for r in beyond[: _MOST_ROWS - len(self._rows)]]

    def value(self) -> profile.Column:
        """The column with its exact counts."""
        changes: dict[str, object] = {}
        if self._edges is not None and self.column.numbers is not None:
            bars = {"histogram": tuple(self._bins.tolist()), "bin": self._edges[1]}
            changes["numbers"] = self.column.numbers.model_copy(update=bars)
        exact = self._spill.count() if self._spill is not None else None
        if exact is not None:
            changes["distinct"] = profile.Distinct(count=exact)
        if self._fences is not None:
            changes["outliers"] = profile.Outliers(
                below=self._fences[0], above=self._fences[1], count=self._outside, rows=tuple(self._rows)
            )
        if self._top is not None:
            counted = [
                profile.Frequent(value=one.value, count=int(n))
                for one, n in zip(self.column.top, self._counts, strict=True)
            ]
            changes["top"] = tuple(sorted(counted, key=lambda one: -one.count))
        if self._judged is not None and self.column.semantic is not None and self._kind:
            changes["semantic"] = self.column.semantic.model_copy(update={"valid": self._valid, "judged": self._judged})
        return self.column.model_copy(update=changes)


def _edges(column: profile.Column) -> tuple[float, float, int] | None:
    """Where the first bin begins, how wide each is, and how many; whole numbers get bins of whole numbers."""
    numbers = column.numbers
    if numbers is None or numbers.low is None or numbers.high is None:
        return None
    span = numbers.high - numbers.low
    if not math.isfinite(span):
        return None
    if "int" in column.type and span < 2**52:
        width = math.ceil((span + 1) / BINS)
        return numbers.low, float(width), math.ceil((span + 1) / width)
    return (numbers.low, span / BINS, BINS) if span / BINS > 0 else (numbers.low, 1.0, 1)


def _maybe_unique(column: profile.Column) -> bool:
    """True when as many values as rows are within the estimate's error: then they are counted exactly."""
    found = column.distinct
    if found is None or not found.error or column.nulls:
        return False
    return abs(found.count - column.rows) <= 6 * found.error * column.rows


def _fences(column: profile.Column) -> tuple[float, float] | None:
    """The far fences; None for times, for few rows, and where the middle half is one value."""
    found = column.numbers
    if column.kind != "number" or found is None or column.rows - column.nulls < 20 or "0.25" not in found.quantiles:
        return None
    low, high = found.quantiles["0.25"], found.quantiles["0.75"]
    spread = high - low
    if not spread > 0 or not math.isfinite(spread):
        return None
    return low - _FENCE * spread, high + _FENCE * spread


def ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ranks of values, equal ones sharing their mean rank."""
    if not len(values):
        return np.zeros(0)
    order = np.argsort(values)
    ordered = values[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    counts = np.diff(last, prepend=-1)
    found = np.empty(len(values))
    found[order] = np.repeat(last + 1 - (counts - 1) / 2.0, counts)
    return found

"""Tally: what one column adds up to, batch by batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from taihang.data.profile import distinct, frequent, hashing, moments, profile, quantiles

PLACEHOLDERS = pa.array(
    ["N/A", "n/a", "NA", "#N/A", "NULL", "null", "None", "none", "NaN", "nan", "-", "--", "?", "\\N", "TBD",
     "unknown", "Unknown", "UNKNOWN", "无", "空", "未知", "不详", "暂无", "待定", "未填写"]
)  # fmt: skip
TOP = 20
_US = 1e-6


class Tally:
    """One column's sums. It keeps at most `limit` hashes and `most` counters; `k` is the sketch's size."""

    def __init__(self, kind: pa.DataType, limit: int, k: int, most: int) -> None:
        self.type = kind
        self.kind = class_of(kind)
        self.rows = 0
        self.nulls = 0
        self.placeholders = 0
        self.distinct = distinct.Distinct(limit)
        self.frequent = frequent.Frequent(most)
        self.moments = moments.Moments()
        self.quantiles = quantiles.Quantiles(k)
        self.lengths = _Lengths()
        # Numbers that only grow differ in every row, whatever the hashes can tell.
        self.growing = True
        self._first: float | None = None
        self._last = -math.inf
        self.low: Any = None
        self.high: Any = None

    def update(self, values: pa.Array) -> None:
        """Add values of the column's type."""
        self.rows += len(values)
        self.nulls += values.null_count
        if self.kind == "nothing" or values.null_count == len(values):
            return
        if values.null_count:
            values = values.drop_null()
        if self.kind == "nested":
            if _has_length(values.type):
                self.lengths.update(pc.list_value_length(_listed(values)), None)
            return
        if self.kind in {"number", "time"}:
            self._measure(values)
        encoded = values if pa.types.is_dictionary(values.type) else _encoded(values)
        unique = encoded.dictionary
        counts = np.bincount(encoded.indices.to_numpy(zero_copy_only=False), minlength=len(unique))
        if (counts == 0).any():  # a dictionary that the file brought may hold what no row has
            used = np.flatnonzero(counts)
            unique, counts = unique.take(pa.array(used)), counts[used]
        found = hashing.hashes(unique)
        if found is not None:
            self.distinct.update(found)
        self.frequent.update(unique, counts, found)
        if self.kind in {"text", "binary"}:
            self._describe(unique, counts)

    def merge(self, other: Tally) -> None:
        """Add another's sums, of rows that come after these."""
        self.rows += other.rows
        self.nulls += other.nulls
        self.placeholders += other.placeholders
        for mine, its in (
            (self.distinct, other.distinct), (self.frequent, other.frequent), (self.moments, other.moments),
            (self.quantiles, other.quantiles), (self.lengths, other.lengths),
        ):  # fmt: skip
            mine.merge(its)  # type: ignore[arg-type]
        if other._first is not None:
            self.growing = self.growing and other.growing and other._first > self._last
            self._first = other._first if self._first is None else self._first
            self._last = other._last
        if other.low is not None:
            self.low = other.low if self.low is None else min(self.low, other.low)
            self.high = other.high if self.high is None else max(self.high, other.high)

    def _measure(self, values: pa.Array) -> None:
        numbers = as_floats(values)
        if self.growing:
            self._first = float(numbers[0]) if self._first is None else self._first
            self.growing = bool(numbers[0] > self._last and (numbers[1:] > numbers[:-1]).all())
            self._last = float(numbers[-1])
        finite = self.moments.update(numbers)
        self.quantiles.update(finite)
        if self.kind == "time" or not pa.types.is_floating(self.type):
            self._bound(values)

    def _bound(self, values: pa.Array) -> None:
        bounds = pc.min_max(values)
        low, high = bounds["min"], bounds["max"]
        if pa.types.is_temporal(self.type):
            low, high = (pc.cast(one, pa.string()) for one in (low, high))
        low, high = low.as_py(), high.as_py()
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)

    def _describe(self, unique: pa.Array, counts: npt.NDArray[np.int64]) -> None:
        if self.kind == "binary":
            self.lengths.update(pc.binary_length(unique), counts)
            return
        self.lengths.update(pc.utf8_length(unique), counts)
        self._bound(unique)
        waiting = pc.is_in(unique, PLACEHOLDERS.cast(unique.type)).to_numpy(zero_copy_only=False)
        self.placeholders += int(counts[waiting].sum())

    def column(self, name: str, original: str) -> profile.Column:
        """What the sums say, as the first pass knows it."""
        known = self.kind not in {"nested", "nothing"}
        low, high = self.low, self.high
        if self.kind == "number" and pa.types.is_floating(self.type) and self.moments.count:
            low, high = self.moments.low, self.moments.high
        return profile.Column(
            name=name,
            original=original,
            type=str(self.type),
            kind=self.kind,
            rows=self.rows,
            nulls=self.nulls,
            placeholders=self.placeholders,
            distinct=profile.Distinct(count=self.distinct.count, error=self.distinct.error) if known else None,
            min=plain(low),
            max=plain(high),
            numbers=self._numbers() if self.kind in {"number", "time"} else None,
            lengths=self.lengths.value(),
            top=self._top() if known else (),
        )

    def _numbers(self) -> profile.Numbers:
        found = self.moments
        shares = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
        at = self.quantiles.at(list(shares))
        return profile.Numbers(
            mean=_finite(found.mean) if found.count else None,
            std=found.std,
            nan=found.nan,
            infinite=found.infinite,
            zeros=found.zeros,
            negative=found.negative,
            quantiles={f"{share:g}": float(v) for share, v in zip(shares, at, strict=True)} if found.count else {},
            error=self.quantiles.error,
            low=found.low if found.count else None,
            high=found.high if found.count else None,
        )

    def _top(self) -> tuple[profile.Frequent, ...]:
        values, counts = self.frequent.top(TOP)
        if values is None:
            return ()
        shown = (_shown(values, i) for i in range(len(values)))
        return tuple(
            profile.Frequent(value=value, count=int(count), exact=self.frequent.exact)
            for value, count in zip(shown, counts, strict=True)
        )


class _Lengths:
    def __init__(self) -> None:
        self.count = self.total = self.empty = 0
        self.low, self.high = 1 << 62, 0

    def update(self, lengths: pa.Array, counts: npt.NDArray[np.int64] | None) -> None:
        sizes = lengths.to_numpy(zero_copy_only=False).astype(np.int64)
        weights = np.ones(len(sizes), np.int64) if counts is None else counts
        if not len(sizes):
            return
        self.count += int(weights.sum())
        self.total += int((sizes * weights).sum())
        self.empty += int(weights[sizes == 0].sum())
        self.low, self.high = min(self.low, int(sizes.min())), max(self.high, int(sizes.max()))

    def merge(self, other: _Lengths) -> None:
        self.count, self.total = self.count + other.count, self.total + other.total
        self.empty += other.empty
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    def value(self) -> profile.Lengths | None:
        if not self.count:
            return None
        return profile.Lengths(min=self.low, max=self.high, mean=self.total / self.count, empty=self.empty)


def class_of(kind: pa.DataType) -> profile.Class:
    """Which measures fit a type."""
    if pa.types.is_dictionary(kind):
        return class_of(kind.value_type)
    tests: tuple[tuple[Any, profile.Class], ...] = (
        (pa.types.is_null, "nothing"),
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_integer, "number"),
        (pa.types.is_floating, "number"),
        (pa.types.is_decimal, "number"),
        (pa.types.is_timestamp, "time"),
        (pa.types.is_date, "time"),
        (pa.types.is_string, "text"),
        (pa.types.is_large_string, "text"),
        (pa.types.is_binary, "binary"),
        (pa.types.is_large_binary, "binary"),
        (pa.types.is_fixed_size_binary, "binary"),
        (pa.types.is_time, "binary"),
        (pa.types.is_duration, "binary"),
    )
    return next((found for test, found in tests if test(kind)), "nested")


def as_floats(values: pa.Array) -> npt.NDArray[np.float64]:
    """Numbers as doubles, times as seconds since 1970; nulls as NaN."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return as_floats(values.cast(kind.value_type))
    if pa.types.is_date32(kind):
        return _doubles(values.cast(pa.int32())) * 86400.0
    if pa.types.is_temporal(kind):
        micro = pc.cast(values, pa.timestamp("us"), safe=False).cast(pa.int64())
        return _doubles(micro) * _US
    return _doubles(values)


def _doubles(values: pa.Array) -> npt.NDArray[np.float64]:
    made: npt.NDArray[np.float64] = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return made


def plain(value: Any) -> profile.Value:
    """A value as JSON holds it; whole numbers beyond 2^63 and decimals as text, long texts cut."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, bytes):
        return value[:64].hex()
    text = str(value)
    return text if len(text) <= 200 else text[:200] + "…"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _shown(values: pa.Array, place: int) -> profile.Value:
    one = values[place]
    if pa.types.is_temporal(values.type):
        return str(pc.cast(one, pa.string()).as_py())
    return plain(one.as_py())


def _encoded(values: pa.Array) -> pa.DictionaryArray:
    if pa.types.is_time(values.type) or pa.types.is_duration(values.type):
        values = values.cast(pa.int64() if values.type.bit_width == 64 else pa.int32()).cast(pa.string())
    return values.dictionary_encode()


def _has_length(kind: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_list_view)
    return pa.types.is_map(kind) or pa.types.is_large_list_view(kind) or any(test(kind) for test in tests)


def _listed(values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(values.offsets, values.keys) if pa.types.is_map(values.type) else values

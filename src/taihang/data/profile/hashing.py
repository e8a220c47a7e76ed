"""Hashing: 64-bit hashes of a column's values, equal for equal values whatever batch or width they stand in."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Hashes = npt.NDArray[np.uint64]
_PIECE = 1 << 18
_BASE = 0x9E3779B97F4A7C15 | 1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _powers() -> tuple[Hashes, Hashes, Hashes]:
    """Powers of the base, those of its inverse, and a number for every byte."""
    inverse = pow(_BASE, -1, 1 << 64)
    up, down = np.full(_PIECE, _BASE, np.uint64), np.full(_PIECE, inverse, np.uint64)
    up[0] = down[0] = 1
    letters = mixed(np.arange(1, 257, dtype=np.uint64))
    return np.multiply.accumulate(up), np.multiply.accumulate(down), letters


def mixed(values: Hashes) -> Hashes:
    """Splitmix64's finaliser: every bit of the input moves every bit of the output (Steele et al., 2014)."""
    z = values + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


_UP, _DOWN, _LETTERS = _powers()


def hashes(values: pa.Array) -> Hashes | None:
    """A hash for each value of an array without nulls; None for nested values.

    Whole numbers of any width, dates and times hash by their number, floats by their value (-0.0 as
    0.0, all NaN alike), decimals by their digits, texts and bytes by their bytes.
    """
    kind = values.type
    if pa.types.is_dictionary(kind):
        made = hashes(values.dictionary)
        return None if made is None else made[values.indices.to_numpy(zero_copy_only=False)]
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_temporal(kind):
        return mixed(_whole(values).view(np.uint64))
    if pa.types.is_floating(kind):
        plain = values.cast(pa.float64()).to_numpy(zero_copy_only=False) + 0.0
        plain = np.where(np.isnan(plain), np.nan, plain)
        return mixed(plain.view(np.uint64))
    if pa.types.is_decimal(kind):
        values = pc.cast(values, pa.string())
    elif pa.types.is_nested(kind) or pa.types.is_null(kind):
        return None
    return _of_bytes(values)


def combined(columns: list[Hashes]) -> Hashes:
    """One hash a row from the hashes of several columns, in their order."""
    made = columns[0]
    for other in columns[1:]:
        made = mixed(made * np.uint64(3) + other)
    return made


def _whole(values: pa.Array) -> npt.NDArray[np.int64]:
    kind = values.type
    if pa.types.is_boolean(kind):
        values = values.cast(pa.uint8())
    elif pa.types.is_timestamp(kind):
        # One unit for all, so that equal moments hash alike; nanoseconds would overflow.
        values = pc.cast(values, pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
    elif pa.types.is_temporal(kind):
        width = pa.int32() if kind.bit_width == 32 else pa.int64()
        values = values.cast(width)
    plain = values.to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(plain.astype(np.uint64 if plain.dtype == np.uint64 else np.int64)).view(np.int64)


def _of_bytes(values: pa.Array) -> Hashes:
    """A polynomial over the bytes modulo 2^64, from differences of running sums: no loop over values."""
    if not (pa.types.is_large_string(values.type) or pa.types.is_large_binary(values.type)):
        values = values.cast(pa.large_binary())
    else:
        values = values.cast(pa.large_binary())
    count = len(values)
    _, raw_offsets, raw = values.buffers()
    offsets = np.frombuffer(raw_offsets, np.int64)[values.offset : values.offset + count + 1]
    data = np.frombuffer(raw, np.uint8) if raw is not None else np.zeros(0, np.uint8)
    found = np.empty(count, np.uint64)
    start = 0
    while start < count:
        stop = int(np.searchsorted(offsets, offsets[start] + _PIECE, side="right")) - 1
        if stop <= start:  # one value longer than a piece
            whole = data[offsets[start] : offsets[start + 1]]
            found[start] = int.from_bytes(hashlib.blake2b(whole.tobytes(), digest_size=8).digest(), "little")
            start += 1
            continue
        stop = min(stop, count)
        ends = offsets[start : stop + 1] - offsets[start]
        piece = data[offsets[start] : offsets[stop]]
        sums = np.zeros(len(piece) + 1, np.uint64)
        np.cumsum(_LETTERS[piece] * _UP[: len(piece)], out=sums[1:])
        spans = (sums[ends[1:]] - sums[ends[:-1]]) * _DOWN[np.minimum(ends[:-1], _PIECE - 1)]
        found[start:stop] = mixed(spans + (ends[1:] - ends[:-1]).astype(np.uint64) * _GOLDEN)
        start = stop
    return found

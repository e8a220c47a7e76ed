"""Relations: keys and dependencies, guessed on the sample and held against all rows; keys between tables."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.data.profile import distinct, hashing, profile

Codes = npt.NDArray[np.int64]
MOST_COLUMNS = 40
_MOST_CANDIDATES = 60


def codes(sample: pa.Table, names: Sequence[str]) -> dict[str, Codes]:
    """Each sampled column as whole numbers, equal for equal values and -1 for null; nested ones are left out."""
    found = {}
    for name in names[:MOST_COLUMNS]:
        column = sample.column(name).combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        if pa.types.is_nested(column.type) or pa.types.is_null(column.type):
            continue
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        found[name] = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def dependencies(coded: Mapping[str, Codes]) -> list[tuple[str, str]]:
    """Pairs (a, b) where a decides b in the sample: a repeats, b varies, and no a has two b."""
    sizes = {name: _different(c[c >= 0]) for name, c in coded.items()}
    found = []
    for a, b in itertools.permutations(coded, 2):
        there = (coded[a] >= 0) & (coded[b] >= 0)
        rows = int(there.sum())
        # Something must be decided more than once, or nothing was seen.
        if sizes[b] < 2 or sizes[a] < sizes[b] or sizes[a] * 3 > rows * 2:
            continue
        left, right = coded[a][there], coded[b][there]
        joined = left * (int(coded[b].max()) + 1) + right
        if _different(joined) == _different(left) and _different(right) > 1:
            found.append((a, b))
            if len(found) >= _MOST_CANDIDATES:
                break
    return found


def _different(found: Codes) -> int:
    return len(distinct.unique(found.view(np.uint64)))


def pairs(coded: Mapping[str, Codes], alone: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of columns that differ in every sampled row, none of them a key alone."""
    found = []
    for a, b in itertools.combinations([n for n in coded if n not in alone], 2):
        if (coded[a] < 0).any() or (coded[b] < 0).any():
            continue
        joined = coded[a] * (int(coded[b].max(initial=0)) + 1) + coded[b]
        if _different(joined) == len(joined):
            found.append((a, b))
            if len(found) >= 10:
                break
    return found


class Confirmed:
    """Candidates held against all rows; one that fails is dropped at once."""

    def __init__(self, decides: Sequence[tuple[str, str]], keys: Sequence[tuple[str, str]], limit: int) -> None:
        self._left = {name: distinct.Distinct(limit) for name in {a for a, _ in decides}}
        self._both = {pair: distinct.Distinct(limit) for pair in decides}
        self._keys = {pair: distinct.Distinct(limit) for pair in keys}
        self._rows = 0

    @property
    def columns(self) -> set[str]:
        """Columns that are still needed."""
        return {name for pair in (*self._both, *self._keys) for name in pair}

    def update(self, batch: pa.RecordBatch) -> None:
        """Hold a batch against the candidates."""
        self._rows += batch.num_rows
        found: dict[str, tuple[hashing.Hashes, npt.NDArray[np.bool_]]] = {}
        for name in sorted(self.columns):
            column = batch.column(name)
            there = column.is_valid().to_numpy(zero_copy_only=False)
            made = np.zeros(len(column), np.uint64)
            hashed = hashing.hashes(column.drop_null())
            if hashed is not None:
                made[there] = hashed
            found[name] = made, there
        for (a, b), both in list(self._both.items()):
            there = found[a][1] & found[b][1]
            left, right = found[a][0][there], found[b][0][there]
            both.update(distinct.unique(hashing.combined([left, right])))
            # Pairs and their first halves are counted over the same rows.
            alone = self._left_of(a, b)
            alone.update(distinct.unique(left))
            if len(both.kept) != len(alone.kept) or both.saturated:
                del self._both[a, b]
        for pair, seen in list(self._keys.items()):
            parts = [found[name] for name in pair]
            if not all(there.all() for _, there in parts):
                del self._keys[pair]
                continue
            seen.update(hashing.combined([made for made, _ in parts]))
            if len(seen.kept) != self._rows:
                del self._keys[pair]

    def merge(self, other: Confirmed) -> None:
        """Keep what held in other rows too, and holds in both together."""
        self._rows += other._rows
        for (a, b), both in list(self._both.items()):
            held = other._both.get((a, b))
            alone = self._left_of(a, b)
            if held is not None:
                both.merge(held)
                alone.merge(other._left_of(a, b))
            if held is None or len(both.kept) != len(alone.kept) or both.saturated:
                del self._both[a, b]
        for pair, seen in list(self._keys.items()):
            found = other._keys.get(pair)
            if found is not None:
                seen.merge(found)
            if found is None or len(seen.kept) != self._rows:
                del self._keys[pair]

    def _left_of(self, a: str, b: str) -> distinct.Distinct:
        key = f"{a}\0{b}"
        if key not in self._left:
            self._left[key] = distinct.Distinct(self._both[a, b].limit)
        return self._left[key]

    @property
    def dependencies(self) -> tuple[profile.Dependency, ...]:
        """What held in all rows."""
        return tuple(profile.Dependency(determinant=a, dependent=b) for a, b in self._both)

    @property
    def keys(self) -> tuple[profile.Key, ...]:
        """Pairs that differed in all rows."""
        return tuple(profile.Key(columns=pair) for pair in self._keys)


def foreign_keys(
    tables: Mapping[str, tuple[profile.Profile, Mapping[str, distinct.Distinct]]], least: float = 0.95
) -> dict[str, tuple[profile.ForeignKey, ...]]:
    """For each table, its columns whose different values are (nearly) all among another's key of one column.

    Only columns of which every hash is kept are compared, with three different values or more.
    """
    found: dict[str, list[profile.ForeignKey]] = {name: [] for name in tables}
    parents = [
        (name, key.columns[0], sketches[key.columns[0]])
        for name, (made, sketches) in tables.items()
        for key in made.keys
        if len(key.columns) == 1 and not sketches[key.columns[0]].saturated
    ]
    for child, (made, sketches) in tables.items():
        kinds = {c.name: c.kind for c in made.columns}
        for (name, seen), (parent, key, all_of_it) in itertools.product(sketches.items(), parents):
            if parent == child or seen.saturated or len(seen.kept) < 3:
                continue
            if kinds.get(name) != {c.name: c.kind for c in tables[parent][0].columns}.get(key):
                continue
            share = float(np.isin(seen.kept, all_of_it.kept, assume_unique=True).mean())
            if share >= least:
                found[child].append(profile.ForeignKey(column=name, table=parent, key=key, share=share))
    return {name: tuple(keys) for name, keys in found.items()}

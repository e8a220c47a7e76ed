"""The planned answer equals the naive one on random tables; parts of any size, spilled or not, give the same."""

from __future__ import annotations

import collections
import itertools
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest

from taihang.core import errors
from taihang.data.quality import assessment, piles, target
from taihang.engines.sources import source
from tests.data.quality import books

KEYS = st.one_of(st.none(), st.integers(-3, 3))
TEXTS = st.one_of(st.none(), st.sampled_from(["", " ", "a", "A", "é", "太行", "a b"]))
FLOATS = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.5, -2.0, math.nan, math.inf]))
TABLES = st.lists(st.tuples(KEYS, TEXTS, FLOATS), max_size=40)
RULES: list[dict[str, Any]] = [
    {"check": {"kind": "not_null", "column": "k"}},
    {"check": {"kind": "range", "column": "f", "min": -1, "max": 1.5}},
    {"check": {"kind": "in_set", "column": "s", "values": ["a", ""]}, "filter": "k > 0"},
    {"check": {"kind": "unique", "columns": ["k"]}},
    {"check": {"kind": "unique", "columns": ["s"]}},
    {"check": {"kind": "unique", "columns": ["f"]}},
    {"check": {"kind": "unique", "columns": ["k", "s"]}, "filter": "f > 0"},
    {"check": {"kind": "foreign_key", "columns": ["k"], "other": "u"}},
    {"check": {"kind": "foreign_key", "columns": ["k", "s"], "other": "u"}},
    {"check": {"kind": "functional_dependency", "columns": ["k"], "dependent": "s"}},
]


def _above(value: float, bound: float) -> bool:
    return math.isnan(value) or value > bound


def _same(value: Any) -> Any:
    """Values that a database holds for one: all NaN, and both zeros."""
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def _repeated(rows: list[tuple[int, Any]]) -> list[int]:
    counts = collections.Counter(_same_all(key) for _, key in rows)
    return [n for n, key in rows if counts[_same_all(key)] > 1]


def _same_all(key: Any) -> Any:
    return tuple(_same(k) for k in key)


def _naive(t: list[tuple[Any, Any, Any]], u: list[tuple[Any, Any, Any]]) -> list[list[int]]:
    every = list(enumerate(t))
    pairs = {(k, s) for k, s, _ in u if k is not None and s is not None}
    texts = collections.defaultdict(set)
    for k, s, _ in t:
        if k is not None and s is not None:
            texts[k].add(s)
    return [
        [n for n, (k, _, _) in every if k is None],
        [n for n, (_, _, f) in every if f is not None and (_above(f, 1.5) or f < -1)],
        [n for n, (k, s, _) in every if k is not None and k > 0 and s is not None and s not in {"a", ""}],
        _repeated([(n, (k,)) for n, (k, _, _) in every if k is not None]),
        _repeated([(n, (s,)) for n, (_, s, _) in every if s is not None]),
        _repeated([(n, (f,)) for n, (_, _, f) in every if f is not None]),
        _repeated([(n, (k, s)) for n, (k, s, f) in every if None not in {k, s} and f is not None and _above(f, 0)]),
        [n for n, (k, _, _) in every if k is not None and k not in {x for x, _, _ in u}],
        [n for n, (k, s, _) in every if k is not None and s is not None and (k, s) not in pairs],
        [n for n, (k, s, _) in every if k is not None and s is not None and len(texts[k]) > 1],
    ]


def _table(rows: list[tuple[Any, Any, Any]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    kinds = (pa.int64(), pa.string(), pa.float64())
    return pa.table([pa.array(c, k, from_pandas=False) for c, k in zip(columns, kinds, strict=True)], ["k", "s", "f"])


@hypothesis.given(TABLES, TABLES)
@hypothesis.settings(max_examples=60, deadline=None)
def test_planned_equals_naive(t: list[Any], u: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = books.assessed(Path(folder), *RULES, t=_table(t), u=_table(u))
    assert books.rows(found) == _naive(t, u)


@hypothesis.given(
    st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 20), max_size=300), st.integers(1, 60), st.booleans()
)
@hypothesis.settings(max_examples=60, deadline=None)
def test_piles_give_the_same_in_any_parts_and_from_disk(keys: list[int], part: int, spill: bool) -> None:
    counts = collections.Counter(keys)
    with tempfile.TemporaryDirectory() as folder:
        pile = piles.Pile(Path(folder), in_memory=64 if spill else 1 << 20)
        for start in range(0, len(keys), part):
            some = np.array(keys[start : start + part], np.uint64)
            pile.add(some, np.arange(start, start + len(some)))
        assert pile.repeated().tolist() == [n for n, key in enumerate(keys) if counts[key] > 1]
        pile.close()


def test_a_disk_that_cannot_take_the_keys_is_a_failure_with_its_place(tmp_path: Path) -> None:
    pile = piles.Pile(tmp_path / "gone", in_memory=8)
    with pytest.raises(errors.Failure, match="gone"):
        pile.add(np.arange(10, dtype=np.uint64), np.arange(10))


def test_a_source_that_vanishes_midway_is_a_failure_and_never_a_pass(tmp_path: Path) -> None:
    targets = books.targets(tmp_path, t=_table([(1, "a", 1.0)] * 50))
    targets["t"] = target.Target("t", Vanishing(targets["t"].source))
    with pytest.raises(errors.Failure, match="gone away"):
        assessment.assess(books.book(RULES[0], RULES[3]), targets)


class Vanishing(source.Source):
    """The first rows of a source, then nothing more."""

    def __init__(self, of: source.Source) -> None:
        super().__init__()
        self.of, self.columns, self.name, self.kind = of, of.columns, of.name, of.kind

    def digest(self) -> tuple[str, int]:
        return self.of.digest()

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        yield from itertools.islice(self.of._scan(wanted, rows), 2)
        raise OSError(5, "gone away")

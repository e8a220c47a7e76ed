"""Piles: what repeats is found, whether keys lie in memory or on the disk."""

import collections
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taihang.core import errors
from taihang.data.quality import piles


@pytest.mark.parametrize("in_memory", [1, 400, 1 << 20])
@given(batches=st.lists(st.lists(st.integers(0, 40) | st.integers(0, 2**64 - 1), max_size=30), max_size=8))
def test_all_rows_of_keys_that_repeat(in_memory: int, batches: list[list[int]]) -> None:
    keys = [key for batch in batches for key in batch]
    counted = collections.Counter(keys)
    with tempfile.TemporaryDirectory() as folder:
        pile, row = piles.Pile(Path(folder), in_memory), 0
        for batch in batches:
            pile.add(np.array(batch, np.uint64), np.arange(row, row + len(batch)))
            row += len(batch)
        found = pile.repeated()
        pile.close()
    assert found.tolist() == [n for n, key in enumerate(keys) if counted[key] > 1]
    assert pile.count == len(keys)


def test_many_blocks_and_spans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piles, "_BLOCK", 500)
    monkeypatch.setattr(piles, "_AT_ONCE", 700)
    pile, keys = piles.Pile(tmp_path, 10_000), np.random.default_rng(5).integers(0, 40_000, 20_000).astype(np.uint64)
    for start in range(0, len(keys), 250):
        pile.add(keys[start : start + 250], np.arange(start, start + 250))
    values, counts = np.unique(keys, return_counts=True)
    assert pile.repeated().tolist() == np.flatnonzero(np.isin(keys, values[counts > 1])).tolist()
    pile.close()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    pile = piles.Pile(tmp_path / "not there", 1)
    with pytest.raises(errors.Failure, match="not there"):
        pile.add(np.arange(10, dtype=np.uint64), np.arange(10))

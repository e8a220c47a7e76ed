"""Piles: what repeats is found, whether keys lie in memory or on the disk."""

import collections
import itertools
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


@pytest.mark.parametrize("in_memory", [1, 200, 1 << 20])
@given(
    numbers=st.lists(st.integers(-30, 30) | st.integers(-(2**63), 2**63 - 1), max_size=60),
    ordered=st.integers(0, 60), cuts=st.sets(st.integers(0, 60)),
)  # fmt: skip
def test_keys_in_order_spill_nothing_and_are_given_again_when_it_ends(
    in_memory: int, numbers: list[int], ordered: int, cuts: set[int]
) -> None:
    numbers = [*sorted(numbers[:ordered]), *numbers[ordered:]]
    counted = collections.Counter(numbers)
    keys = np.array(numbers, np.int64)
    edges = [0, *sorted(c for c in cuts if c < len(numbers)), len(numbers)]

    def give(pile: piles.Pile) -> None:
        for first, last in itertools.pairwise(edges):
            pile.add(keys[first:last].view(np.uint64), np.arange(first, last))

    with tempfile.TemporaryDirectory() as folder:
        pile = piles.Pile(Path(folder), in_memory, ascending=True)
        give(pile)
        if numbers == sorted(numbers):
            assert not pile.lost
            assert pile._file is None
        if pile.lost:
            pile.again()
            give(pile)
        found = pile.repeated()
        pile.close()
    assert found.tolist() == [n for n, key in enumerate(numbers) if counted[key] > 1]


@pytest.mark.parametrize("in_memory", [1, 5_000, 1 << 20])
@given(
    batches=st.lists(
        st.tuples(st.integers(0, 3), st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=30)),
        max_size=8,
    )
)
def test_hashes_that_repeat_with_rows_close_and_far(
    in_memory: int, batches: list[tuple[int, list[tuple[int, int]]]]
) -> None:
    """Rows that are missing in between, that begin again, and that are too far apart for one block."""
    hashes = np.random.default_rng(7).integers(0, 2**64, 41, np.uint64)
    keys, rows, row = [], [], 0
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(piles, "_BLOCK", 64)
        patch.setattr(piles, "_LOW", np.uint64(63))
        pile = piles.Pile(Path(folder), in_memory, hashed=True)
        for far, batch in batches:
            places = row + far * 100 + np.cumsum([step for _, step in batch], dtype=np.int64)
            pile.add(hashes[[key for key, _ in batch]], places)
            keys += [key for key, _ in batch]
            rows += places.tolist()
            row = rows[-1] if rows else 0
        found = pile.repeated()
        pile.close()
    counted = collections.Counter(keys)
    assert found.tolist() == [row for key, row in zip(keys, rows, strict=True) if counted[key] > 1]


def test_hashes_that_are_alike_but_for_their_lowest_bits_are_given_to_be_compared(tmp_path: Path) -> None:
    """They count as equal here: whoever asks compares values, so that nothing is missed."""
    pile = piles.Pile(tmp_path, hashed=True)
    one = pow(int(piles._ODD), -1, 2**64)
    pile.add(np.array([one, one * 2 % 2**64, 1 << 63], np.uint64), np.arange(3))
    assert pile.repeated().tolist() == [0, 1]

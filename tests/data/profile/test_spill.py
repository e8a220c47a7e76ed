"""Hashes beyond memory are counted exactly, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from taihang.data.profile import spill


@pytest.mark.parametrize("rows", [1, 1000, 700_000])
def test_the_count_is_exact(rows: int) -> None:
    values = np.random.default_rng(6).integers(0, 2**64 - 1, rows, dtype=np.uint64)
    values[-1] = values[0]
    made = spill.Spill(10_000_000)
    for piece in np.array_split(values, 7):
        made.update(piece)
    assert made.count() == len(np.unique(np.sort(values)))


def test_a_full_disk_gives_no_count() -> None:
    made = spill.Spill(1000)
    made._file.close()
    made._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115, PTH123 - closed by count
    made.update(np.arange(1000, dtype=np.uint64))
    assert made.count() is None

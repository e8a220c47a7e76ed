"""What waits for a GPU runs on a CPU with a tiny model: the scripts are in order when a card comes."""

from __future__ import annotations

import json
import math

import pytest

pytest.importorskip("torch", reason="could not import torch (./check --hub)")

from bench.gpu import linear8, longcontext


def test_a_long_film_beside_the_full_cache() -> None:
    rows = longcontext.run(True, "cpu")["rows"]
    assert {row["minutes"] for row in rows} == {5, 20, 40, 60}
    longest = [row for row in rows if row["minutes"] == 60 and row["frames"] == "1 fps"]
    assert longest[0]["way"] == "full cache"
    for row in longest[1:]:
        assert row["held"] <= 120 < row["came"]
        assert math.isfinite(row["kl"]) and row["kl"] > -1e-6
    json.dumps(rows)


def test_eight_bits_beside_sixteen() -> None:
    plain, eight = linear8.run(True, "cpu")["rows"]
    assert eight["layers"] == 21
    assert 0 < eight["kl"] < 0.05
    assert plain["read_s"] > 0

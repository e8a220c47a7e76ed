"""What waits for a GPU runs on a CPU with a tiny model: the scripts are in order when a card comes."""

from __future__ import annotations

import json
import math

import pytest

torch = pytest.importorskip("torch", reason="could not import torch (./check --hub)")

from bench.gpu import linear8, longcontext, models  # noqa: E402 - after the look for torch


def test_a_long_film_beside_the_full_cache() -> None:
    kept: list[str] = []
    told = longcontext.run(True, "cpu", keep=lambda so_far: kept.append(json.dumps(so_far)))
    rows = told["rows"]
    assert len(kept) == len(rows), "a run that is killed leaves what it found"
    assert {row["minutes"] for row in rows} == {5, 20, 40, 60}
    longest = [row for row in rows if row["minutes"] == 60 and row["frames"] == "1 fps"]
    assert longest[0]["way"] == "full cache"
    assert longest[-1]["way"] == "evenly spread frames"
    for row in longest[1:]:
        assert math.isfinite(row["kl"]) and row["kl"] > -1e-6
        if row["way"] == "evenly spread frames":
            assert row["came"] <= 60, "no more than the capped cache holds between windows"
            assert row["held"] == row["came"] + longcontext.NEXT
        elif row["way"].startswith("capped"):
            assert row["held"] <= 120 < row["came"]
        else:  # the same windows with nothing cut say what one pass says
            assert row["held"] == row["came"] + longcontext.NEXT
            assert row["kl"] < 1e-4
    assert told["goals"]["an hour fits"] is True
    assert told["goals"]["longest uncut, minutes"] == 60
    assert told["goals"]["times as quick (goal 3)"] > 0


def test_evenly_spread_frames_are_frames_of_the_film_at_their_own_times() -> None:
    film = models.film(120, True)
    some = models.spread(film, 64)
    assert some.grid is not None and film.grid is not None
    assert some.grid == (10, 4, 4), "21 tokens of text, 4 a patch: every sixth of 60"
    assert len(some.ids) == 21 + 4 * 10 <= 64
    assert torch.equal(some.pixels.view(10, 16, -1), film.pixels.view(60, 16, -1)[::6])
    assert some.seconds == 6 * film.seconds
    assert some.ids[some.kinds == 0].tolist() == film.ids[film.kinds == 0].tolist()


def test_a_card_that_is_slow_ends_in_time_and_says_what_was_not_reached() -> None:
    told = longcontext.run(True, "cpu", limit_s=-1)
    assert {row["reached"] for row in told["rows"]} == {False}
    assert set(told["goals"].values()) == {None}


def test_eight_bits_beside_sixteen() -> None:
    plain, eight = linear8.run(True, "cpu")["rows"]
    assert eight["layers"] == 21
    assert 0 < eight["kl"] < 0.05
    assert plain["read_s"] > 0

from __future__ import annotations

import numpy as np
import pytest

from taihang.model.routing import audit


def _run(rate: float, limit: float, count: int, seed: int) -> tuple[bool, audit.Audit]:
    """Whether the alarm came at any time, and the audit at the end."""
    random, kept, alarm = np.random.default_rng(seed), audit.Audit(limit), False
    for missed in random.random(count) < rate:
        kept = kept.noted(missed=bool(missed))
        alarm = alarm or kept.broken
    return alarm, kept


def test_a_bound_that_holds_raises_no_alarm_however_often_one_looks() -> None:
    alarms = sum(_run(0.05, 0.05, 250, seed)[0] for seed in range(60))
    assert alarms / 60 <= 0.05 + 3 * (0.05 * 0.95 / 60) ** 0.5


def test_a_bound_that_is_broken_is_noticed() -> None:
    assert all(_run(0.25, 0.05, 200, seed)[0] for seed in range(20))


def test_what_the_rate_is_at_most_covers_it_and_narrows() -> None:
    short, long = (_run(0.02, 0.05, count, 1)[1] for count in (100, 1500))
    assert 0.02 <= long.upper < short.upper < 1
    assert audit.Audit(0.05).upper == 1.0
    assert audit.Audit(0.05).evidence == pytest.approx(1)


def test_the_lot_is_fair_repeatable_and_secret() -> None:
    names = [f"segment-{n}" for n in range(4000)]
    mine = [audit.drawn(n, 0.1, b"secret") for n in names]
    assert 0.08 < sum(mine) / len(mine) < 0.12
    assert mine == [audit.drawn(n, 0.1, b"secret") for n in names]
    assert mine != [audit.drawn(n, 0.1, b"other") for n in names]
    assert not any(audit.drawn(n, 0.0, b"s") for n in names)
    assert all(audit.drawn(n, 1.0, b"s") for n in names)

"""Rates and CSRF: no more than the bucket gives, whatever the clock does; no form from another site."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import stores
from hypothesis import given
from hypothesis import strategies as st

from taihang.core import errors
from taihang.trust.access import csrf, rates
from taihang.trust.identity import cookies

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Clock:
    s = 0.0

    def ticks(self) -> float:
        return self.s

    def now(self) -> datetime.datetime:
        return START + datetime.timedelta(seconds=self.s)


@pytest.fixture(params=["memory", *stores.KINDS])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[rates.Rate, Clock]]:
    clock, limit = Clock(), rates.Limit(burst=3, per_s=0.5)
    if request.param == "memory":
        yield rates.Memory(limit, ticks=clock.ticks), clock
        return
    with stores.store(request.param, tmp_path) as store:
        store.create()
        yield rates.Stored(store, limit, name="api", now=clock.now), clock


def test_a_burst_then_a_drip(made: tuple[rates.Rate, Clock]) -> None:
    rate, clock = made
    assert [rate.take("a").left for _ in range(3)] == [2, 1, 0]
    assert rate.take("a") == rates.Verdict(allowed=False, left=0, wait_s=2)
    assert rate.take("b").allowed
    clock.s = 2
    assert rate.take("a").allowed
    assert not rate.take("a").allowed
    clock.s = 1_000_000
    assert [rate.take("a").allowed for _ in range(4)] == [True, True, True, False]
    assert not rate.take("c", cost=4).allowed


def test_a_clock_set_back_gives_nothing_and_locks_nobody(made: tuple[rates.Rate, Clock]) -> None:
    rate, clock = made
    clock.s = 1000
    for _ in range(3):
        rate.take("a")
    clock.s = 0
    assert not rate.take("a").allowed
    clock.s = 2
    assert rate.take("a").allowed


def test_many_at_once_get_no_more(made: tuple[rates.Rate, Clock]) -> None:
    rate, _ = made
    got: list[bool] = []
    threads = [threading.Thread(target=lambda: got.append(rate.take("a").allowed)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(got) == 3


def test_strangers_do_not_fill_the_memory() -> None:
    rate = rates.Memory(rates.Limit(1, 1), ticks=lambda: 0.0, most=10)
    for number in range(1000):
        rate.take(str(number))
    assert len(rate._levels) == 10


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 5)), max_size=40))
def test_never_more_than_burst_and_rate(steps: list[tuple[float, float]]) -> None:
    clock, limit = Clock(), rates.Limit(burst=3, per_s=0.5)
    rate = rates.Memory(limit, ticks=clock.ticks)
    taken, forward, at = 0.0, 0.0, 0.0
    for step, cost in steps:
        clock.s += step
        forward += max(0.0, clock.s - at)
        at = clock.s
        if rate.take("a", cost).allowed:
            taken += cost
    assert taken <= limit.burst + forward * limit.per_s + 1e-6


def test_a_form_needs_the_sessions_own_token() -> None:
    csrf.check("GET", None, None)
    csrf.check("POST", "session", csrf.token("session"))
    for bound, given_ in (
        ("session", csrf.token("other")),
        ("session", ""),
        ("session", None),
        (None, csrf.token("")),
        ("", ""),
    ):
        with pytest.raises(errors.Forbidden, match="X-CSRF-Token"):
            csrf.check("post", bound, given_)
    with pytest.raises(errors.Forbidden):
        csrf.check("PATCH", "session", "ключ\ud800")
    assert "session" not in csrf.token("session")
    assert csrf.fresh() != csrf.fresh()


def test_cookies() -> None:
    cookie = cookies.of("ths_x", START + datetime.timedelta(hours=1), START, secure=True)
    assert cookie["key"].startswith("__Host-")
    assert (cookie["httponly"], cookie["secure"], cookie["path"], cookie["max_age"]) == (True, True, "/", 3600)
    assert cookies.of("ths_x", START, START, secure=False)["key"] == "taihang"
    assert cookies.gone(secure=True)["max_age"] == 0
    assert cookies.before("x", secure=True)["samesite"] == "lax"

"""Who is taken for dead, and that no clock that jumps or watcher that slept takes anybody for it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures import stores

from taihang.app.jobs import leases, tables
from taihang.engines.store import opening

BEAT_S, LEASE_S = 2.0, 15.0


@pytest.fixture(params=stores.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[opening.Store]:
    with stores.store(request.param, tmp_path) as made:
        made.create()
        yield made


class Two:
    """A worker that watches, with a clock to turn, and another one."""

    def __init__(self, store: opening.Store) -> None:
        self.store, self.time = store, 1000.0
        with store.begin() as conn:
            self.own, self.other = leases.join(conn), leases.join(conn)
        self.watch = leases.Watch(self.own, LEASE_S, BEAT_S, lambda: self.time)

    def after(self, seconds: float, *, beats: bool) -> list[str]:
        """Who is dead that much later."""
        self.time += seconds
        with self.store.begin() as conn:
            if beats:
                leases.beat(conn, self.other)
            return self.watch.look(conn)


def test_only_who_is_silent_for_the_whole_lease_is_dead(store: opening.Store) -> None:
    two = Two(store)
    for _ in range(50):
        assert two.after(BEAT_S, beats=True) == []
    silent = [bool(two.after(BEAT_S, beats=False)) for _ in range(9)]
    assert silent.index(True) == int(LEASE_S // BEAT_S)
    with store.begin() as conn:
        assert not leases.beat(conn, two.other)
        assert leases.beat(conn, two.own)
        leases.leave(conn, two.other)
        assert two.watch.look(conn) == []


def test_a_watcher_that_slept_takes_nobody_for_dead_by_that(store: opening.Store) -> None:
    two = Two(store)
    two.after(BEAT_S, beats=True)
    for _ in range(3):
        assert two.after(3600, beats=False) == []
        assert two.after(BEAT_S, beats=True) == []


def test_the_time_of_day_decides_nothing(store: opening.Store) -> None:
    """The only times in the workers' table are for people: whatever they say, nobody dies or lives by it."""
    two = Two(store)
    for year in (1970, 2100):
        with store.begin() as conn:
            when = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
            conn.execute(sa.update(tables.workers).values(started=when))
        assert two.after(BEAT_S, beats=True) == []


def test_a_worker_that_joins_under_the_watch_is_alive(store: opening.Store) -> None:
    two = Two(store)
    for _ in range(10):
        two.after(BEAT_S, beats=True)
    with store.begin() as conn:
        late = leases.join(conn)
    for _ in range(5):
        assert late not in two.after(BEAT_S, beats=True)
    with store.read() as conn:
        assert two.watch.first(conn) == (two.own == min(two.own, two.other, late))

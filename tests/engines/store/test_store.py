"""The store, on SQLite and on a real PostgreSQL: what one tenant writes, no other one sees."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures import stores

from taihang.core import errors
from taihang.engines.store import opening, schema

things = schema.tenanted("test_things", sa.Column("id", sa.String, primary_key=True), sa.Column("at", schema.Utc))
# The platform has no such table: whatever compares its tables with the migrations must not see it.
schema.metadata.remove(things)


@pytest.fixture(params=stores.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[opening.Store]:
    with stores.store(request.param, tmp_path) as found:
        things.create(found.engine)
        yield found


def test_tenants_do_not_meet(store: opening.Store) -> None:
    now = datetime.datetime(2026, 1, 2, 8, tzinfo=datetime.timezone(datetime.timedelta(hours=8)))
    mine, theirs = store.scope("mine"), store.scope("theirs")
    with store.begin() as conn:
        conn.execute(mine.insert(things, {"id": "1", "at": now}))
        conn.execute(theirs.insert(things, {"id": "1", "at": now}))
        conn.execute(theirs.delete(things))
    with store.read() as conn:
        rows = conn.execute(mine.select(things)).all()
        assert rows == [("mine", "1", now)]
        assert rows[0].at.tzinfo == datetime.UTC
        assert conn.execute(theirs.select(things)).all() == []


def test_a_row_of_another_tenant_is_refused(store: opening.Store) -> None:
    with pytest.raises(ValueError, match="tenant"):
        store.scope("mine").insert(things, {"tenant": "theirs", "id": "1"})


def test_a_taken_key_stays_as_it_was(store: opening.Store) -> None:
    scope = store.scope("mine")
    now = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    with store.begin() as conn:
        conn.execute(scope.insert(things, {"id": "1", "at": now}))
        assert scope.insert_new(conn, things, [{"id": "1", "at": None}, {"id": "2", "at": None}]) == 1
    with store.read() as conn:
        assert dict(conn.execute(scope.select(things, things.c.id, things.c.at)).all()) == {"1": now, "2": None}


def test_two_writers_queue(store: opening.Store) -> None:
    def write(number: int) -> None:
        for i in range(20):
            with store.begin() as conn:
                conn.execute(sa.select(sa.func.count()).select_from(things)).scalar_one()
                conn.execute(store.scope("mine").insert(things, {"id": f"{number}-{i}"}))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(things)).scalar_one() == 80


def test_who_falls_asleep_with_a_lock_loses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suspended worker must not stop the others for ever; when it wakes, nothing of its transaction is kept."""
    monkeypatch.setattr(opening, "_SILENT_MS", 1000)
    with stores.store("postgresql", tmp_path) as store:
        things.create(store.engine)
        scope = store.scope("mine")
        with pytest.raises(opening.Unreachable), store.begin() as asleep:
            asleep.execute(scope.insert(things, {"id": "1"}))
            with store.begin() as conn:  # waits for the key that the other one holds
                conn.execute(scope.insert(things, {"id": "1"}))
                conn.execute(scope.insert(things, {"id": "2"}))
            asleep.execute(scope.insert(things, {"id": "3"}))
        store.run(lambda conn: conn.execute(scope.insert(things, {"id": "4"})))
        with store.read() as conn:
            assert {row.id for row in conn.execute(scope.select(things))} == {"1", "2", "4"}


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://h/d", "sqlite://", "sqlite:///a?mode=ro", "postgres ://x"])
def test_an_address_of_no_store(url: str) -> None:
    with pytest.raises(errors.UserError, match="store address"):
        opening.open_store(url)


def test_a_server_that_is_away_is_said_without_its_password() -> None:
    store = opening.open_store("postgresql://me:secret@127.0.0.1:9/none")
    with pytest.raises(opening.Unreachable, match="does not answer") as caught:
        store.run(lambda conn: conn.execute(sa.text("select 1")), patience_s=0.2)
    assert "secret" not in str(caught.value)

"""A store is made, brought up to date, or refused; the revisions and the code say the same."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures import stores

from taihang.app.migrations import schema, upgrade
from taihang.core import errors
from taihang.engines.store import opening
from tests.house import source


@pytest.fixture(params=stores.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[opening.Store]:
    with stores.store(request.param, tmp_path) as made:
        yield made


def _tables(store: opening.Store) -> set[str]:
    with store.read() as conn:
        return set(sa.inspect(conn).get_table_names())


def test_the_revisions_make_what_the_code_says(store: opening.Store) -> None:
    """When this fails: python scripts/revision.py "what changed"."""
    upgrade.upgrade(store)
    assert _tables(store) == {*schema.metadata().tables, upgrade.VERSION_TABLE}
    with store.begin() as conn:
        assert upgrade.differences(conn) == []
    upgrade.upgrade(store)


def test_every_module_with_tables_is_known() -> None:
    declares = re.compile(r"^\w+ = (schema\.tenanted\(|sa\.Table\(\s*\"\w+\",\s*schema\.metadata)", re.MULTILINE)
    found = {
        ".".join(path.relative_to(source.PACKAGE.parent).with_suffix("").parts)
        for path in source.modules()
        if declares.search(path.read_text(encoding="utf-8"))
    }
    assert found == set(schema.MODULES)


def test_processes_that_start_at_once_make_one_schema(store: opening.Store) -> None:
    faults: list[BaseException] = []

    def start() -> None:
        own = opening.open_store(store.engine.url.render_as_string(hide_password=False).replace("+psycopg", ""))
        try:
            upgrade.upgrade(own)
        except BaseException as error:  # noqa: BLE001 - told below
            faults.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    with store.begin() as conn:
        assert upgrade.differences(conn) == []


def test_a_store_of_a_newer_release_is_refused_in_one_line(store: opening.Store) -> None:
    upgrade.upgrade(store)
    with store.begin() as conn:
        conn.exec_driver_sql(f"UPDATE {upgrade.VERSION_TABLE} SET version_num = 'of-tomorrow'")
    with pytest.raises(errors.UserError) as told:
        upgrade.upgrade(store)
    assert "of-tomorrow" in str(told.value)
    assert "\n" not in str(told.value)


def test_tables_that_no_release_made_are_left_alone(store: opening.Store) -> None:
    store.create()
    before = _tables(store)
    with pytest.raises(errors.UserError):
        upgrade.upgrade(store)
    assert _tables(store) == before


def test_the_queue_in_the_same_database_is_no_difference(store: opening.Store, tmp_path: Path) -> None:
    from taihang.app.jobs import service

    upgrade.upgrade(store)
    service.Jobs(store, tmp_path).create()
    with store.begin() as conn:
        assert upgrade.differences(conn) == []
    upgrade.upgrade(store)


def test_a_store_of_the_first_release_is_brought_up_to_date_and_keeps_its_rows(
    store: opening.Store,
) -> None:
    from alembic import command

    from taihang.app.jobs import tables

    with store.begin() as conn:
        command.upgrade(upgrade._config(conn), upgrade.revisions()[0])
        assert "ix_jobs_state" not in {one["name"] for one in sa.inspect(conn).get_indexes("jobs")}
    kept = _job(store)
    upgrade.upgrade(store)
    with store.begin() as conn:
        assert upgrade.differences(conn) == []
        assert [dict(row) for row in conn.execute(sa.select(tables.jobs)).mappings()] == [kept]


def _job(store: opening.Store) -> dict[str, object]:
    """One job, as the first release kept it."""
    from taihang.app.jobs import records, tables

    row = {
        "tenant": "one", "id": "job-1", "kind": "assess", "parameters": {"of": ["甲.csv"]}, "owner": {"name": "li"},
        "key": None, "state": "done", "round": 1, "attempt": 1, "crashes": 0, "losses": 0, "faults": 0, "events": 0,
        "cancel": False, "done": 1.0, "total": 1.0, "submitted": records.now(), "inputs": [], "versions": {},
    }  # fmt: skip
    with store.begin() as conn:
        conn.execute(sa.insert(tables.jobs).values(row))
        return dict(conn.execute(sa.select(tables.jobs)).mappings().one())

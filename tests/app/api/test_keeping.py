"""Retention, deletion, quarantine and deliveries over HTTP, by the typed client and as each role."""

from __future__ import annotations

import base64
import datetime
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from fixtures import holdings, platforms

from taihang.app import keeper, retiring
from taihang.app.client import client as clients
from taihang.app.jobs import kinds, tables
from taihang.catalog.retention import words
from taihang.catalog.tickets import tables as marks
from taihang.core import errors
from tests.app.api import inside

ROLES = ("admin", "steward", "engineer")


def _client(one: platforms.Running, *roles: str, tenant: str = "north") -> clients.Client:
    """The typed client in this process."""
    token = one.token(one.principal(tenant, *roles))
    return clients.Client("http://127.0.0.1", token, transport=inside.Inside(one))


class _Context:
    """What a worker's child gives to a job's function."""

    def __init__(self, one: platforms.Running, job: str, tenant: str) -> None:
        with one.whole.store.read() as conn:
            row = conn.execute(sa.select(tables.jobs).where(tables.jobs.c.id == job)).one()
        self.job, self.attempt, self.store = job, 1, one.whole.store
        self.kind, self.parameters = row.kind, row.parameters
        self.principal = platforms.principal.Principal.model_validate(row.owner)
        self.told: list[tuple[str, float, float]] = []
        self.progress = self

    def update(self, stage: str, done: float, total: float) -> None:
        self.told.append((stage, done, total))


def _done(one: platforms.Running, job: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Do a job in this process, as a worker's child does."""
    monkeypatch.setattr("taihang.app.places.current", lambda: one.whole.places)
    context = _Context(one, job, "north")
    kind = kinds.get(context.kind)
    made = kind.function(kinds.read(context.kind, context.parameters), context)  # type: ignore[arg-type]
    return dict(made.summary)


def test_rules_terms_and_holds(running: platforms.Running) -> None:
    made = holdings.everything(running, running.principal("north", *ROLES), "mark")
    with _client(running, "steward") as client:
        rule = client.set_retention_rule(keep_days=10, delete_days=20, kind="table")
        assert [one.kind for one in client.retention_rules()] == ["table", "video"] or len(
            client.retention_rules()
        ) == 2
        terms = client.terms(made["version"])
        assert terms.due is not None
        assert terms.due - terms.keep_until == datetime.timedelta(days=10)
        assert [one.reason for one in terms.holds] == ["mark"]
        again = client.hold(made["version"], "evidence in a dispute", kind="certificate", number="C-7")
        assert client.hold(made["version"], "evidence in a dispute", kind="certificate", number="C-7").id == again.id
        assert {one.id for one in client.holds(made["version"])} == {again.id, made["hold"]}
        assert client.release(again.id, "settled").released is not None
        assert [one.id for one in client.holds()] == [made["hold"]]
        assert len(client.holds(released=True)) == 2
        client.remove_retention_rule(rule.id)
        with pytest.raises(errors.NotFound):
            client.remove_retention_rule(rule.id)
        with pytest.raises(errors.UserError):
            client.set_retention_rule(keep_days=10, delete_days=9)
        with pytest.raises(errors.NotFound):
            client.hold("version-0123456789abcdef", "x")
        with pytest.raises(errors.Forbidden):
            client.apply_retention()
        with pytest.raises(errors.Forbidden):
            client.delete(made["version"], "request")
    with _client(running, "viewer") as client:
        assert len(client.retention_rules()) == 1
        with pytest.raises(errors.Forbidden):
            client.set_retention_rule(keep_days=1)


def test_a_deletion_is_a_job_and_leaves_its_proof(running: platforms.Running, monkeypatch: pytest.MonkeyPatch) -> None:
    made = holdings.everything(running, running.principal("north", *ROLES), "mark")
    with _client(running, "admin") as client:
        with pytest.raises(errors.Conflict, match="legal"):
            client.delete(made["version"], "request")
        client.release(made["hold"], "over")
        client.set_retention_rule(keep_days=10)
        with pytest.raises(errors.Conflict):
            client.delete(made["version"], "request")
        job = client.delete(made["version"], "request", early=True, key="once")
        assert client.delete(made["version"], "request", early=True, key="once").id == job.id
        with pytest.raises(errors.NotFound):
            client.deletion(made["version"])
        for _ in range(2):  # killed at the end and done again, it says the same
            assert _done(running, job.id, monkeypatch)["version"] == made["version"]
        proof = client.deletion(made["version"])
        assert proof.findings == 3
        assert proof.left == 0
        assert proof.proved == (running.whole.store.kind == "sqlite")
        assert [one.version_id for one in client.deletions()] == [made["version"], made["deletion"]]
        with pytest.raises(errors.NotFound):
            client.terms(made["version"])
        assert list(client.findings()) == []


def test_what_is_due_goes_by_a_job_and_what_is_held_stays(
    running: platforms.Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = holdings.everything(running, running.principal("north", *ROLES), "held")
    free = holdings.everything(running, running.principal("north", *ROLES), "free")
    with _client(running, "admin") as client:
        client.release(free["hold"], "over")
        assert list(client.due()) == []
        client.set_retention_rule(kind="table", delete_days=0)
        assert [one.id for one in client.due()] == [free["version"]]
        summary = _done(running, client.apply_retention().id, monkeypatch)
        assert summary["deleted"] == 1
        assert client.deletion(free["version"]).cause == "retention"
        assert client.terms(held["version"]).version_id == held["version"]
        assert list(client.due()) == []


def test_retention_can_be_scheduled_by_who_may_run_it(local: platforms.Running) -> None:
    night = {
        "name": "nightly",
        "trigger": {"on": "cron", "expression": "0 3 * * *"},
        "kind": retiring.APPLY,
        "parameters": {},
    }
    steward = local.client(local.principal("north", "steward"))
    assert steward.post("/api/v1/schedules", json=night).status_code == 403
    admin = local.client(local.principal("north", "admin"))
    made = admin.post("/api/v1/schedules", json=night).json()
    assert made["kind"] == retiring.APPLY
    assert steward.delete(f"/api/v1/schedules/{made['id']}").status_code == 403
    assert admin.post("/api/v1/schedules", json={**night, "name": "odd", "parameters": {"most": 0}}).status_code == 422
    started = local.whole.jobs.schedules.tick(datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2))
    assert [one.kind for one in started] == [retiring.APPLY]
    assert admin.delete(f"/api/v1/schedules/{made['id']}").status_code == 204


def test_what_is_in_quarantine_can_be_left_out(running: platforms.Running, tmp_path: Path) -> None:
    made = holdings.everything(running, running.principal("north", *ROLES), "mark")
    with _client(running, "viewer") as client:
        (mark,) = client.quarantine(made["version"])
        assert (mark.ticket, mark.kind, mark.count, mark.complete) == (made["ticket"], "rows", 2, True)
        client.quarantined_rows(made["version"], tmp_path / "rows.parquet")
        assert pq.read_table(tmp_path / "rows.parquet")["row"].to_pylist() == [0, 2]
        with pytest.raises(errors.NotFound):
            client.quarantine("version-0123456789abcdef")
    with running.whole.store.begin() as conn:
        conn.execute(sa.update(marks.marks).values(complete=False))
    with _client(running, "viewer") as client, pytest.raises(errors.Conflict, match=made["ticket"]):
        client.quarantined_rows(made["version"], tmp_path / "rows.parquet")


def test_quarantine_of_a_sensitive_asset_is_not_shown(local: platforms.Running) -> None:
    made = holdings.everything(local, local.principal("north", *ROLES), "mark")
    steward = local.client(local.principal("north", "steward"))
    assert steward.patch(f"/api/v1/assets/{made['asset']}", json={"sensitivity": "core"}).status_code == 200
    viewer = local.client(local.principal("north", "viewer"))
    assert viewer.get(f"/api/v1/versions/{made['version']}/quarantine").status_code == 403
    assert viewer.get("/api/v1/holds").json() == {"items": []}
    assert len(steward.get("/api/v1/holds").json()["items"]) == 1


def test_deliveries_are_listed_and_tried_again(running: platforms.Running) -> None:
    made = [holdings.everything(running, running.principal("north", *ROLES), f"m{n}")["delivery"] for n in range(3)]
    reader = running.client(running.principal("north", "steward"))
    found, after = [], ""
    while after is not None:
        page = reader.get(f"/api/v1/deliveries?limit=2{after and '&after=' + after}").json()
        found += [one["id"] for one in page["items"]]
        after = page["next"]
    assert sorted(found) == sorted(made)
    with _client(running, "steward") as client:
        assert {one.state for one in client.deliveries()} == {"failed"}
        assert client.deliver_again(made[0]).state == "waiting"
        with pytest.raises(errors.Conflict):
            client.deliver_again(made[0])
        assert {one.id for one in client.deliveries(state="failed")} == set(made[1:])
        with pytest.raises(errors.NotFound):
            client.deliver_again("delivery-0123456789abcdef")
    assert running.client(running.principal("north", "viewer")).get("/api/v1/deliveries").status_code == 403
    late = datetime.datetime.max.isoformat() + "-23:59"
    for key in (
        [1, 2],
        ["a", "b"],
        [late, "b"],
        ["2026-01-01T00:00:00+00:00", "\ud800"],
        ["2026-01-01", None],
        [None, "b"],
    ):
        cursor = base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")
        assert reader.get(f"/api/v1/deliveries?after={cursor}").status_code == 422, key


def test_the_command_line_speaks_to_both_alike(local: platforms.Running, monkeypatch: pytest.MonkeyPatch) -> None:
    made = holdings.everything(local, local.principal("north", *ROLES), "mark")
    with _client(local, "admin") as client:
        there = keeper.There(client)
        there.set_rule(words.Rule(kind="table", keep_days=0, delete_days=0))
        assert {one.delete_days for one in there.rules()} == {0, 30}
        there.release(made["hold"], "over")
        assert [one.asset.name for one in there.due(5)] == ["mark.csv"]
        waited = client.wait

        def wait(job: str, progress: object = None) -> object:
            _done(local, job, monkeypatch)
            with local.whole.store.begin() as conn:
                conn.execute(sa.update(tables.jobs).where(tables.jobs.c.id == job).values(state="done"))
            return waited(job)

        monkeypatch.setattr(client, "wait", wait)
        assert there.delete(made["version"], "retention").version_id == made["version"]
        assert there.holds() == []

"""Text, mask, monitor and certify over HTTP, done as a worker's child does them; killed at the end, they do it once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from fixtures import platforms

from taihang.app import certify
from taihang.app.client import client as clients
from taihang.app.jobs import attempts, kinds, tables
from taihang.catalog import catalogue
from taihang.core import errors
from taihang.engines.blobs import opening as blob_stores
from taihang.report import json as reporting
from taihang.trust.certificate import invalid
from taihang.trust.ledger import outbox
from tests.app.api import inside
from tests.model.causes import logs
from tests.walks.test_causes import inspected

T = TypeVar("T")
RULES = """
taihang: rules/1
id: small
version: "1"
title: {zh: 小, en: small}
rules:
  - {id: given, table: t, check: {kind: not_null, column: n}, level: orange}
  - {id: phone-given, table: t, check: {kind: not_null, column: phone}, level: orange}
"""
CONSTRAINTS = """
taihang: causes/1
id: site
version: "1"
title: {zh: 现场, en: Site}
forbid:
  - {cause: helmet-off, effect: unsafe-act}
"""


class Context:
    """What a job's function may use; what was done once stays done."""

    def __init__(self, one: platforms.Running, job: str, folder: Path, effects: dict[str, Any]) -> None:
        with one.whole.store.read() as conn:
            row = conn.execute(sa.select(tables.jobs).where(tables.jobs.c.id == job)).one()
        self.job, self.attempt, self.store, self.folder = job, 1, one.whole.store, folder
        self.kind, self.parameters = row.kind, row.parameters
        self.principal = platforms.principal.Principal.model_validate(row.owner)
        self.progress, self.platform = self, one.whole.home
        self._effects = effects
        folder.mkdir(parents=True)

    def update(self, stage: str, done: float, total: float) -> None:
        """Nobody stops it."""

    def effect(self, name: str, work: Callable[[sa.Connection], T]) -> T:
        if name not in self._effects:
            self._effects[name] = self.store.run(work)
        found: T = self._effects[name]
        return found


@pytest.fixture
def done(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], dict[str, Any]]:
    """Do a job twice, as when its worker died just before it was noted as done; what it came to must be equal."""
    running = request.getfixturevalue("local" if "local" in request.fixturenames else "running")
    monkeypatch.setattr("taihang.app.places.current", lambda: running.whole.places)
    monkeypatch.setenv("TAIHANG_HOME", str(attempts.tenant_home(running.whole.home, "north")))

    def do(job: str) -> dict[str, Any]:
        effects: dict[str, Any] = {}
        made = []
        for attempt in range(2):
            context = Context(running, job, tmp_path / f"{job}-{attempt}", effects)
            kind = kinds.get(context.kind)
            made.append(kind.function(kinds.read(context.kind, context.parameters), context))  # type: ignore[arg-type]
        assert made[0].summary == made[1].summary
        return dict(made[0].summary)

    return do


def _client(one: platforms.Running, *roles: str, tenant: str = "north") -> clients.Client:
    token = one.token(one.principal(tenant, *roles))
    return clients.Client("http://127.0.0.1", token, transport=inside.Inside(one))


def _sent(client: clients.Client, path: Path, text: str, kind: str = "table") -> str:
    path.write_text(text, encoding="utf-8")
    version = client.upload(path, kind=kind).version
    assert version is not None
    return version


def test_a_certificate_is_issued_once_verified_offline_and_revoked(
    running: platforms.Running, done: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    with _client(running, "steward", "auditor") as client, _client(running, "inspector") as other:
        version = _sent(client, tmp_path / "t.csv", "n,phone\n" + "1,13800138000\n" * 50)
        rules = _sent(client, tmp_path / "small.rules.yaml", RULES, "rulebook")
        job = client.submit("assess-asset", {"version": version, "rules": rules, "table": "t"})
        report = done(job.id)["report"]
        with pytest.raises(errors.Forbidden):
            other.certify([report])
        summary = done(client.certify([report], scope="班次").id)
        assert summary["earned"]
        (issued,) = client.certificates()
        assert issued.id == summary["report"]
        file, listed = tmp_path / "certificate.json", tmp_path / "list.json"
        file.write_bytes(other.certificate(issued.id))
        listed.write_bytes(other.revocations())
        key = [client.certificate_key()]
        whole = certify.Against(assets=[str(tmp_path / "t.csv")], revocations=listed)
        assert certify.verify(file, key, whole).certificate.number == summary["number"]
        # Held: what a certificate rests on does not go before it does.
        assert [(one.kind, one.target) for one in client.holds()] == [("certificate", version)]
        with pytest.raises(errors.Forbidden):
            other.revoke(issued.id, "x")
        for _ in range(2):
            assert client.revoke(issued.id, "a wrong sensor").count == 1
        listed.write_bytes(other.revocations())
        with pytest.raises(invalid.Invalid, match="a wrong sensor"):
            certify.verify(file, key, whole)
        assert client.holds() == []
        with pytest.raises(errors.NotFound):
            client.certificate(report)
        (entry,) = [e for e in _decided(running, summary["number"]) if e.kind == "certificate"]
        assert b"auditor" not in entry.entry
        bad = _sent(client, tmp_path / "bad.csv", "n,phone\n,\n,\n")
        worse = done(client.submit("assess-asset", {"version": bad, "rules": rules, "table": "t"}).id)["report"]
        refused = done(client.certify([worse]).id)
        assert (refused["earned"], refused["exit_code"]) == (False, 1)
        assert refused["reason"]["zh"] != refused["reason"]["en"]
    with _client(running, "steward", tenant="south") as south:
        # Another tenant's list is signed by another key, so that it says nothing about these.
        assert south.certificate_key() != key[0]
        listed.write_bytes(south.revocations())
        with pytest.raises(invalid.Invalid):
            certify.verify(file, key, whole)
        for call in (lambda: south.certificate(issued.id), lambda: south.revoke(issued.id, "x")):
            with pytest.raises(errors.NotFound):
                call()
        with pytest.raises(errors.NotFound):
            south.certify([report])


def _decided(one: platforms.Running, subject: str) -> list[Any]:
    with one.whole.store.read() as conn:
        return list(conn.execute(sa.select(outbox.decisions).where(outbox.decisions.c.subject == subject)))


def test_a_masked_table_is_an_asset_made_of_the_other(
    local: platforms.Running,
    done: Callable[[str], dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with _client(local, "steward") as client:
        version = _sent(
            client, tmp_path / "people.csv", "n,phone\n" + "".join(f"{i},138001380{i:02}\n" for i in range(40))
        )
        given = {
            "version": version,
            "format": "csv",
            "policy": {"columns": {"phone": {"method": "format", "kind": "phone"}}},
        }
        with pytest.raises(errors.TaihangError, match="secret"):
            done(client.submit("mask-asset", given).id)
        monkeypatch.setenv("MASK_SECRET", "a long enough secret of this site")
        monkeypatch.setenv("TAIHANG_MASKING_SECRET", "env:MASK_SECRET")
        summary = done(client.submit("mask-asset", given).id)
        assert summary["rows"] == 40
        out = tmp_path / "masked.csv"
        client.content(summary["version"], out)
        assert "13800138" not in out.read_text()
        graph = client.get(f"lineage/nodes/{summary['version']}", direction="up")
        assert version in json.dumps(graph)
        with pytest.raises(errors.UserError):  # whoever calls names no secret of the server's
            client.submit("mask-asset", {**given, "secret": "file:/etc/passwd"})


def test_texts_are_judged_and_an_assets_history_is_watched(
    local: platforms.Running, done: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    with _client(local, "steward") as client:
        lines = [{"text": f"第{n}条：进入采掘工作面前检查瓦斯浓度并做好记录。"} for n in range(20)]
        texts = _sent(
            client, tmp_path / "texts.jsonl", "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines)
        )
        words = _sent(client, tmp_path / "words.txt", "瓦斯\n", "contract")
        summary = done(client.submit("text-asset", {"version": texts, "word_list": words}).id)
        assert client.report(summary["report"]).kind == "text"
        assert summary["findings"] > 0
        for n in range(3):
            version = _sent(client, tmp_path / "t.csv", "n\n" + f"{n}\n" * (10 + n))
            done(client.submit("profile-asset", {"version": version}).id)
        watched = done(client.submit("monitor-asset", {"version": client.latest("t.csv")}).id)
        report = client.report(watched["report"])
        assert (report.kind, report.version_id) == ("monitor", version)
        assert [one["id"] for one in client._pages("reports", kind="monitor")] == [report.id]


def test_causes_are_judged_of_tables_and_of_recorded_reports(
    local: platforms.Running, done: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    log = logs.log(1)
    with _client(local, "steward") as client:
        tables = [_sent(client, tmp_path / f"{r.name}.csv", logs.table(r)) for r in log.recordings]
        one = done(client.submit("causes-asset", {"versions": tables[:1], "lang": "en"}).id)
        report = client.report(one["report"])
        assert (report.kind, report.version_id) == ("causes", tables[0])
        whole = done(client.submit("causes-asset", {"versions": tables, "judges": "statistical"}).id)
        assert whole["findings"] >= 1
        assert whole["version"] not in tables
        above = json.dumps(client.get(f"lineage/nodes/{whole['version']}", direction="up"))
        assert all(version in above for version in tables)
        found = [f for f in client._pages("findings", report=whole["report"]) if f["verdict"] == "violated"]
        assert [f["finding"]["place"]["keys"] for f in found] == [{"cause": "helmet-off", "effect": "unsafe-act"}]
        book = _sent(client, tmp_path / "site.causes.yaml", CONSTRAINTS, "rulebook")
        fewer = done(client.submit("causes-asset", {"versions": tables, "constraints": book}).id)
        assert fewer["findings"] == 0  # what the constraints forbid is no candidate
        for wrong in ({}, {"versions": []}, {"versions": tables, "sources": ["/etc/passwd"]}):
            with pytest.raises(errors.UserError):
                client.submit("causes-asset", wrong)


def test_causes_of_recorded_inspections_keep_their_frames(
    local: platforms.Running, done: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    with _client(local, "steward") as client:
        ids = [
            recorded(local, inspected(tmp_path / r.name, f"{r.name}.mp4", r))
            for r in logs.log(1).recordings
        ]  # fmt: skip
        summary = done(client.submit("causes-asset", {"reports": ids}).id)
        names = {one.name for one in client.files(summary["report"])}
        assert "evidence/causes.json" in names
        assert any(name.endswith(".jpg") for name in names)
    with _client(local, "steward", tenant="south") as south, pytest.raises(errors.NotFound):
        south.submit("causes-asset", {"reports": ids})


def recorded(one: platforms.Running, folder: Path) -> str:
    """A report of an inspection as a job of the platform records it."""
    who = one.principal("north", "steward")
    known, kept = catalogue.Catalogue(one.whole.store, who), blob_stores.open_blobs(one.whole.places.blobs)
    report = reporting.load((folder / reporting.NAME).read_bytes())
    manifest = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        made = kept.put("north", path)
        manifest[path.relative_to(folder).as_posix()] = (made.sha256, made.size)
    place = kept.put("north", json.dumps(manifest).encode()).sha256
    version = known.register(report.asset)
    return known.record(report, version.id, kind="inspect", folder=f"blob:{place}").id


def test_a_new_version_starts_the_job_that_waits_for_it(local: platforms.Running, tmp_path: Path) -> None:
    with _client(local, "steward") as client:
        _sent(client, tmp_path / "t.csv", "n\n1\n")
        body = {
            "name": "each",
            "trigger": {"on": "asset", "kind": "table", "name": "t.csv"},
            "kind": "profile-asset",
            "parameters": {"version": "$version"},
        }
        client._line.call("POST", "schedules", json=body)
        assert list(client.jobs()) == []
        version = _sent(client, tmp_path / "t.csv", "n\n1\n2\n")
        (job,) = client.jobs()
        assert job.kind == "profile-asset"
        sha256 = client.get(f"jobs/{job.id}")["parameters"]["version"]
        assert client.get(f"versions/{version}")["asset"]["sha256"] == sha256
        with pytest.raises(errors.NotFound):  # by hand there is nothing that it could stand for
            client.submit("profile-asset", {"version": "$version"})

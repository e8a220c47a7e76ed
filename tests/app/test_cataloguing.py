"""What assess and profile did is found in the catalogue, with its lineage; the verb shows it and deletes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from taihang.app import assess, cataloguing, profile
from taihang.app import places as placing
from taihang.app import tickets as ticketing
from taihang.app.jobs import service
from taihang.app.verbs import keeping
from taihang.catalog import catalogue
from taihang.catalog.tickets import desk, policy
from taihang.core import errors, i18n
from tests.catalog import samples
from tests.catalog.lineage import reader

SECRET = "王芳一三八零零一三八零零零"
RULES = f"""
taihang: rules/1
id: shifts
version: "1"
title: {{zh: 班次, en: shifts}}
rules:
  - id: shift-given
    table: shifts
    check: {{kind: not_null, column: shift}}
    level: orange
  - id: name-known
    table: shifts
    title: {{zh: 姓名不是某人, en: not somebody}}
    level: red
    dimension: validity
    where: name = '{SECRET}'
    message: {{zh: 是某人, en: somebody}}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("TAIHANG_STORE", "TAIHANG_BLOBS", "TAIHANG_TENANT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TAIHANG_LANG", "en")
    return tmp_path / "home"


@pytest.fixture
def known(home: Path) -> Iterator[catalogue.Catalogue]:
    with cataloguing.opened("li") as made:
        yield made


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "班次.csv"
    rows = [f"{n},{'a' if n % 3 else ''},{SECRET if n == 7 else f'人{n}'}" for n in range(40)]
    path.write_text("id,shift,name\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def _assessed(table: Path, out: Path) -> assess.Assessed:
    rules = table.parent / "shifts.rules.yaml"
    rules.write_text(RULES, encoding="utf-8")
    return assess.assess(f"shifts={table}", rules=rules, out=out, lang="en")


def test_results_go_into_the_catalogue_once(known: catalogue.Catalogue, table: Path, tmp_path: Path) -> None:
    done = _assessed(table, tmp_path / "a")
    made = profile.profile(str(table), out=tmp_path / "p", lang="en")
    for _ in range(2):
        told = cataloguing.assessed(known, done, job_id="job-1")
        (profiled,) = cataloguing.profiled(known, made, job_id="job-2")
    (asset,) = known.search("班次").items
    (version,) = known.versions(asset.id).items
    assert {r.id for r in known.reports(version.id).items} == {told.id, profiled.id}
    assert told.counts["orange"] + told.counts["red"] == 2
    assert [c.name for c in version.columns] == ["id", "shift", "name"]
    assert {f.finding.rule.id for f in known.findings().items} == {"shift-given", "name-known"}
    _, end = (reader.read(e) for e in known.lineage.events("job-1"))
    (source,) = end.inputs
    verdicts = {a.assertion: a.success for a in source.inputFacets["dataQualityAssertions"].assertions}
    assert verdicts == {"shift-given": False, "name-known": False}
    _, end = (reader.read(e) for e in known.lineage.events("job-2"))
    metrics = end.inputs[0].inputFacets["dataQualityMetrics"]
    assert metrics.rowCount == 40
    assert metrics.columnMetrics["shift"].nullCount == 14
    assert len(known.lineage.graph(version.id, "down").runs) == 2


def test_deletion_reaches_jobs_caches_and_tickets(home: Path, known: catalogue.Catalogue, table: Path) -> None:
    out = service.output(home, "job-1")
    done = _assessed(table, out)
    told = cataloguing.assessed(known, done, job_id="job-1")
    at = desk.Desk(known.store, known.principal)
    ticketing.open_report(at, out, policy.load("default"), asset="班次.csv")
    assert any(SECRET.encode() in p.read_bytes() for p in home.rglob("*") if p.is_file())
    proof = cataloguing.keeping(known, placing.current()).delete(told.version_id, "request")
    assert not out.exists()
    assert proof.left == 0
    assert proof.hash_left > 0  # the tickets name the version that they were about
    for path in home.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    for card in at.list().items:
        for found in at.findings(card.id):
            assert found.evidence == ()
            assert found.message == found.rule.title


def test_names_that_no_store_keeps(known: catalogue.Catalogue, table: Path, tmp_path: Path) -> None:
    done = _assessed(table, tmp_path / "a")
    odd = done.report.asset.model_copy(update={"name": "a\x00\n\ud800" + "x" * 400})
    version = known.register(cataloguing.cleaned(odd))
    assert len(version.asset.name) == 300
    assert version.asset.name.startswith("a\N{REPLACEMENT CHARACTER}")


def _run(*arguments: str) -> str:
    ran = CliRunner().invoke(keeping.app, arguments)
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def test_the_verb(known: catalogue.Catalogue, table: Path, tmp_path: Path) -> None:
    told = cataloguing.assessed(known, _assessed(table, tmp_path / "a"), job_id="job-1")
    listed = json.loads(_run("list", "--json"))
    assert [a["name"] for a in listed["assets"]] == ["班次.csv"]
    assert listed["next"] is None
    assert told.asset_id in _run("search", "班")
    assert _run("search", "nothing") == ""
    shown = _run("show", told.version_id)
    assert told.id in shown
    assert "orange 1" in shown
    assert json.loads(_run("show", told.asset_id, "--json"))["versions_shown"][0]["reports"][0]["id"] == told.id
    assert "assess" in _run("lineage", told.version_id, "--down")
    events = [json.loads(line) for line in _run("lineage", told.version_id, "--down", "--openlineage").splitlines()]
    assert [e["eventType"] for e in events] == ["START", "COMPLETE"]
    kept = tmp_path / "events.jsonl"
    kept.write_text(
        "\n".join(json.dumps({**e, "run": {"runId": "0195f0c2-1111-7000-8000-000000000001"}}) for e in events)
    )
    assert _run("ingest", str(kept)).splitlines() == ["openlineage-0195f0c2-1111-7000-8000-000000000001"] * 2
    hold = json.loads(_run("hold", told.version_id, "--reason", "案件", "--json"))
    with pytest.raises(errors.Conflict, match="held"):
        _run("delete", told.version_id, "--cause", "request", "--yes")
    _run("release", hold["id"], "--reason", "结案")
    gone = _run("delete", told.version_id, "--cause", "request", "--yes")
    assert "deleted: 2 findings, 1 reports" in gone
    assert str(tmp_path / "a") in gone  # the user's own folder is the user's to remove
    assert "not proved" in gone
    with pytest.raises(errors.NotFound):
        _run("show", told.version_id)
    assert "deleted version" in _run("lineage", told.version_id, "--down")


def test_retention_by_the_verb(known: catalogue.Catalogue, table: Path, tmp_path: Path) -> None:
    told = cataloguing.assessed(known, _assessed(table, tmp_path / "a"))
    assert _run("keep") == ""
    assert "kept 30 days, due after 90" in _run("keep", "--days", "30", "--delete-after", "90", "--kind", "table")
    with pytest.raises(errors.Conflict, match="must be kept"):
        _run("delete", told.version_id, "--cause", "retention", "--yes")
    assert _run("due") == ""
    _run("keep", "--delete-after", "0", "--kind", "table")
    assert json.loads(_run("keep", "--json"))[0]["delete_days"] == 0
    assert told.version_id in _run("due")
    assert told.version_id in _run("due", "--delete")
    assert _run("due") == ""
    assert _run("keep", "--kind", "table", "--remove") == ""
    with pytest.raises(errors.UserError, match="less than"):
        _run("keep", "--days", "2", "--delete-after", "1")


def test_lineage_of_a_query(known: catalogue.Catalogue, table: Path, tmp_path: Path) -> None:
    (profiled,) = cataloguing.profiled(known, profile.profile(str(table), out=tmp_path / "p", lang="en"))
    made = known.register(samples.thing("clean.csv"))
    query = tmp_path / "q.sql"
    query.write_text("select id, upper(shift) as 班 from shifts where name <> 'x'", encoding="utf-8")
    told = _run("made-by", made.id, str(query), "--input", f"shifts={profiled.version_id}")
    assert "班 ← shifts.shift (TRANSFORMATION)" in told
    assert "all rows ← shifts.name (FILTER)" in told
    as_json = json.loads(_run("made-by", made.id, str(query), "--input", f"shifts={profiled.version_id}", "--json"))
    assert len([r for r in known.lineage.runs().items if r.id == as_json["run"]]) == 1
    assert "shift → 班" in _run("lineage", made.id, "--column", "班")
    query.write_text("select * from read_csv('/etc/passwd')", encoding="utf-8")
    for given in ("shifts", f"shifts={profiled.version_id}"):
        with pytest.raises(errors.UserError, match=r"NAME=VERSION|does not follow"):
            _run("made-by", made.id, str(query), "--input", given)


def test_deleting_asks_first(known: catalogue.Catalogue, table: Path, tmp_path: Path) -> None:
    told = cataloguing.assessed(known, _assessed(table, tmp_path / "a"))
    ran = CliRunner().invoke(keeping.app, ["delete", told.version_id, "--cause", "request"], input="n\n")
    assert ran.exit_code != 0
    assert known.version(told.version_id)


@pytest.mark.parametrize("content", [b"", b"\x00", b"[1]", b"{}\n{}", b"\xff\xff"])
def test_a_file_of_no_events(home: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(errors.UserError) as caught:
        _run("ingest", str(path))
    assert "\n" not in str(caught.value)
    with pytest.raises(errors.UserError, match="cannot be read"):
        _run("ingest", str(tmp_path / "none.json"))


def test_texts_are_there_in_both_languages(known: catalogue.Catalogue, table: Path, tmp_path: Path) -> None:
    told = cataloguing.assessed(known, _assessed(table, tmp_path / "a"))
    before = i18n.current()
    try:
        assert "版本" in _run("show", told.asset_id, "--lang", "zh")
    finally:
        i18n.use(before)

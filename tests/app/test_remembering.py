"""A verb without a job is catalogued where this machine has a platform's store; where it has none there are files."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from taihang.app import assess, cataloguing, cli
from taihang.app.verbs import certificates, mask, monitors, tables, text
from taihang.trust.ledger import keys

RULES = """
taihang: rules/1
id: small
version: "1"
title: {zh: 小, en: small}
rules:
  - {id: given, table: t, check: {kind: not_null, column: n}, level: orange}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("TAIHANG_STORE", "TAIHANG_BLOBS", "TAIHANG_TENANT", "TAIHANG_SERVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))
    (tmp_path / "t.csv").write_text("n,phone\n1,13800138000\n2,13800138001\n")
    (tmp_path / "small.rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "texts.jsonl").write_text('{"text": "检查瓦斯浓度并做好记录。"}\n' * 3, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(app: typer.Typer, *words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_what_verbs_did_is_in_the_catalogue_of_this_machine(place: Path) -> None:
    keys.Signer.fresh("example.org/issuer").save(place / "issuer.key")
    with cataloguing.opened():
        pass  # as `taihang up` leaves it
    for _ in range(2):  # the same again is the same
        _run(tables.app, "assess", "t=t.csv", "--rules", "small.rules.yaml", "--out", "a")
    _run(tables.app, "profile", "t.csv", "--out", "p")
    _run(text.app, "texts.jsonl", "--out", "x")
    _run(mask.app, "t.csv", "--out", "masked.csv", "--method", "drop")
    _run(monitors.app, "--asset", "t.csv", "--out", "m")
    _run(certificates.top, "a", "--key", "issuer.key", "--out", "c")
    with cataloguing.opened() as known:
        versions = {one.asset.name: one for one in known.versions().items}
        assert set(versions) == {"t.csv", "texts.jsonl", "masked.csv"}
        told = [(one.kind, one.version_id) for one in known.reports().items]
        of = versions["t.csv"].id
        about = sorted(kind for kind, version in told if version == of)
        assert about == ["assess", "assess", "certify", "monitor", "profile"]
        assert [kind for kind, version in told if version == versions["texts.jsonl"].id] == ["text"]
        assert known.lineage.graph(versions["masked.csv"].id, "up").nodes[-1].id == of
        jobs = {run.job for run in known.lineage.graph(of, "down").runs}
        assert {"assess", "profile", "monitor", "certify", "mask"} <= jobs


def test_without_a_store_there_are_just_files(place: Path) -> None:
    _run(tables.app, "assess", "t=t.csv", "--rules", "small.rules.yaml", "--out", "a")
    assert (place / "a" / "report.json").is_file()
    assert not (place / "home" / "taihang.db").exists()


def test_a_catalogue_that_cannot_be_written_is_told_and_spoils_nothing(place: Path) -> None:
    (place / "home").mkdir()
    (place / "home" / "taihang.db").write_bytes(b"no database at all" * 100)
    done = CliRunner().invoke(
        tables.app, ["assess", "t=t.csv", "--rules", "small.rules.yaml", "--out", "a", "--lang", "en"]
    )
    assert done.exit_code == 0, done.output
    assert "could not be put into the catalogue" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (place / "a" / "report.json").is_file()


def test_what_was_found_is_said_although_no_later_run_will_know_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that nobody can make: the report is written and told, then what could not be kept."""
    monkeypatch.setenv("TAIHANG_HOME", "/proc/nothing-is-made-here")
    table = tmp_path / "a.csv"
    table.write_text("id,x\n1,2\n2,3\n")
    done = CliRunner().invoke(cli.app, ["assess", str(table), "--out", str(tmp_path / "out"), "--lang", "en"])
    assert isinstance(done.exception, assess.Unkept)
    assert done.exception.exit_code == 3
    assert "2 rows read" in done.stdout
    assert (tmp_path / "out" / "report.html").exists()
    assert "cannot read or keep the record of earlier runs" in str(done.exception)
    again = pickle.loads(pickle.dumps(done.exception))
    assert str(again) == str(done.exception)

"""`taihang schedules …` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from taihang.app.verbs import schedules as verbs
from taihang.core import errors


def said(*words: str) -> str:
    done = CliRunner().invoke(verbs.app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_an_assessment_is_scheduled_by_time_by_file_and_by_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))
    for name in ("TAIHANG_STORE", "TAIHANG_BLOBS", "TAIHANG_TENANT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAIHANG_LANG", "en")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "r.rules.yaml").write_text("taihang: rules/1\n", encoding="utf-8")
    rules = ("--set", "rules=r.rules.yaml", "--set", "incremental=true")
    nightly = json.loads(said("add", "nightly", "assess", "o=t.csv", *rules, "--cron", "30 2 * * 1-5", "--json"))
    assert nightly["trigger"] == {"on": "cron", "expression": "30 2 * * 1-5", "zone": "Asia/Shanghai"}
    # A worker in another folder finds the rulebook.
    assert nightly["parameters"] == {
        "sources": ["o=t.csv"], "rules": str(tmp_path / "r.rules.yaml"), "incremental": True,
    }  # fmt: skip
    said("add", "inbox", "assess", "o=$file", *rules, "--folder", "inbox", "--pattern", "*.csv")
    said("add", "orders", "profile", "$file", "--asset", "table/orders")
    listed = said("list")
    assert f"new files *.csv in {tmp_path / 'inbox'}" in listed
    assert "new versions of table/orders" in listed
    assert "off" in said("pause", nightly["id"])
    assert json.loads(said("resume", nightly["id"], "--json"))["enabled"] is True
    assert nightly["id"] in said("remove", nightly["id"])
    assert nightly["id"] not in said("list")
    for wrong in (
        ("x", "assess", "t.csv"),
        ("x", "assess", "t.csv", "--cron", "0 0 * * *", "--folder", "inbox"),
        ("x", "assess", "t.csv", "--cron", "61 0 * * *"),
        ("x", "assess", "t.csv", "--folder", "nowhere"),
        ("x", "no-such-kind", "t.csv", "--cron", "0 0 * * *"),
        ("inbox", "assess", "t.csv", "--cron", "0 0 * * *"),
    ):
        with pytest.raises(errors.UserError) as raised:
            CliRunner().invoke(verbs.app, ["add", *wrong], catch_exceptions=False)
        assert "\n" not in str(raised.value)

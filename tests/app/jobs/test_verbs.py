"""`taihang jobs …` as a user meets it."""

from __future__ import annotations

import contextvars
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from taihang.app.verbs import jobs as verbs
from taihang.core import errors, i18n


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))
    for name in ("TAIHANG_STORE", "TAIHANG_BLOBS", "TAIHANG_TENANT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAIHANG_LANG", "en")
    monkeypatch.chdir(tmp_path)
    return verbs.app


def _said(app: typer.Typer, *words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def _in_chinese(app: typer.Typer, job: str) -> str:
    i18n.use("zh")
    return _said(app, "show", job)


def test_a_job_is_submitted_listed_shown_cancelled_and_queued_again(asked: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n")
    made = json.loads(_said(asked, "submit", "assess", "t.csv", "--set", "fail_on=red", "--json"))
    assert made["parameters"] == {"sources": [str(tmp_path / "t.csv")], "fail_on": "red"}
    assert made["id"] in _said(asked, "list", "--state", "queued")
    assert "cancelled" in _said(asked, "cancel", made["id"])
    assert _said(asked, "list", "--state", "queued") == ""
    assert "由" in contextvars.copy_context().run(_in_chinese, asked, made["id"])
    assert json.loads(_said(asked, "retry", made["id"], "--json"))["state"] == "queued"
    shown = json.loads(_said(asked, "show", made["id"], "--json"))
    assert shown["who"]["tenant"] == "default"
    assert shown["attempts"] == []
    for words in (
        ["show", "no-such-job"],
        ["submit", "nothing"],
        ["submit", "assess", "--set", "x"],
        ["list", "--state", "x"],
    ):
        done = CliRunner().invoke(asked, words)
        assert isinstance(done.exception, errors.UserError), words
    other = CliRunner().invoke(asked, ["show", made["id"], "--tenant", "another"])
    assert isinstance(other.exception, errors.NotFound)

"""The weights that come along: they can be asked for by name, say what they are, and their rules are judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer import testing

from taihang.app import cli, inspect
from taihang.model.temporal import card
from tests.use.video import films

BOOK = """
taihang: rules/1
id: light
version: "1"
title: {zh: 轻量, en: Light}
rules:
  - id: watched
    title: {zh: 看过, en: Looked at}
    level: info
    dimension: advice
    table: activities
    filter: activity = 'machine'
    where: going_on OR NOT going_on
    message: {zh: 看过, en: looked at}
    needs: [temporal]
"""


def test_a_film_is_inspected_with_what_comes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))
    book = tmp_path / "light.rules.yaml"
    book.write_text(BOOK, encoding="utf-8")
    path = films.film(tmp_path / "v.mp4", 10, lambda t: films.visitor(films.view(0, 0), films.place(t, 3, 8)))
    done = inspect.inspect(
        path, rules=book, out=tmp_path / "out", formats=("json", "html"), temporal="synthetic", lang="en"
    )
    report = json.loads((done.videos[0].page.parent / "report.json").read_text())
    assert [f["rule"]["id"] for f in report["findings"]].count("watched") >= 1
    assert not [n for n in report["not_judged"] if n.get("rule") == "watched"]
    told, _ = card.load(Path("synthetic"))
    assert told.synthetic
    assert told.sha256 in json.dumps(report["produced_by"]) + json.dumps(report["findings"])
    assert "verified on no real film" in (tmp_path / "out" / "report.html").read_text()


def test_its_card_is_shown_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = testing.CliRunner().invoke(cli.app, ["temporal", "card", "synthetic", "--lang", "en"])
    assert shown.exit_code == 0
    assert "Synthetic." in shown.output
    (tmp_path / "synthetic").mkdir()  # a folder of one's own of that name comes first
    own = testing.CliRunner().invoke(cli.app, ["temporal", "card", "synthetic", "--lang", "en"])
    assert own.exit_code != 0

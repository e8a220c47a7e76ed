"""A film is inspected with a light classifier: what it says becomes rows that rules read, and nothing of it fails."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="could not import onnx (./check --hub)")

from typer import testing

from taihang.app import cli, inspect, temporal
from taihang.core import errors, i18n
from tests.fixtures import light
from tests.use.video import films

BOOK = """
taihang: rules/1
id: light
version: "1"
title: {zh: 轻量, en: Light}
rules:
  - id: busy
    title: {zh: 有变化, en: Something changes}
    level: info
    dimension: advice
    table: activities
    filter: activity = 'busy'
    where: going_on
    message: {zh: 有变化, en: something changes}
    needs: [temporal]
"""


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))


@pytest.fixture
def book(tmp_path) -> Path:
    path = tmp_path / "light.rules.yaml"
    path.write_text(BOOK, encoding="utf-8")
    return path


def inspected(tmp_path: Path, film: Path, book: Path, **more: object) -> dict:
    done = inspect.inspect(film, rules=book, out=tmp_path / "out", formats=("json", "html"), **more)  # type: ignore[arg-type]
    return json.loads((done.videos[0].page.parent / "report.json").read_text())


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_rule_reads_what_the_classifier_says(tmp_path, book, language, monkeypatch):
    monkeypatch.setenv("TAIHANG_LANG", language)
    path = films.film(tmp_path / "v.mp4", 10, lambda t: films.visitor(films.view(0, 0), films.place(t, 3, 8)))
    report = inspected(tmp_path, path, book, temporal=light.made(tmp_path / "m"), lang=language)
    found = [f for f in report["findings"] if f["rule"]["id"] == "busy"]
    assert found
    assert all(2 <= f["place"]["start_s"] <= 9 for f in found)
    page = (tmp_path / "out" / "report.html").read_text()
    assert {"zh": "只在本项目渲染的合成场景上训练", "en": "verified on no real film"}[language] in page
    i18n.use("en")


def test_without_a_classifier_the_rule_is_not_judged(tmp_path, book):
    path = films.film(tmp_path / "v.mp4", 3, lambda t: films.view(0, 0))
    report = inspected(tmp_path, path, book)
    assert not report["findings"]
    assert any("--temporal" in one["reason"]["en"] for one in report["not_judged"])


@pytest.mark.parametrize(
    "draw",
    [lambda t: np.zeros((films.HEIGHT, films.WIDTH, 3), np.uint8), lambda t: films.view(60 * t, 0)],
    ids=["dark", "nobody"],
)
def test_a_short_film_with_nothing_to_see_ends_in_a_report(tmp_path, book, draw):
    path = films.film(tmp_path / "v.mp4", 3, draw)
    report = inspected(tmp_path, path, book, temporal=light.made(tmp_path / "m"))
    dark = any(one["code"] == "temporal-unjudged" for one in report["not_judged"])
    assert dark == (not np.any(draw(0)))


def test_weights_that_fail_amid_a_film_leave_the_rest_judged(tmp_path, book, monkeypatch):
    path = films.film(tmp_path / "v.mp4", 3, lambda t: films.view(0, 0))
    folder = light.made(tmp_path / "m")
    judge = temporal.load(folder)

    def fails(*_: object) -> None:
        raise errors.UserError("model.temporal:unusable", path=folder, reason="NaN")

    monkeypatch.setattr(type(judge), "_run", lambda self, *_: fails() if self is judge else None)
    monkeypatch.setattr(temporal, "load", lambda name: judge)
    report = inspected(tmp_path, path, book, temporal=folder)
    assert any("NaN" in one["reason"]["en"] for one in report["not_judged"])


def test_a_rule_that_acts_on_the_classifier_alone_is_refused(tmp_path, book):
    book.write_text(BOOK.replace("level: info", "level: orange"), encoding="utf-8")
    with pytest.raises(errors.UserError, match="busy"):
        inspected(tmp_path, tmp_path / "none.mp4", book)
    book.write_text(BOOK.replace("    needs: [temporal]\n", ""), encoding="utf-8")
    with pytest.raises(errors.UserError, match="temporal"):
        inspected(tmp_path, tmp_path / "none.mp4", book)


def test_no_such_folder_is_one_line(tmp_path, book):
    with pytest.raises(errors.UserError, match="temporal train"):
        inspected(tmp_path, tmp_path / "v.mp4", book, temporal=tmp_path / "nowhere")


@pytest.mark.long
def test_own_clips_become_a_classifier_that_a_film_is_inspected_with(tmp_path, book):
    """The whole way of a user: clips in folders, one command, a card, and an inspection that says what was learnt."""
    pytest.importorskip("torch", reason="could not import torch (./check --hub)")
    clips = tmp_path / "clips"
    for name, comes in (("busy", 0), ("nobody", 99)):
        (clips / name).mkdir(parents=True)
        for number in range(2):
            films.film(
                clips / name / f"{number}.mp4",
                3,
                lambda t, comes=comes: films.visitor(films.view(0, 0), films.place(t, comes, comes + 4)),
            )
    runner = testing.CliRunner()
    out = tmp_path / "m"
    words = ["temporal", "train", str(clips), "--out", str(out), "--rounds", "2", "--presence", "busy", "--synthetic"]
    done = runner.invoke(cli.app, words)
    assert done.exit_code == 0, done.output
    assert "temporal.onnx" in done.output
    card = runner.invoke(cli.app, ["temporal", "card", str(out), "--lang", "zh"])
    assert "合成数据" in card.output
    assert "busy, nobody" in card.output
    path = films.film(tmp_path / "v.mp4", 4, lambda t: films.visitor(films.view(0, 0), films.place(t, 1, 3)))
    report = inspected(tmp_path, path, book, temporal=out)
    facts = {f["label"]["en"]: f["value"] for s in report["sections"] for f in s.get("items", ()) if "label" in f}
    assert facts["classes"] == "busy, nobody"
    taught = runner.invoke(cli.app, [*words[:4], str(tmp_path / "small"), *words[5:], "--teacher", str(out)])
    assert taught.exit_code == 0, taught.output
    stranger = runner.invoke(cli.app, [*words, "--teacher", str(light.made(tmp_path / "stranger"))])
    assert isinstance(stranger.exception, errors.UserError)
    assert "nobody" in str(stranger.exception)
    wrong = runner.invoke(cli.app, [*words[:-2], "nobody,ghost", "--lang", "en"])
    assert isinstance(wrong.exception, errors.UserError)
    assert "ghost" in str(wrong.exception)

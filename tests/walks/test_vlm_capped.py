"""A film that a model in this process reads under a cap of its cache, from the command to the report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer.testing

pytest.importorskip("torch", reason="could not import torch (./check --hub)")
pytest.importorskip("transformers", reason="could not import transformers (./check --hub)")

from engines.predict import tiny_vlm
from use.video import films

from taihang.app import cli
from tests.model.longcontext import tiny

CAP = 3000  # the question after the pictures takes about 1300 letters, which are its tokens here


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds in which somebody walks by."""

    def draw(time_s: float) -> films.Image:
        return films.visitor(films.view(0, 0), films.place(time_s, 1, 6))

    return films.film(tmp_path_factory.mktemp("film") / "a.mp4", 12, draw)


@pytest.fixture
def fullest(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What each layer held after each of its updates."""
    return tiny.watched(monkeypatch)


def _command(film: Path, model: Path, out: Path) -> list[str]:
    given = ["inspect", str(film), "--rules", "mine-vlm", "--vlm", f"hf:{model}", "--budget", "50%"]
    return [*given, "--out", str(out), "--lang", "en"]


@pytest.mark.parametrize("family", tiny_vlm.FAMILIES)
def test_a_film_is_read_under_the_cap_and_the_report_says_so(
    family: str, film: Path, fullest: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_vlm.save(tmp_path / "model", family)
    monkeypatch.setenv("TAIHANG_VLM_MAX_TOKENS", "32")
    monkeypatch.setenv("TAIHANG_VLM_FRAMES", "64")
    monkeypatch.setenv("TAIHANG_VLM_CACHE_TOKENS", str(CAP))
    done = typer.testing.CliRunner().invoke(cli.app, _command(film, model, tmp_path / "out"))
    assert done.exit_code in {0, 1}, done.output
    assert max(fullest) <= CAP
    report = json.loads(next((tmp_path / "out").rglob("report.json")).read_text(encoding="utf-8"))
    assert f"under a cap of {CAP} tokens" in json.dumps(report)
    # Random weights say nothing that counts: what was asked is told as not judged, and nothing is found by the model.
    assert any(one["code"].startswith("vlm-") for one in report["not_judged"])
    assert not [one for one in report["findings"] if one["place"]["table"] == "statements"]


def test_a_cap_that_no_question_fits_ends_in_one_line_that_names_one_that_does(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_vlm.save(tmp_path / "model", tiny_vlm.FAMILIES[0])
    monkeypatch.setenv("TAIHANG_VLM_CACHE_TOKENS", "200")
    monkeypatch.setattr("sys.argv", ["taihang", *_command(film, model, tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    told = capsys.readouterr()
    line = " ".join((told.out + told.err).split())
    assert re.search(r"a cache of 200 tokens is too small: .* needs at least [1-9]\d{3}; raise", line)
    assert "Traceback" not in line

"""What a user does with a video: inspect it, stop it, kill it, run it again, read the report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from report import chromium

import taihang
from taihang.core import errors
from taihang.report import json as reporting
from taihang.use.video.scene import truth

BUDGET = "20%"  # of 240 frames


def _command(planted: truth.Truth, out: Path, *more: str) -> list[str]:
    run = "from taihang.app import cli; cli.main()"
    return [sys.executable, "-c", run, "inspect", str(planted.video), "--budget", BUDGET, "--out", str(out), *more]


def _report(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "report.json").read_text(encoding="utf-8")))


def _stable(report: dict[str, Any]) -> dict[str, Any]:
    """The report less the moment at which it was written."""
    return {k: v for k, v in report.items() if k != "created"}


@pytest.fixture(scope="session")
def inspected(
    planted: truth.Truth, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = tmp_path_factory.mktemp("inspected") / "out"
    environment = {**os.environ, "TAIHANG_HOME": str(out.parent / "home"), "TAIHANG_LANG": "en"}
    done = subprocess.run(
        _command(planted, out, "--fail-on", "orange"), capture_output=True, text=True, env=environment, check=False
    )
    return out, done


def test_planted_events_are_found_where_they_were_planted(
    planted: truth.Truth, inspected: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    out, done = inspected
    assert done.returncode == 1, done.stderr  # findings at orange
    found = {f["rule"]["id"]: f for f in _report(out)["findings"] if f["verdict"] == "violated"}
    for rule, kind in (("restricted-zone", "restricted"), ("no-view", "covered")):
        happened = planted.of(kind)[0]  # type: ignore[arg-type]
        place = found[rule]["place"]
        overlap = min(place["end_s"], happened.end_s) - max(place["start_s"], happened.start_s)
        assert overlap > 0.5 * (happened.end_s - happened.start_s)
        assert found[rule]["confidence"]["value"] is None
    started = planted.of("equipment_start")[0].start_s
    assert found["equipment-start"]["place"]["start_s"] == pytest.approx(started, abs=2.5)
    assert "crowding" not in found
    assert "running" not in found


def test_the_report_stands_by_itself(inspected: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, _ = inspected
    report = _report(out)
    jsonschema.validate(report, reporting.schema())
    assert {"asset", "findings", "scorecard", "produced_by", "not_judged"} <= report.keys()
    assert report["synthetic"] is True
    frames = [e for f in report["findings"] for e in f["evidence"] if e["kind"] == "frame"]
    clips = [e for f in report["findings"] for e in f["evidence"] if e["kind"] == "span"]
    assert frames
    assert clips
    sums = subprocess.run(
        ["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=out, capture_output=True, text=True, check=False
    )
    assert sums.returncode == 0, sums.stdout
    assert "data:video/mp4;base64," in (out / "report.html").read_text(encoding="utf-8")
    assert (out / "report.docx").stat().st_size > 10_000


PLAYS = """
const video = document.querySelector('video');
video.muted = true; video.scrollIntoView();
return video.play().then(() => new Promise(done => {
  const until = Date.now() + 20000;
  (function wait() {
    if (video.currentTime > 0.2 || Date.now() > until) done([video.readyState, video.videoWidth, video.currentTime]);
    else setTimeout(wait, 50);
  })();
}));
"""


@pytest.mark.browser
def test_the_report_opens_in_a_browser_and_its_clip_plays(
    inspected: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    with chromium.browser() as browser:
        browser.open(inspected[0] / "report.html")
        state, width, moved = browser.run(PLAYS)
        assert state >= 2
        assert width == 640
        assert moved > 0.2
        assert "restricted zone" in browser.run("return document.body.textContent")
        assert browser.console() == []
        assert [url for url in browser.requests() if url.startswith(("http", "ws"))] == []
        assert browser.pdf()[:5] == b"%PDF-"


def test_what_was_not_looked_at_is_said(inspected: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    report = _report(inspected[0])
    covered = [n for n in report["not_judged"] if n["code"] == "unseen-covered" or n["code"] == "unseen-dark"]
    assert any(n["start_s"] < 20 < n["end_s"] for n in covered)
    coverage = next(s for s in report["sections"] if s["kind"] == "coverage")
    unseen = sum(share["amount"] for share in coverage["shares"])
    assert coverage["seen"] + unseen == pytest.approx(coverage["total"], abs=0.1)


def test_the_terminal_says_where_the_report_is_and_what_it_cost(
    inspected: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    out, done = inspected
    assert str(out / "report.html") in done.stdout
    assert "synthetic" in done.stdout
    assert "24.0 s of video" in done.stdout
    assert "Traceback" not in done.stderr


def test_the_budget_is_kept(inspected: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    coverage = next(s for s in _report(inspected[0])["sections"] if s["kind"] == "coverage")
    looked = next(f["value"] for f in coverage["facts"] if f["label"]["en"] == "Frames the detector saw")
    assert 0 < looked <= 48


@pytest.fixture(scope="module")
def called(planted: truth.Truth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same from Python: the folder that holds its home and its `out`."""
    folder = tmp_path_factory.mktemp("called")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAIHANG_HOME", str(folder / "home"))
        taihang.inspect(planted.video, budget=BUDGET, lang="en", out=folder / "out")
    return folder


def test_python_and_the_command_give_the_same(
    called: Path, inspected: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    assert _stable(_report(called / "out")) == _stable(_report(inspected[0]))


def test_killed_at_any_moment_it_goes_on_to_the_same_result(
    planted: truth.Truth, inspected: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    environment = {**os.environ, "TAIHANG_HOME": str(home), "TAIHANG_LANG": "en"}
    kills = 0
    for wait_s in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 60.0):
        running = subprocess.Popen(
            _command(planted, out), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            running.wait(wait_s)
            break
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            running.wait()
            kills += 1
    else:
        done = subprocess.run(_command(planted, out), env=environment, capture_output=True, check=False)
        assert done.returncode == 0
    assert kills >= 1
    assert _stable(_report(out)) == _stable(_report(inspected[0]))
    assert not [p for p in home.rglob(".part-*") if p.is_file()] or out.exists()


def test_finished_stages_are_not_made_again(
    planted: truth.Truth, called: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = called / "home"
    monkeypatch.setenv("TAIHANG_HOME", str(home))
    before = {p: p.stat().st_mtime_ns for p in home.rglob("*.arrow")}
    assert before
    taihang.inspect(planted.video, budget=BUDGET, lang="en", out=tmp_path / "two")
    assert before == {p: p.stat().st_mtime_ns for p in home.rglob("*.arrow")}
    assert _stable(_report(called / "out")) == _stable(_report(tmp_path / "two"))


def test_interrupted_it_leaves_a_clean_state(planted: truth.Truth, tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    environment = {**os.environ, "TAIHANG_HOME": str(home), "TAIHANG_LANG": "en"}
    # Who runs the tests in the background ignores this signal, and so would its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        running = subprocess.Popen(
            _command(planted, out), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 60
    while not list(home.rglob("stage.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.strip().splitlines()[-1].startswith("stopped as asked")
    assert "Traceback" not in said
    assert not out.exists()
    assert not list(home.rglob(".part-*"))


@pytest.mark.parametrize("budget", ["0", "101%", "-2%", "two", "", "nan"])
def test_a_budget_that_is_no_share_is_refused(planted: truth.Truth, tmp_path: Path, budget: str) -> None:
    with pytest.raises(errors.UserError, match="budget"):
        taihang.inspect(planted.video, budget=budget, out=tmp_path / "out")


def test_several_videos_get_a_folder_each(planted: truth.Truth, tmp_path: Path) -> None:
    twin = tmp_path / planted.video.name
    twin.write_bytes(planted.video.read_bytes())
    done = taihang.inspect(planted.video, twin, budget="2%", out=tmp_path / "out")
    assert [one.page.parent.name for one in done.videos] == ["planted", "planted-2"]
    assert len(done.videos[0].report.not_judged) <= len(done.videos[1].report.not_judged)  # no zones beside the twin

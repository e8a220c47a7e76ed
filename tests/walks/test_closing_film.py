"""A ticket about a film: verified by judging the next film by just its rule; until then its seconds are left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from taihang.app import closing, inspect, quarantining, tickets
from taihang.catalog.tickets import policy
from taihang.core import errors
from taihang.use.video.scene import film, script, truth

POLICY = """
taihang: tickets/1
id: mine
version: "1"
title: {zh: 策略, en: policy}
entries:
  - {id: view, match: {rules: [no-view]}, group: place, owner: {fixed: wu}, quarantine: true}
"""


def _film(path: Path, *events: script.Event) -> truth.Truth:
    plan = script.Script(name=path.stem, duration_s=8, width=320, height=180, fps=5, events=events)
    return film.render(path, plan, seed=3)


def test_a_camera_that_was_covered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TAIHANG_STORE", raising=False)
    bad = _film(tmp_path / "bad.mp4", script.Event(kind="covered", at_s=2, for_s=5)).video
    worse = _film(tmp_path / "worse.mp4", script.Event(kind="covered", at_s=1, for_s=5)).video
    good = _film(tmp_path / "good.mp4").video
    inspect.inspect(bad, budget="30%", out=tmp_path / "out")
    rules = policy.loads(POLICY.encode(), "p")
    with tickets.opened("ann") as at:
        (ident,) = tickets.open_report(at, tmp_path / "out", rules, asset="camera 3", number=1).opened
        assert at.get(ident).kind == "video"
        done = quarantining.separate(at, bad, tmp_path / "q")
        told = json.loads((tmp_path / "q" / "quarantine.json").read_text(encoding="utf-8"))
        ((start, end),) = told["leave_out"]
        assert start < 3
        assert end > 6
        assert done.left_out == pytest.approx(end - start)
        assert told["use"] == [[0.0, start], [end, told["duration_s"]]]

        def version(path: Path, number: int) -> closing.Version:
            return closing.Version((str(path),), "mine-inspection", number, budget="30%")

        at.move(ident, "resolved", reason="cleaned")
        assert closing.verify(at, ident, version(worse, 2)).state == "assigned"
        at.move(ident, "resolved", reason="cleaned again")
        with pytest.raises(errors.Conflict, match="in which it was found"):
            closing.verify(at, ident, version(bad, 1))
        assert closing.verify(at, ident, version(good, 3)).state == "verified"
        assert quarantining.separate(at, bad, tmp_path / "q").left_out == 0
        (check,) = at.suite("camera 3")
        assert check.rule == "no-view"
        fine = closing.regress(at, "camera 3", version(good, 3), rules)
        assert (fine.held, fine.exit_code) == (("no-view",), 0)
        back = closing.regress(at, "camera 3", version(worse, 4), rules)
        assert (back.broken, back.opened.reopened) == (("no-view",), (ident,))

"""A worn camera: a zone is found again in the moving picture with a stated error, or not judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import taihang
from taihang.core import errors
from taihang.use.video.scene import film, script, truth

BOOK = """
taihang: rules/1
id: patrol
version: "1"
title: {zh: 巡检, en: Patrol}
extends: [mine-inspection]
scope: {camera: worn}
"""


@pytest.fixture(scope="module")
def patrol(tmp_path_factory: pytest.TempPathFactory) -> truth.Truth:
    """34 s of walking; somebody stands in the restricted bay at about 20 s."""
    events = (script.Event(kind="restricted", at_s=20, for_s=10),)
    plan = script.Script(name="patrol", duration_s=34, camera="worn", fps=10, events=events)
    return film.render(tmp_path_factory.mktemp("patrol") / "patrol.mp4", plan, seed=5)


def test_a_zone_is_placed_in_the_moving_picture(
    patrol: truth.Truth, tmp_path: Path, shared: Callable[[str], Path]
) -> None:
    book = tmp_path / "patrol.rules.yaml"
    book.write_text(BOOK, encoding="utf-8")
    detector = str(shared("weights/yolox_nano.onnx"))
    done = taihang.inspect(patrol.video, rules=book, detector=detector, budget="15%", out=tmp_path / "out")
    report = done.videos[0].report
    found = [f for f in report.findings if f.rule.id == "restricted-zone" and f.verdict == "violated"]
    happened = patrol.of("restricted")[0]
    assert found
    for one in found:
        assert one.place.end_s is not None
        assert one.place.start_s is not None
        assert one.place.end_s > happened.start_s - 1
        assert one.place.start_s < happened.end_s + 1
        assert 0 < float(str(one.measured["error_px"])) <= 0.03 * 960
    outlines = [o.points for f in found for e in f.evidence if e.kind == "frame" for o in e.outlines]
    assert len(set(outlines)) > 1  # it moves with the picture
    unjudged = {n.rule for n in report.not_judged}
    assert {"lone-worker", "post-unattended", "running"} <= unjudged
    assert any("wearer" in text.en for text in report.limits)


def test_without_the_place_in_view_no_zone_is_judged(patrol: truth.Truth, tmp_path: Path) -> None:
    book = tmp_path / "patrol.rules.yaml"
    book.write_text(BOOK, encoding="utf-8")
    elsewhere = tmp_path / "elsewhere.png"
    elsewhere.write_bytes(_noise())
    zones = tmp_path / "z.zones.yaml"
    zones.write_text(
        "taihang: zones/1\nframe: {width: 960, height: 540, image: elsewhere.png}\n"
        "zones: [{name: bay, kind: restricted, points: [[100, 100], [400, 100], [400, 300]]}]\n"
    )
    report = taihang.inspect(patrol.video, rules=book, zones=zones, out=tmp_path / "out").videos[0].report
    reasons = {n.rule: n.reason.en for n in report.not_judged if n.subject == "rule"}
    assert "could not be found again" in reasons["restricted-zone"]


def _noise() -> bytes:
    import numpy as np

    from taihang.engines.media import clips

    return clips.still(np.random.default_rng(0).integers(0, 255, (540, 960, 3), dtype=np.uint8), "png")


def test_a_camera_that_is_called_fixed_but_walks_is_judged_as_worn(patrol: truth.Truth, tmp_path: Path) -> None:
    report = taihang.inspect(patrol.video, out=tmp_path / "out").videos[0].report
    reasons = {n.rule: n.reason.en for n in report.not_judged if n.subject == "rule"}
    assert "the picture moves" in reasons["lone-worker"]
    coverage = next(s for s in report.sections if s.kind == "coverage")
    assert coverage.seen < 0.5 * coverage.total


def test_zones_of_another_film_are_refused(patrol: truth.Truth, planted: truth.Truth, tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match="drawn on another film"):
        taihang.inspect(planted.video, zones=patrol.zones_file, out=tmp_path / "out")

"""Where frames go: rulebooks may ask for more or fewer, and what they suspect is looked at again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from taihang.engines.predict import loading
from taihang.rules import rulebook
from taihang.use.video import walk
from taihang.use.video.scene import truth
from taihang.use.video.zoning import zones

HEAD = 'taihang: rules/1\nid: spending\nversion: "1"\ntitle: {zh: 花费, en: Spending}\n'
RULE = """
rules:
  - id: zone
    title: {zh: 区域, en: Zone}
    message: {zh: 有人, en: somebody}
    level: orange
    dimension: personnel
    table: zone_occupancy
    filter: zone_kind = 'restricted'
    where: people > 0
    sustained: 2s
    max_gap: 500ms
"""


def _walked(planted: truth.Truth, home: Path, book: str, budget: float) -> walk.Walked:
    request = walk.Request(
        path=planted.video,
        book=rulebook.loads(HEAD + book),
        predictor=loading.load("builtin"),
        budget=budget,
        home=home,
        zones=zones.load(planted.zones_file),
    )
    return walk.walk(request)


def _share(walked: walk.Walked, start_s: float, end_s: float) -> float:
    times = walked.chosen["time_s"].to_numpy()
    return float(np.mean((times >= start_s) & (times < end_s)))


@pytest.mark.parametrize(("rate", "more"), [(8, True), (0, False)])
def test_a_rulebook_raises_or_lowers_the_rate_while_a_machine_runs(
    planted: truth.Truth, tmp_path: Path, rate: int, more: bool
) -> None:
    where = "zone_kind = 'equipment' AND moving"
    looks = f'scope: {{looks: [{{table: zone_motion, where: "{where}", rate: {rate}}}]}}\n'
    plain = _walked(planted, tmp_path, "", 0.06)
    asked = _walked(planted, tmp_path, looks, 0.06)
    before, after = (_share(w, 8, 22) for w in (plain, asked))
    assert after > before if more else after < before
    assert asked.chosen.num_rows <= int(0.06 * 240)


def test_what_a_rule_suspects_is_looked_at_again_five_times_a_second(planted: truth.Truth, tmp_path: Path) -> None:
    walked = _walked(planted, tmp_path, RULE, 0.3)
    assert walked.again
    assert len(walked.chosen) + len(walked.again) <= walked.frames.num_rows <= int(0.3 * 240)
    again = walked.packets["time_s"].to_numpy()[list(walked.again)]
    happened = planted.of("restricted")[0]
    assert again.min() < happened.start_s + 2
    assert again.max() > happened.end_s - 2
    # Five a second, of a film that shows a moment to a tenth; known frames fill in.
    steps = np.diff(again)
    assert np.median(steps) <= 0.2 + 0.11
    found = [f for f in walked.judgement.findings if f.verdict == "violated"]
    assert len(found) == 1


def test_no_thirty_seconds_go_without_a_frame_whatever_the_budget(planted: truth.Truth, tmp_path: Path) -> None:
    walked = _walked(planted, tmp_path, "", 0.0001)
    assert walked.frames.num_rows >= 1

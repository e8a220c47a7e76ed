from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from use.video.cascade import nodes

from taihang.core import finding as findings
from taihang.core import words
from taihang.engines.media import frame as media
from taihang.engines.predict import appearance
from taihang.rules import rulebook
from taihang.use.video import scope
from taihang.use.video.cascade import episodes, segment, tail
from taihang.use.video.select import sight


def _picture(number: int, boxes: list[tuple[int, int]]) -> media.Frame:
    image = np.random.default_rng(number).integers(40, 110, (120, 160, 3), np.uint8)
    for left, top in boxes:
        image[top : top + 60, left : left + 24] = 230
    return media.Frame(image, number / 5, number, number, key=False)


def _tail(tmp_path: Path) -> tail.Tail:
    book = rulebook.load(nodes.rules(tmp_path))
    return tail.Tail(
        tail.Scene(book, scope.read(book.scope, book.id), None, ("person",), 0.5, (160, 120), (), "0" * 64)
    )


def _add(kept: tail.Tail, number: int, boxes: list[tuple[int, int]]) -> None:
    one = _picture(number, boxes)
    found = appearance.with_looks([one], nodes.Bright().predict([one]))
    kept.add(number, one.time_s, found, sight.measure(sight.grey(one.image)))


def test_a_violation_that_goes_on_is_one_episode_however_often_it_is_judged(tmp_path: Path) -> None:
    kept, known = _tail(tmp_path), episodes.Episodes()
    begun: list[tuple[int, str]] = []
    for number in range(100):
        # Somebody from 2 s to 10 s and again from 16 s on: the tail is much shorter than that.
        _add(kept, number, [(40, 30)] if 10 <= number < 50 or number >= 80 else [])
        if number % 2:
            judged = kept.judge()
            assert judged is not None
            fresh = known.update(judged.judgement.findings, {"somebody": 3.0}, number / 5)
            begun += [(number, e.finding.rule.id) for e in fresh]
    assert [rule for _, rule in begun] == ["somebody", "somebody"]
    # Known at the first judgement after it had lasted a second.
    assert [15 <= begun[0][0] <= 18, 85 <= begun[1][0] <= 88] == [True, True]
    assert len(kept._looks) <= kept.keep_s * 5 + 1


def test_tracks_keep_their_names_while_the_tail_moves_on(tmp_path: Path) -> None:
    kept = _tail(tmp_path)
    names: list[set[int]] = []
    for number in range(60):
        _add(kept, number, [(20 + number, 30)])
        judged = kept.judge()
        assert judged is not None
        if judged.tracked.num_rows:
            names.append(set(judged.tracked["track"].to_pylist()))
    assert set.union(*names) == {1}


def test_what_nobody_looked_at_is_no_violation(tmp_path: Path) -> None:
    kept = _tail(tmp_path)
    assert kept.judge() is None
    for number in (0, 1, 30, 31):  # six seconds without a look between
        _add(kept, number, [(40, 30)])
    judged = kept.judge()
    assert judged is not None
    assert [f for f in judged.judgement.findings if f.rule.id == "somebody" and f.verdict == "violated"] == []


def test_a_segment_that_the_detector_never_saw_is_taken_for_violated(tmp_path: Path) -> None:
    book = rulebook.load(nodes.rules(tmp_path))
    cut = segment.Cut(0.0, 0.0, 4.0)
    played = segment.plays(book, None, [], cut, 4.0)
    assert (played[0].rule, played[0].level, played[0].score) == ("somebody", words.Level.orange, 0.9)
    asked = segment.heaviest(played, "segment-1", cut)
    assert asked is not None
    assert asked.complexity > 0.95


def test_time_terms_beyond_what_is_kept_are_named(tmp_path: Path) -> None:
    long = nodes.RULES.replace("sustained: 1s", "sustained: 20m")
    book = rulebook.load(nodes.rules(tmp_path, long))
    assert tail.beyond(book) == ["somebody"]
    assert tail.reach(book) == tail.LONGEST_S
    assert tail.beyond(rulebook.load("mine-inspection")) == []


def test_episodes_of_two_groups_are_two() -> None:
    known = episodes.Episodes()

    def one(zone: str, start: float, end: float) -> Any:
        return findings.Finding.model_construct(
            rule=type("R", (), {"id": "r"})(),
            verdict="violated",
            level=words.Level.red,
            place=findings.Place(table="t", keys={"zone": zone}, start_s=start, end_s=end),
        )

    assert len(known.update([one("a", 0, 2), one("b", 0, 2)], {}, 2)) == 2
    assert known.update([one("a", 1, 3), one("b", 3.5, 4)], {}, 4) == []
    assert len(known.update([one("a", 9, 10)], {}, 10)) == 1
    assert len(known.during(0, 4)) == 2


def test_the_scene_tells_boxes_tracks_counts_and_what_came_before(tmp_path: Path) -> None:
    kept = _tail(tmp_path)
    for number in range(12):
        _add(kept, number, [(40, 30)])
    from collections import deque

    told = segment.scene(kept.judge(), (160, 120), None, 1.0, deque([{"start_s": 0.0, "people": 1}]))
    assert told["counts"] == {"person": 1}
    assert told["boxes"][0]["time_s"] == pytest.approx(2.2)
    [track] = told["tracks"]
    assert (track["track"], track["start_s"], len(track["feet"])) == (1, 1.0, 7)
    assert told["context"] == [{"start_s": 0.0, "people": 1}]
    assert isinstance(told, dict)
    assert not any(isinstance(v, pa.Scalar) for v in told["boxes"][0].values())

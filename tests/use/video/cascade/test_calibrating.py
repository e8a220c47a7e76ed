from __future__ import annotations

import json
from pathlib import Path

import pytest

from taihang.app import edge
from taihang.core import errors
from taihang.use.video.cascade import calibrating


def _table(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(["rule,score,violated,group", *rows]) + "\n", encoding="utf-8")
    return path


def test_a_table_gives_bounds_and_says_when_none_holds(tmp_path: Path) -> None:
    rows = [f"fall,{0.6 if n else 0.2},1," for n in range(100)] + [f"fall,0.1,0,{''}" for _ in range(50)]
    rows += ["rare,0.9,true,"] * 10
    found = edge.bound(_table(tmp_path / "t.csv", rows))
    assert found["fall"].threshold == 0.6
    assert found["fall"].missed == 1
    assert found["rare"].threshold is None
    assert "0.6" in edge.bound_line("fall", found["fall"])
    assert "59" in edge.bound_line("rare", found["rare"])


def test_segments_of_one_event_count_once(tmp_path: Path) -> None:
    rows = [f"fall,0.6,1,event-{n // 20}" for n in range(200)]
    assert edge.bound(_table(tmp_path / "t.csv", rows))["fall"].units == 10


@pytest.mark.parametrize("row", ["fall,1.5,1,", "fall,x,1,", "fall,0.5,maybe,", ",0.5,1,", "fall,nan,1,"])
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, row: str) -> None:
    with pytest.raises(errors.UserError, match=r"t\.csv:3"):
        edge.bound(_table(tmp_path / "t.csv", ["fall,0.5,1,", row]))


@pytest.mark.parametrize("data", [b"\xff\xfe", b"", b"a,b\n1,2\n"])
def test_what_is_no_table_is_said(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(errors.UserError):
        edge.bound(tmp_path / "t.csv")


def test_of_a_nodes_answers_only_those_count_that_were_not_chosen_by_their_score(tmp_path: Path) -> None:
    sent, answers = [], []
    for number, (drawn, bounded) in enumerate([(True, True), (False, False), (False, True)]):
        name = f"segment-{number}"
        sent.append({"id": name, "rule": "r", "score": 0.5, "drawn": drawn, "bounded": bounded})
        answers.append({"id": name, "violated": True})
    answers[1]["violated"] = None
    for name, lines in (("sent", sent), ("answers", answers)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    assert [(r.rule, r.score, r.violated) for r in calibrating.rows(tmp_path)] == [("r", 0.5, True)]

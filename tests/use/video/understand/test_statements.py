"""What a model said, moment by moment, beside what the detector found in the same frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from taihang.core import i18n, job
from taihang.engines import stages
from taihang.engines.predict import allowance, predictor, speaker
from taihang.use.video import scope
from taihang.use.video.observe import coverage, tables
from taihang.use.video.observe import seen as seeing
from taihang.use.video.understand import asking, reading, statements, windows

TIMES = np.array([1.0, 4.0, 7.0, 10.0])
SEGMENTS = pa.table({"start_s": [0.0], "end_s": [12.0], "kind": ["event"]})
QUESTIONS = tuple(scope.Question(id=name, ask=i18n.Text(zh="？", en="?")) for name in ("smoke", "down"))


class Mute:
    """A model of which only the name is needed."""

    name, version, sha256, concurrency = "mute", "1", None, 1
    limits: tuple[i18n.Message, ...] = ()

    def __init__(self) -> None:
        self.allowance = allowance.Allowance()


def _seen() -> seeing.Seen:
    """Frames 10, 40, 70, 100; two people in frame 40, one of them without a helmet; one person in frame 70."""
    rows = [
        {"number": 40, "time_s": 4.0, "label": "person", "score": 0.9, "x0": x, "y0": 0, "x1": x + 20, "y1": 90}
        for x in (0, 100)
    ] + [{"number": 70, "time_s": 7.0, "label": "person", "score": 0.9, "x0": 0, "y0": 0, "x1": 20, "y1": 90}]
    found = pa.Table.from_pylist(rows, predictor.DETECTIONS).append_column("track", pa.array([1, 2, 1]))
    tiled = coverage.cover(TIMES, 12.0, SEGMENTS)
    return seeing.Seen(TIMES, np.array([10, 40, 70, 100]), found, tiled, 12.0)


def _protection() -> pa.Table:
    rows = [
        {"start_s": 3.5, "end_s": 4.5, "observed": True, "track": 1, "helmet": True},
        {"start_s": 3.5, "end_s": 4.5, "observed": True, "track": 2, "helmet": False},
        {"start_s": 6.5, "end_s": 7.5, "observed": True, "track": 1, "helmet": True},
    ]
    return pa.Table.from_pylist(rows, tables.schema("protection"))


def _understood(tmp_path: Path) -> reading.Understood:
    first = windows.Window(0.0, 6.0, True, (10, 40), (1.0, 4.0))
    second = windows.Window(6.0, 9.0, True, (70,), (7.0,))
    third = windows.Window(9.0, 12.0, True, (100,), (10.0,))
    said = asking.Judged("ok", (("smoke", False, (), "no"), ("down", True, (40,), "on the floor")))
    unsure = asking.Judged("ok", (("down", None, (), "?"), ("smoke", True, (70,), "grey")))
    asked = reading.Asked(
        Path("x"), "0" * 64, pa.table({}), Mute(), speaker.Settings(), QUESTIONS, stages.Stages(tmp_path),  # type: ignore[arg-type]
        job.Silent(), "en",
    )  # fmt: skip
    answers = (
        reading.Answered(first, said),
        reading.Answered(second, unsure),
        reading.Answered(third, asking.Judged("refusal")),
    )
    return reading.Understood(asked, answers, allowance.Usage(), 0.0)


def _rows(tmp_path: Path, question: str) -> list[dict[str, object]]:
    table = statements.statements(_understood(tmp_path), _seen(), _protection(), SEGMENTS, blind=[], fixed=True)
    assert table.schema == tables.schema("statements")
    return [row for row in table.to_pylist() if row["question"] == question]


def test_rows_of_a_question_tile_the_film_and_say_what_was_not_observed(tmp_path: Path) -> None:
    for question in ("smoke", "down"):
        rows = _rows(tmp_path, question)
        assert rows[0]["start_s"] == 0.0
        assert rows[-1]["end_s"] == 12.0
        assert all(a["end_s"] == b["start_s"] for a, b in zip(rows, rows[1:], strict=False))  # noqa: RUF007
        unseen = [row for row in rows if not row["observed"]]
        assert unseen
        assert all(row["seen"] is None and row["people"] is None and row["text"] is None for row in unseen)
        # The refused frame is no "no".
        assert rows[-1]["observed"] is False


def test_a_cited_frame_says_yes_and_its_neighbour_no(tmp_path: Path) -> None:
    said = {row["frame"]: row["seen"] for row in _rows(tmp_path, "down") if row["observed"]}
    assert said == {10: False, 40: True}  # of frame 70 it cannot tell, 100 was refused
    smoke = {row["frame"]: row["seen"] for row in _rows(tmp_path, "smoke") if row["observed"]}
    assert smoke == {10: False, 40: False, 70: True}


def test_the_detectors_own_findings_stand_beside(tmp_path: Path) -> None:
    by = {row["frame"]: row for row in [*_rows(tmp_path, "down"), *_rows(tmp_path, "smoke")] if row["observed"]}
    assert (by[10]["people"], by[10]["helmet"]) == (0, None)
    assert (by[40]["people"], by[40]["helmet"]) == (2, False)
    assert (by[70]["people"], by[70]["helmet"], by[70]["vest"]) == (1, True, None)

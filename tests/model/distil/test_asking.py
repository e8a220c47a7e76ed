"""Asking a teacher: what it answered is kept, and one that is late, silent or lies loses its pictures or the run."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="could not import onnx (./check --hub)")
pytest.importorskip("torch", reason="could not import torch (./check --hub)")

from taihang.core import errors, job
from taihang.engines import stages
from taihang.model.distil import answers, asking, pictures, teacher
from tests.model.distil import squares


class _Told(teacher.Teacher):
    """A teacher that says what a test says; keeps count."""

    def __init__(self, path: Path, answer: object = None) -> None:
        super().__init__(str(path), squares.CLASSES, squares.SIZE)
        self.given, self.asked = answer, 0

    def answer(self, image: np.ndarray) -> tuple[answers.Boxes, answers.Maps]:
        self.asked += 1
        if callable(self.given):
            return self.given(self.asked, super().answer(image))  # type: ignore[no-any-return]
        return super().answer(image)


@pytest.fixture(scope="module")
def eye(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return squares.detector(tmp_path_factory.mktemp("eye") / "eye.onnx")


def _pictures(count: int) -> list[pictures.Picture]:
    return [pictures.named(f"{k}", squares.scene(k)[0], 0.01 * k) for k in range(count)]


def _ask(of: teacher.Teacher, count: int, home: Path, wait_s: float = 30) -> asking.Asked:
    plan = asking.Plan(wait_s=wait_s)
    return asking.ask(of, _pictures(count), plan, stages.Stages(home), job.Silent())


def test_an_answer_is_kept_and_asked_for_once(eye: Path, tmp_path: Path) -> None:
    of = _Told(eye)
    first = _ask(of, 6, tmp_path)
    again = _ask(of, 6, tmp_path)
    assert (of.asked, len(first.lessons), first.lost) == (6, 6, {})
    for one, other in zip(first.lessons, again.lessons, strict=True):
        assert (one.name, one.difficulty) == (other.name, other.difficulty)
        assert one.soft is not None and other.soft is not None and (one.soft.heat == other.soft.heat).all()
    image, truth = squares.scene(0)
    wanted = answers.drawn(truth, 2, squares.SIZE)
    assert (first.lessons[0].image == image).all()
    assert ((first.lessons[0].hard.heat == 1) == (wanted.heat == 1)).all()


def test_a_picture_without_an_answer_is_lost_and_counted(eye: Path, tmp_path: Path) -> None:
    def some(number: int, told: tuple[answers.Boxes, answers.Maps]) -> tuple[answers.Boxes, answers.Maps]:
        boxes, maps = told
        if number == 2:
            raise ValueError("broken")
        if number == 3:
            return boxes, answers.Maps(maps.heat * np.nan, maps.sides, maps.trust, maps.attention)
        if number == 4:
            return boxes, answers.Maps(maps.heat + 1, maps.sides, maps.trust, maps.attention)
        if number == 5:
            return boxes, answers.Maps(maps.heat[:1], maps.sides, maps.trust, maps.attention)
        return told

    done = _ask(_Told(eye, some), 10, tmp_path)
    assert (len(done.lessons), done.lost) == (6, {"failed": 1, "poisoned": 3})


def test_a_teacher_that_is_mostly_wrong_ends_the_run(eye: Path, tmp_path: Path) -> None:
    def broken(number: int, told: object) -> object:
        raise errors.Failure("engines:disk_full", path="x")

    with pytest.raises(errors.Failure, match="failed 4"):
        _ask(_Told(eye, broken), 4, tmp_path)


def test_a_silent_teacher_ends_the_run_after_a_few_pictures_and_a_late_one_loses_only_some(
    eye: Path, tmp_path: Path
) -> None:
    gone = threading.Event()

    def silent(number: int, told: object) -> object:
        gone.wait(60)
        return told

    of = _Told(eye, silent)
    with pytest.raises(errors.Failure, match="did not answer"):
        _ask(of, 50, tmp_path / "a", wait_s=0.1)
    assert of.asked == 3
    gone.set()

    def late(number: int, told: object) -> object:
        if number in (2, 4):
            time.sleep(1.5)
        return told

    done = _ask(_Told(eye, late), 8, tmp_path / "b", wait_s=0.7)
    assert done.lost.get("late", 0) >= 2
    assert len(done.lessons) == 8 - sum(done.lost.values())


def test_other_views_of_a_picture_are_asked_about_once_and_told_apart_from_it(eye: Path, tmp_path: Path) -> None:
    of = _Told(eye)
    plan = asking.Plan(views=4)
    first, again = (asking.ask(of, _pictures(5), plan, stages.Stages(tmp_path), job.Silent()) for _ in range(2))
    assert of.asked == 20
    assert [one.name for one in first.lessons] == [one.name for one in again.lessons]
    assert [one.name for one in first.plain] == [one.sha256 for one in _pictures(5)]
    for start in range(0, 20, 4):
        shown = [one.image.astype(int) for one in first.lessons[start : start + 4]]
        assert (shown[0] == squares.scene(start // 4)[0]).all()
        for number, view in enumerate(shown[1:], 1):
            assert all(np.abs(view - other).mean() > 1 for other in shown[:number])


def test_a_view_shows_what_the_picture_shows_and_labels_follow_it(tmp_path: Path) -> None:
    """A mark of one colour, found by its colour, is told where it lies in the view."""
    image = np.full((64, 96, 3), 60, np.uint8)
    image[24:40, 40:56] = (250, 10, 10)
    places = set()
    for view in pictures.views(pictures.named("a", image, 0.3), 12):
        rows, columns = np.nonzero(view.image[:, :, 0] > 150)
        assert view.hard == 0.3 and view.image.shape == image.shape
        # Nearer and farther, up to a little more than a third: never gone, never the whole picture.
        assert 0.5 * 16 * 16 < len(rows) < 2.2 * 16 * 16
        places.add((int(rows.mean()), int(columns.mean())))
    assert len(places) > 6


def test_no_picture_is_refused(eye: Path, tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match="nothing to learn from"):
        _ask(_Told(eye), 0, tmp_path)


def test_classes_by_other_names_are_said_and_may_be_mapped(tmp_path: Path) -> None:
    path = squares.detector(tmp_path / "other.onnx", names=("rot", "blau"))
    with pytest.raises(errors.UserError, match="rot"):
        teacher.Teacher(str(path), squares.CLASSES, squares.SIZE)
    with pytest.raises(errors.UserError, match="green"):
        teacher.Teacher(str(path), squares.CLASSES, squares.SIZE, {"green": "rot"})
    of = teacher.Teacher(str(path), squares.CLASSES, squares.SIZE, {"red": "rot", "blue": "blau"})
    image, truth = squares.scene(4)
    assert sorted(of.boxes(image).classes.tolist()) == sorted(truth.classes.tolist())


def test_difficulty_is_how_unsure_the_teacher_is() -> None:
    def level(score: float) -> float:
        box = answers.Boxes(np.array([[8, 8, 16, 16]], np.float32), np.array([0]), np.array([score], np.float32))
        return answers.difficulty(answers.drawn(box, 1, squares.SIZE))

    nothing = answers.Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32))
    assert answers.difficulty(answers.drawn(nothing, 1, squares.SIZE)) == 0
    assert level(0.5) > level(0.95)

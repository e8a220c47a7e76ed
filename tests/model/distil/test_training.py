"""Training: the same lessons give the same student, a killed run ends as an unbroken one, easy pictures come first."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="could not import onnx (./check --hub)")
pytest.importorskip("torch", reason="could not import torch (./check --hub)")
import torch

from taihang.core import errors, job
from taihang.engines.predict import loading
from taihang.model.distil import answers, exporting, memory, training
from taihang.model.distil import network as nets
from tests.model.distil import squares

PLAN = training.Plan(rounds=12, batch=4, width=4, seed=3)


def _lessons(count: int, *, soft: bool = True, first: int = 0) -> list[training.Lesson]:
    found = []
    for seed in range(first, first + count):
        image, truth = squares.scene(seed)
        maps = answers.drawn(truth, 2, squares.SIZE)
        found.append(training.Lesson(f"{seed}", image, maps, maps if soft else None, seed / 1000))
    return found


def _same(first: nets.Network, second: nets.Network) -> bool:
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


class _Stops(job.Silent):
    def __init__(self, after: int) -> None:
        self._left = after

    def update(self, stage: str, done: float, total: float) -> None:
        self._left -= 1
        if self._left < 0:
            raise errors.Cancelled("core:cancelled")


def test_a_stopped_run_goes_on_and_ends_as_an_unbroken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_KEEP_EVERY", 4)
    lessons = _lessons(10)
    whole = training.train(lessons, 2, PLAN, tmp_path / "a", job.Silent(), earlier=_lessons(4, first=50))
    with pytest.raises(errors.Cancelled):
        training.train(lessons, 2, PLAN, tmp_path / "b", _Stops(7), earlier=_lessons(4, first=50))
    kept = torch.load(tmp_path / "b" / "student.pt", weights_only=True)
    assert kept["done"] == 4
    again = training.train(lessons, 2, PLAN, tmp_path / "b", job.Silent(), earlier=_lessons(4, first=50))
    assert _same(whole, again)


@pytest.mark.parametrize("damage", [b"", b"no checkpoint", None])
def test_a_damaged_or_foreign_checkpoint_is_as_good_as_none(tmp_path: Path, damage: bytes | None) -> None:
    plan = dataclasses.replace(PLAN, rounds=3)
    whole = training.train(_lessons(6), 2, plan, tmp_path / "a", job.Silent())
    training.train(_lessons(6, first=20), 2, plan, tmp_path / "b", job.Silent())
    if damage is not None:
        (tmp_path / "b" / "student.pt").write_bytes(damage)
    assert _same(whole, training.train(_lessons(6), 2, plan, tmp_path / "b", job.Silent()))


def test_the_order_of_lessons_does_not_matter_and_the_seed_does(tmp_path: Path) -> None:
    plan = dataclasses.replace(PLAN, rounds=3)
    one = training.train(_lessons(6), 2, plan, tmp_path / "a", job.Silent())
    other = training.train(_lessons(6)[::-1], 2, plan, tmp_path / "b", job.Silent())
    assert _same(one, other)
    seeded = training.train(_lessons(6), 2, dataclasses.replace(plan, seed=4), tmp_path / "c", job.Silent())
    assert not _same(one, seeded)


def test_easy_lessons_come_first_all_from_the_middle_on_and_old_ones_always() -> None:
    plan = training.Plan(rounds=100, batch=40, easy=0.5, replay=0.25)
    dice = np.random.default_rng(0)
    early = np.concatenate([training.draw(100, 30, plan, 0, dice) for _ in range(20)])
    late = np.concatenate([training.draw(100, 30, plan, 50, dice) for _ in range(20)])
    assert set(early[early < 100].tolist()) <= set(range(50))
    assert late[late < 100].max() >= 95
    for drawn in (early, late):
        assert (drawn >= 100).sum() == 20 * 10
        assert drawn.max() < 130
    assert (training.draw(100, 0, plan, 0, dice) < 100).all()


def test_the_student_is_a_mean_of_its_rounds_or_the_last_one_where_nothing_is_to_be_kept(tmp_path: Path) -> None:
    for steady in (0.0, 0.9):
        plan = dataclasses.replace(PLAN, steady=steady)
        made = training.train(_lessons(6), 2, plan, tmp_path / f"{steady}", job.Silent())
        last = nets.Network(2, PLAN.width)
        last.load_state_dict(torch.load(tmp_path / f"{steady}" / "student.pt", weights_only=True)["network"])
        assert _same(made, last) == (steady == 0)
    mean, network = nets.Network(2, 4), nets.Network(2, 4)
    before = [one.clone() for one in mean.parameters()]
    training.follow(mean, network, 0.9)
    for old, new, now in zip(before, network.parameters(), mean.parameters(), strict=True):
        assert torch.allclose(now, 0.9 * old + 0.1 * new, atol=1e-6)


def test_no_lesson_is_refused_and_losing_the_way_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match="nothing to learn from"):
        training.train([], 2, PLAN, tmp_path, job.Silent())
    [good] = _lessons(1)
    assert good.soft is not None
    poisoned = dataclasses.replace(good, soft=dataclasses.replace(good.soft, sides=good.soft.sides * np.nan))
    with pytest.raises(errors.Failure, match="astray"):
        training.train([poisoned] * 4, 2, PLAN, tmp_path, job.Silent())


def test_a_student_runs_as_any_detector_and_boxes_of_a_picture_come_back_in_its_pixels(tmp_path: Path) -> None:
    plan = training.Plan(rounds=120, batch=8, width=8, seed=0)
    network = training.train(_lessons(30), 2, plan, tmp_path, job.Silent())
    path = tmp_path / "student.onnx"
    path.write_bytes(exporting.exported(network, squares.CLASSES, squares.SIZE))
    found = loading.load(str(path))
    assert found.classes == squares.CLASSES
    from taihang.model.distil import teacher

    eye = teacher.Teacher(str(path), squares.CLASSES, squares.SIZE)
    assert not eye.shows
    image, truth = squares.scene(999)
    for factor in (1, 3):
        seen = eye.boxes(np.repeat(np.repeat(image, factor, 0), factor, 1)).sure(0.5)
        order = np.lexsort(seen.where[:, :2].T)
        there = np.lexsort(truth.where[:, :2].T)
        assert seen.classes[order].tolist() == truth.classes[there].tolist()
        assert np.abs(seen.where[order] - truth.where[there]).max() < 3


def test_a_teacher_with_maps_teaches_by_them(tmp_path: Path) -> None:
    from taihang.model.distil import teacher

    torch.manual_seed(0)
    network = nets.Network(2, 4).eval()
    path = tmp_path / "large.onnx"
    path.write_bytes(exporting.exported(network, squares.CLASSES, squares.SIZE, maps=True))
    image, _ = squares.scene(1)
    own = teacher.Teacher(str(path), squares.CLASSES[::-1], squares.SIZE)
    assert own.shows
    _, maps = own.answer(image)
    with torch.no_grad():
        seen = network(torch.from_numpy(image.astype(np.float32).transpose(2, 0, 1)[None] / 255))
    # The student's order of classes, not the teacher's.
    assert np.abs(maps.heat[::-1] - torch.sigmoid(seen.heat)[0].numpy()).max() < 1e-4
    assert np.linalg.norm(maps.attention) == pytest.approx(1, abs=1e-3)
    # Its sides wherever it sees something, counted by how much.
    assert np.abs(maps.sides / seen.sides[0].numpy() - 1).max() < 1e-3
    assert (maps.trust == maps.heat.max(axis=0)).all()
    other = teacher.Teacher(str(path), squares.CLASSES, (64, 64))
    assert not other.shows


def test_memory_keeps_a_choice_that_does_not_depend_on_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MOST", 5)
    lessons = _lessons(9)
    one, other = (memory.Memory(tmp_path / name, squares.CLASSES, squares.SIZE) for name in ("a", "b"))
    one.remember(lessons)
    for part in (lessons[6:], lessons[:2], lessons[2:6]):
        other.remember(part)
    assert [k.name for k in one.lessons()] == [k.name for k in other.lessons()]
    assert len(one.lessons()) == 5
    first = one.lessons()[0]
    given = next(k for k in lessons if k.name == first.name)
    assert (first.image == given.image).all() and np.abs(first.hard.heat - given.hard.heat).max() < 1e-3
    assert memory.Memory(tmp_path / "a", ("other",), squares.SIZE).lessons() == []
    (tmp_path / "a" / "memory.npz").write_bytes(b"PK\x03\x04 broken")
    assert one.lessons() == []


def test_a_mirrored_answer_is_that_of_the_mirrored_picture() -> None:
    _, truth = squares.scene(7)
    where = truth.where[:, [2, 1, 0, 3]].copy()
    where[:, [0, 2]] = squares.SIZE[1] - where[:, [0, 2]]
    both = [answers.drawn(answers.Boxes(w, truth.classes, truth.scores), 2, squares.SIZE) for w in (truth.where, where)]
    turned = training._turned(answers.stacked(both), np.array([0, 1]), np.array([True, False]))
    trusted = ((turned[2] > 0.9)[:1] & (turned[2] > 0.9)[1:])[0]
    assert trusted.any()
    assert (turned[1][0] - turned[1][1]).abs()[:, trusted].max() < 1.1

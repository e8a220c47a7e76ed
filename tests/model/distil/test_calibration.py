"""Calibration: a score says how likely a box is right, however sure of itself a student is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="could not import onnx (./check --hub)")
pytest.importorskip("torch", reason="could not import torch (./check --hub)")
import torch

from taihang.model.distil import answers, calibration, exporting, memory, teacher, training
from taihang.model.distil import network as nets
from tests.model.distil import squares

SIZE = (64, 64)
RIGHT = {1.0: 0.8, -1.0: 0.3}  # how often a peak of this logit is right


class _Told(torch.nn.Module):
    """Says of picture k, which is as bright as k says, what was told of it."""

    def __init__(self, heat: torch.Tensor) -> None:
        super().__init__()
        self.heat = heat

    def forward(self, pictures: torch.Tensor) -> nets.Seen:
        places = (pictures[:, 0, 0, 0] * 255).round().long()
        heat = self.heat[places]
        return nets.Seen(heat, torch.full((len(places), 4, *heat.shape[2:]), 2.0), heat[:, 0])


def _known(sure: float) -> tuple[_Told, list[training.Lesson]]:
    """A student that sees one thing in each of 250 pictures, `sure` times as far from a half as it should be."""
    dice = np.random.default_rng(5)
    heat = torch.full((250, 2, 16, 16), -15.0)
    lessons = []
    for place in range(250):
        level = (1.0, -1.0)[place % 2]
        row, column = (int(v) for v in dice.integers(3, 13, 2))
        heat[place, 0, row, column] = level * sure
        # A box of four cells a side about the middle of the peak's cell, or one far from it.
        x, y = (column + 0.5) * 4, (row + 0.5) * 4
        if dice.random() >= RIGHT[level]:
            x, y = (x + 32) % 56 + 4, (y + 32) % 56 + 4
        where = np.array([[x - 8, y - 8, x + 8, y + 8]], np.float32)
        told = answers.Boxes(where, np.zeros(1, np.int64), np.ones(1, np.float32))
        image = np.full((*SIZE, 3), place, np.uint8)
        lessons.append(training.Lesson(f"{place}", image, answers.drawn(told, 2, SIZE)))
    return _Told(heat), lessons


@pytest.mark.parametrize("sure", [0.5, 1.0, 2.0])
def test_a_score_is_the_chance_of_being_right_however_sure_the_student_is(sure: float) -> None:
    network, lessons = _known(sure)
    scale = calibration.fitted(network, lessons, 2)  # type: ignore[arg-type]
    for level, right in RIGHT.items():
        told = 1 / (1 + np.exp(-(scale[0, 0] * level * sure + scale[0, 1])))
        assert told == pytest.approx(right, abs=0.08)
    # Nothing is known of the class that was never seen: its scores stay.
    assert scale[1].tolist() == [1.0, 0.0]


def test_few_lessons_or_a_student_that_is_never_wrong_leave_the_scores() -> None:
    network, lessons = _known(1.0)
    assert (calibration.fitted(network, lessons[:30], 2) == calibration.plain(2)).all()  # type: ignore[arg-type]
    assert (calibration.fitted(network, [], 2) == calibration.plain(2)).all()  # type: ignore[arg-type]


def test_an_order_of_scores_is_kept_even_when_the_surest_are_wrong() -> None:
    network, lessons = _known(1.0)
    turned = _Told(torch.where(network.heat > -2, -network.heat, network.heat))
    scale = calibration.fitted(turned, lessons, 2)  # type: ignore[arg-type]
    assert scale[0, 0] > 0


def test_the_file_tells_the_scaled_scores_and_the_same_boxes(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = nets.Network(2, 4).eval()
    image, _ = squares.scene(1)
    found = {}
    for name, scale in (("as it is", None), ("scaled", np.array([[2.0, 1.0], [1.0, 0.0]], np.float32))):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(exporting.exported(network, squares.CLASSES, squares.SIZE, scale=scale))
        found[name] = teacher.Teacher(str(path), squares.CLASSES, squares.SIZE, lowest=0.001).boxes(image)
    for label, (slope, shift) in enumerate(((2.0, 1.0), (1.0, 0.0))):
        own, scaled = (one.scores[one.classes == label] for one in found.values())
        boxes, after = (one.where[one.classes == label] for one in found.values())
        assert len(own) > 0
        wanted = 1 / (1 + np.exp(-(slope * np.log(own / (1 - own)) + shift)))
        assert np.abs(np.sort(wanted) - np.sort(scaled)).max() < 1e-3
        assert np.abs(np.sort(boxes, 0) - np.sort(after, 0)).max() < 1e-2


def test_lessons_that_were_kept_calibrate_as_new_ones(tmp_path: Path) -> None:
    network, lessons = _known(1.0)
    kept = memory.Memory(tmp_path, squares.CLASSES, SIZE)
    kept.remember(lessons)
    old = calibration.fitted(network, kept.lessons(), 2)  # type: ignore[arg-type]
    assert old[0, 0] != 1
    new = calibration.fitted(network, [one for one in lessons if one.name in {k.name for k in kept.lessons()}], 2)  # type: ignore[arg-type]
    assert np.abs(old - new).max() < 0.01

"""School: the teacher of the bench and the student in use, and what their pictures are. Seeds never meet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.distil import scenes
from taihang.core import job
from taihang.model.distil import answers, training
from taihang.model.distil import network as nets

SIZE = (scenes.SIDE, scenes.SIDE)
ODD = 0.6  # share of workers that are odd or hidden, among what the edge found hard
# The teacher has seen 5,000 pictures with their truth, the student in use 200 without odd ones.
TEACHER = training.Plan(rounds=600, batch=16, rate=5e-3, width=20, easy=1.0, seed=0)
HARDENED = training.Plan(rounds=300, batch=16, rate=3e-3, width=20, easy=1.0, seed=1)
IN_USE = training.Plan(rounds=250, batch=16, width=12, easy=1.0, seed=0)
_OF_TEACHER, _OF_HARDENED = range(1_000_000, 1_003_000), range(1_100_000, 1_102_000)
OF_IN_USE = range(2_000_000, 2_000_200)


def boxes(scene: scenes.Scene) -> answers.Boxes:
    """The truth of a scene."""
    where = np.array([thing.box for thing in scene.things], np.float32).reshape(-1, 4)
    classes = np.array([scenes.CLASSES.index(thing.label) for thing in scene.things], np.int64)
    return answers.Boxes(where, classes, np.ones(len(where), np.float32))


def true_lessons(seeds: Sequence[int], odd: float) -> list[training.Lesson]:
    """Pictures with their true boxes."""
    found = []
    for seed in seeds:
        scene = scenes.draw(seed, odd)
        told = answers.drawn(boxes(scene), len(scenes.CLASSES), SIZE)
        found.append(training.Lesson(f"{seed}", scene.image, told))
    return found


def teacher(work: Path) -> nets.Network:
    """A network of nearly three times the student's weights that has seen twenty times as many pictures."""
    first = _kept(work / "teacher.pt", TEACHER, _OF_TEACHER, 0.3, None)
    return _kept(work / "hardened.pt", HARDENED, _OF_HARDENED, ODD, first.state_dict())


def in_use(work: Path) -> nets.Network:
    """The student that nodes have: it knows no odd ones."""
    return _kept(work / "in_use.pt", IN_USE, OF_IN_USE, 0.0, None)


def rehearsed() -> list[training.Lesson]:
    """What the student in use learnt from."""
    return true_lessons(OF_IN_USE, 0.0)


def _kept(
    path: Path, plan: training.Plan, seeds: Sequence[int], odd: float, begin: dict[str, Any] | None
) -> nets.Network:
    """Trained once and kept; delete the file to train it anew."""
    torch.set_num_threads(1)
    if not path.is_file():
        lessons = true_lessons(seeds, odd)
        made = training.train(lessons, len(scenes.CLASSES), plan, path.with_suffix(".work"), job.Silent(), begin=begin)
        torch.save(made.state_dict(), path)
    network = nets.Network(len(scenes.CLASSES), plan.width)
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()

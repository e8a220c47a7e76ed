"""School: the teacher of the bench and the student in use, and what their pictures are. Seeds never meet."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bench.distil import large, scenes
from taihang.core import job
from taihang.model.distil import answers, losses, training
from taihang.model.distil import network as nets

SIZE = (scenes.SIDE, scenes.SIDE)
ODD = 0.6  # share of workers that are odd or hidden, among what the edge found hard
# The teacher has seen 12,000 pictures with their truth, half of the workers odd; the student in use 200 usual ones.
TEACHER = training.Plan(rounds=4500, batch=32, rate=4e-3, width=28, steady=0.998, seed=9)
IN_USE = training.Plan(rounds=250, batch=16, rate=3e-3, width=12, easy=1.0, steady=0.0, seed=0)
_ENOUGH = 3000  # rounds after which it was good enough on the pictures of tuning
_OF_TEACHER, _ODD_OF_TEACHER = range(1_000_000, 1_012_000), 0.5
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


def teacher(path: Path) -> large.Large:
    """A deeper network of sixteen times the student's weights that has seen eighty times as many pictures: trained once
    and kept (ten minutes on one core that multiplies in bfloat16); delete the file to train it anew."""
    torch.set_num_threads(1)
    made = large.Large(len(scenes.CLASSES), TEACHER.width)
    if not path.is_file():
        torch.save(_taught().state_dict(), path)
    made.load_state_dict(torch.load(path, weights_only=True))
    return made.eval()


def in_use(path: Path) -> nets.Network:
    """The student that nodes have: it knows no odd ones. Trained once and kept."""
    torch.set_num_threads(1)
    if not path.is_file():
        lessons = true_lessons(OF_IN_USE, 0.0)
        made = training.train(lessons, len(scenes.CLASSES), IN_USE, path.with_suffix(".work"), job.Silent())
        torch.save(made.state_dict(), path)
    network = nets.Network(len(scenes.CLASSES), IN_USE.width)
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


def _taught() -> large.Large:
    """The teacher, from the truth alone."""
    torch.manual_seed(0)
    lessons = true_lessons(_OF_TEACHER, _ODD_OF_TEACHER)
    pool = training.Pool(lessons)
    network = large.Large(len(scenes.CLASSES), TEACHER.width).to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=TEACHER.rate, weight_decay=0.02)
    mean = copy.deepcopy(network)
    for round_ in range(_ENOUGH):
        for group in optimiser.param_groups:
            group["lr"] = TEACHER.rate * training.pace(round_ / TEACHER.rounds)
        dice = np.random.default_rng((TEACHER.seed, round_))
        pictures, told, _ = pool.batch(dice.integers(0, len(lessons), TEACHER.batch), dice)
        with torch.autocast("cpu", torch.bfloat16):
            seen = network(pictures.to(memory_format=torch.channels_last))
        loss = losses.hard(nets.Seen(seen.heat.float(), seen.sides.float(), seen.attention.float()), told)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimiser.step()
        training.follow(mean, network, min(TEACHER.steady, (1 + round_) / (10 + round_)))
    return mean.to(memory_format=torch.contiguous_format)

"""Training: from labelled steps to a network, with checkpoints, so that a killed run goes on where it was."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from taihang.core import errors, ids, job
from taihang.engines import stages
from taihang.model.temporal import network as nets
from taihang.model.temporal import scoring
from taihang.model.temporal import steps as stepping

_CHECKPOINT = "training.pt"
_KEEP_EVERY = 50  # rounds between checkpoints
_SETTLING = 40  # batches that the last means and variances are taken from
_STRIDES = 4  # a clip has a step each half second; key frames lie up to two seconds apart
_HELD = 5  # every fifth film is held back
_NEAREST = 1.3  # times; what is nearer than that would often leave out what the labels tell of
_STAGE = "model.temporal:stage.training"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Film:
    """Steps of one film and which classes go on at each: `going_on` (n, classes) bool. `soft`: what a teacher says of
    each, (n, classes) in 0 to 1; None without one. `place`: films of one place are held back together; "" is its own.
    """

    name: str
    steps: stepping.Steps
    going_on: npt.NDArray[np.bool_]
    soft: stepping.Floats | None = None
    place: str = ""

    @property
    def difficulty(self) -> float:
        """How unsure the teacher is, in bits a step and class; 0 without one."""
        if self.soft is None or not self.soft.size:
            return 0.0
        p = np.clip(self.soft.astype(float), 1e-6, 1 - 1e-6)
        return float(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)).mean())

    def goal(self, weight: float) -> stepping.Floats:
        """What is learnt: the labels, or with a teacher `weight` of what it says and the rest of the labels."""
        hard = self.going_on.astype(np.float32)
        return hard if self.soft is None else (1 - weight) * hard + weight * self.soft.astype(np.float32)


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """How to train. `rounds` of `films` stretches of `length` steps; `rate`: learning rate; `seed`. With a teacher:
    `soft`: weight of what it says beside the labels; `easy`: share of the films, those it is surest of, to begin with.
    """

    rounds: int = 1200
    films: int = 4
    length: int = 16
    rate: float = 5e-3
    seed: int = 0
    checkpoint: Path | None = None
    soft: float = 0.5
    easy: float = 0.5

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.films < 1 or self.length < 1:
            raise ValueError("rounds, films and length are at least 1")
        if not (0 <= self.soft <= 1 and 0 < self.easy <= 1):
            raise ValueError("soft and easy are shares")


def split(films: Sequence[Film]) -> tuple[list[Film], list[Film]]:
    """Films to learn from and films held back: whole films, since neighbouring steps are alike, and all of a place.

    Every fifth place, spread over the classes; films of a single place are learnt from and held back.
    """
    places: dict[tuple[str, str], list[Film]] = {}
    for film in films:
        places.setdefault(("place", film.place) if film.place else ("film", film.name), []).append(film)
    if len(places) < 2:
        return list(films), list(films)

    def kind(group: list[Film]) -> tuple[int, ...]:
        return tuple(np.flatnonzero(np.any([film.going_on.any(axis=0) for film in group], axis=0)).tolist())

    ordered = sorted(places.items(), key=lambda item: (kind(item[1]), ids.digest(item[0][1].encode())))
    parts: tuple[list[Film], list[Film]] = ([], [])
    for number, (_, group) in enumerate(ordered):
        parts[number % _HELD == min(_HELD // 2, len(ordered) - 1)].extend(group)
    return parts


def train(films: Sequence[Film], classes: int, plan: Plan, work: Path, progress: job.Progress) -> nets.Network:
    """A network that has learnt from `films`; the same films, plan and machine give the same one.

    `work` holds the checkpoint. Raises errors.UserError when there is nothing to learn from, and what `progress`
    raises to stop.
    """
    usable = [film for film in films if len(film.steps)]
    if not usable:
        raise errors.UserError("model.temporal:no_steps")
    torch.manual_seed(plan.seed)
    network = nets.build(classes, plan.checkpoint)
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=0.02)
    key, states = _key(usable, plan), {"network": network, "optimiser": optimiser}
    begun = _resume(work / _CHECKPOINT, key, states)
    weight = _weights(usable)
    network.train()
    for round_ in range(begun, plan.rounds):
        progress.update(_STAGE, round_, plan.rounds)
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * _pace(round_ / plan.rounds)
        # Each round draws by its own number: a resumed run sees what an unbroken one sees.
        pictures, numbers, goal, counted = _batch(
            _easy(usable, plan, round_), plan, np.random.default_rng((plan.seed, round_))
        )
        torch.manual_seed(plan.seed * 1_000_003 + round_)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            network(pictures, numbers), goal, pos_weight=weight, reduction="none"
        )
        optimiser.zero_grad()
        ((loss * counted[..., None]).sum() / counted.sum().clamp(min=1) / classes).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if (round_ + 1) % _KEEP_EVERY == 0 or round_ + 1 == plan.rounds:
            _keep(work / _CHECKPOINT, key, round_ + 1, states)
    _settle(network, usable, plan)
    progress.update(_STAGE, plan.rounds, plan.rounds)
    return network


def _settle(network: nets.Network, films: Sequence[Film], plan: Plan) -> None:
    """The means and variances that batch normalisation works with, of the weights as they are now.

    Those gathered on the way are of weights that were still changing (Wu and Johnson, arXiv:2105.07576).
    """
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.reset_running_stats()
            part.momentum = None  # the mean of all that follows
    network.train()
    with torch.no_grad():
        for number in range(min(_SETTLING, plan.rounds)):
            pictures, numbers, _, _ = _batch(films, plan, np.random.default_rng((plan.seed, plan.rounds, number)))
            network(pictures, numbers)
    network.eval()


def outputs(network: nets.Network, film: Film) -> stepping.Floats:
    """What the network says of each step of a film, (n, classes)."""
    pictures, numbers = (torch.from_numpy(part) for part in stepping.tensors(film.steps))
    with torch.no_grad():
        return np.asarray(nets.Exported(network).eval()(pictures, numbers).numpy(), np.float32)


def thresholds(network: nets.Network, held: Sequence[Film]) -> tuple[float, ...]:
    """For each class the output from which it counts as going on: the best F1 on the films held back."""
    given = np.concatenate([outputs(network, film) for film in held])
    truth = np.concatenate([film.going_on for film in held])
    return tuple(scoring.best(given[:, k], truth[:, k]) for k in range(truth.shape[1]))


def _pace(share: float) -> float:
    """Learning rate over the run: up for a twentieth, then down along a cosine."""
    return min(1.0, 0.1 + 18 * share) * (0.02 + 0.98 * (1 + float(np.cos(np.pi * share))) / 2)


def _easy(films: Sequence[Film], plan: Plan, round_: int) -> Sequence[Film]:
    """With a teacher the films it is surest of come first, more with every round, all from the middle of the run on."""
    if all(film.soft is None for film in films):
        return films
    share = min(1.0, plan.easy + (1 - plan.easy) * 2 * round_ / plan.rounds)
    ordered = sorted(films, key=lambda film: (film.difficulty, film.name))
    return ordered[: max(1, round(len(ordered) * share))]


def _weights(films: Sequence[Film]) -> torch.Tensor:
    """How much more a rare class's steps count."""
    going_on = np.concatenate([film.going_on for film in films])
    share = np.clip(going_on.mean(axis=0), 0.02, 0.98)
    return torch.tensor(np.clip(np.sqrt((1 - share) / share), 0.5, 4), dtype=torch.float32)


def _batch(
    films: Sequence[Film], plan: Plan, dice: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stretches of films: pictures, numbers, which classes go on, and which steps count (1) or only fill up (0)."""
    parts = []
    odds = np.array([len(film.steps) for film in films], float)
    for film in dice.choice(len(films), plan.films, p=odds / odds.sum()):
        chosen = films[film]
        # Steps lie closer in training than they may at work: some are skipped, so that any pace is known.
        stride = int(dice.integers(1, max(2, min(_STRIDES, len(chosen.steps) // 8) + 1)))
        count = min(plan.length, len(chosen.steps) // stride) or 1
        first = int(dice.integers(0, max(1, len(chosen.steps) - (count - 1) * stride)))
        place = first + stride * np.arange(count)
        pictures, numbers = stepping.tensors(chosen.steps.part(place))
        parts.append((*_varied(pictures, numbers, dice), chosen.goal(plan.soft)[place]))
    return _padded(parts, plan.length)


def _varied(
    pictures: stepping.Floats, numbers: stepping.Floats, dice: np.random.Generator
) -> tuple[stepping.Floats, stepping.Floats]:
    """A stretch as it might also have been: mirrored, a part of it nearer, in other light, without vectors.

    A camera that hangs somewhere shows that place in every film: without these a network learns it by heart.
    """
    if dice.random() < 0.5:
        pictures = pictures[..., ::-1].copy()
        pictures[:, 1] *= -1
    if dice.random() < 0.7:
        pictures = _nearer(pictures, dice)
    pictures[:, 0] = pictures[:, 0] * np.float32(dice.uniform(0.8, 1.25)) + np.float32(dice.uniform(-0.15, 0.15))
    if dice.random() < 0.1:
        pictures[:, 1:5] = 0
        numbers[:, 1:4] = 0
    return pictures, numbers


def _nearer(pictures: stepping.Floats, dice: np.random.Generator) -> stepping.Floats:
    """The same part of every step, as large as the whole was; what moves there moves faster."""
    _, _, high, wide = pictures.shape
    zoom = float(dice.uniform(1, _NEAREST))
    rows, columns = int(high / zoom), int(wide / zoom)
    top, left = int(dice.integers(0, high - rows + 1)), int(dice.integers(0, wide - columns + 1))
    part = np.ascontiguousarray(pictures[:, :, top : top + rows, left : left + columns].transpose(0, 2, 3, 1))
    found = np.stack([cv2.resize(step, (wide, high), interpolation=cv2.INTER_LINEAR) for step in part])
    found[..., 1:3] *= np.float32(zoom)
    return np.ascontiguousarray(found.transpose(0, 3, 1, 2))


def _padded(parts: list[Any], length: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    def stacked(place: int) -> torch.Tensor:
        filled = [np.pad(p[place], [(0, length - len(p[place])), *[(0, 0)] * (p[place].ndim - 1)]) for p in parts]
        return torch.from_numpy(np.stack(filled).astype(np.float32))

    counted = np.stack([np.arange(length) < len(p[2]) for p in parts])
    return stacked(0), stacked(1), stacked(2), torch.from_numpy(counted.astype(np.float32))


def _key(films: Sequence[Film], plan: Plan) -> str:
    """Hash of all that decides the result."""
    seen = [
        (film.name, *(ids.digest(part.tobytes()) for part in (film.steps.planes, film.going_on, film.goal(1.0))))
        for film in films
    ]
    code = stages.code_version("taihang.model.temporal")
    return ids.digest_json({"films": seen, "plan": repr(plan), "code": code, "torch": torch.__version__})


def _keep(path: Path, key: str, done: int, states: dict[str, Any]) -> None:
    held = io.BytesIO()
    torch.save({"key": key, "done": done, **{name: part.state_dict() for name, part in states.items()}}, held)
    stages.write_bytes(path, held.getvalue())


def _resume(path: Path, key: str, states: dict[str, Any]) -> int:
    """Rounds that are done already: 0 without a checkpoint of just this training."""
    try:
        kept = torch.load(path, weights_only=True)
        if kept["key"] != key:
            return 0
        for name, part in states.items():
            part.load_state_dict(kept[name])
        return int(kept["done"])
    except Exception:  # noqa: BLE001 - a damaged checkpoint is as good as none
        return 0

"""Training: from a teacher's answers to a student, easy pictures first, old ones among them, resumable."""

from __future__ import annotations

import copy
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from taihang.core import errors, ids, job
from taihang.engines import stages
from taihang.model.distil import answers, losses
from taihang.model.distil import network as nets

_CHECKPOINT = "student.pt"
_KEEP_EVERY = 25  # rounds between checkpoints
_STAGE = "model.distil:stage.training"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One picture, uint8 RGB (H, W, 3), with its hard labels and what the teacher's maps say; `soft` None: only hard.

    `difficulty` in 0 to 1 orders the curriculum.
    """

    name: str
    image: npt.NDArray[np.uint8]
    hard: answers.Maps
    soft: answers.Maps | None = None
    difficulty: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """How to train. `soft` in 0 to 1: weight of the teacher's maps, the rest is the hard labels'; `attention`: weight
    of its attention; `easy`: share of the lessons, easiest first, that training begins with, all from the middle on;
    `replay`: share of each batch that is taken from earlier lessons. The student that comes out is a moving average of
    the weights in which each round's share fades by `steady`; 0: the last round's."""

    rounds: int = 500
    batch: int = 16
    rate: float = 1e-2
    width: int = 16
    soft: float = 1.0
    attention: float = 0.0
    easy: float = 0.5
    replay: float = 0.25
    steady: float = 0.99
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.batch < 2 or self.width < 4:
            raise ValueError("rounds at least 1, batch at least 2, width at least 4")
        shares = 0 <= self.soft <= 1 and 0 < self.easy <= 1 and 0 <= self.replay < 1 and 0 <= self.steady < 1
        if not (shares and self.attention >= 0):
            raise ValueError("soft, easy, replay and steady are shares")


def train(
    lessons: Sequence[Lesson],
    classes: int,
    plan: Plan,
    work: Path,
    progress: job.Progress,
    *,
    earlier: Sequence[Lesson] = (),
    begin: dict[str, Any] | None = None,
) -> nets.Network:
    """A student of these lessons; the same lessons, plan and machine give the same one.

    `earlier`: lessons of before, rehearsed so that they are not forgotten. `begin`: weights to begin with. `work` holds
    the checkpoint. Raises errors.UserError when there is nothing to learn from, errors.Failure when it goes astray, and
    what `progress` raises to stop.
    """
    if not lessons:
        raise errors.UserError("model.distil:no_lessons")
    ordered = sorted(lessons, key=lambda one: (one.difficulty, one.name))
    torch.manual_seed(plan.seed)
    network = nets.Network(classes, plan.width)
    if begin is not None:
        network.load_state_dict(begin)
    network = network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=0.01)
    key = _key(ordered, earlier, plan, begin)
    mean = copy.deepcopy(network)
    done = _resume(work / _CHECKPOINT, key, network, mean, optimiser)
    pool = Pool([*ordered, *earlier])
    network.train()
    for round_ in range(done, plan.rounds):
        progress.update(_STAGE, round_, plan.rounds)
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * pace(round_ / plan.rounds)
        # Each round draws by its own number: a resumed run sees what an unbroken one sees.
        dice = np.random.default_rng((plan.seed, round_))
        chosen = draw(len(ordered), len(earlier), plan, round_, dice)
        pictures, told, taught = pool.batch(chosen, dice)
        seen = network(pictures)
        loss = _loss(seen, told, taught, plan)
        if not torch.isfinite(loss):
            raise errors.Failure("model.distil:astray", round=round_)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        follow(mean, network, min(plan.steady, (1 + round_) / (10 + round_)))
        if (round_ + 1) % _KEEP_EVERY == 0 or round_ + 1 == plan.rounds:
            _keep(work / _CHECKPOINT, key, round_ + 1, network, mean, optimiser)
    progress.update(_STAGE, plan.rounds, plan.rounds)
    return mean.to(memory_format=torch.contiguous_format).eval()


def weights(kept: bytes | None, classes: int, plan: Plan) -> dict[str, Any] | None:
    """Weights to begin with, from a file of an earlier student; None when they are damaged or of another form."""
    if kept is None:
        return None
    try:
        found = torch.load(io.BytesIO(kept), weights_only=True)
        nets.Network(classes, plan.width).load_state_dict(found)
    except Exception:  # noqa: BLE001 - a damaged file is as good as none
        return None
    return dict(found)


def kept(network: nets.Network) -> bytes:
    """A student's weights as `weights` reads them."""
    held = io.BytesIO()
    torch.save(network.state_dict(), held)
    return held.getvalue()


def draw(new: int, old: int, plan: Plan, round_: int, dice: np.random.Generator) -> npt.NDArray[np.int64]:
    """Places of a batch's lessons: new ones, sorted by difficulty, lie before old ones.

    The easiest `plan.easy` of the new ones first, more with every round, all from the middle of the run on.
    """
    share = min(1.0, plan.easy + (1 - plan.easy) * 2 * round_ / plan.rounds)
    rehearsed = round(plan.batch * plan.replay) if old else 0
    fresh = dice.integers(0, max(1, round(new * share)), plan.batch - rehearsed)
    return np.concatenate([fresh, new + dice.integers(0, max(1, old), rehearsed)]).astype(np.int64)


def _loss(seen: nets.Seen, told: losses.Maps, taught: losses.Maps | None, plan: Plan) -> torch.Tensor:
    if taught is None:
        return losses.hard(seen, told)
    found = plan.soft * losses.soft(seen, taught)
    if plan.attention:
        found = found + plan.attention * losses.attention(seen, taught)
    return found + (1 - plan.soft) * losses.hard(seen, told) if plan.soft < 1 else found


class Pool:
    """Lessons as arrays, and batches of them, mirrored and lit as the dice say."""

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        self._images = np.stack([one.image for one in lessons])
        self._hard = answers.stacked([one.hard for one in lessons])
        given = [one.soft for one in lessons]
        known = [one for one in given if one is not None]
        # A lesson without a teacher's maps is rehearsed by its hard labels.
        self._soft = answers.stacked([one.soft or one.hard for one in lessons]) if known else None

    def batch(
        self, chosen: npt.NDArray[np.int64], dice: np.random.Generator
    ) -> tuple[torch.Tensor, losses.Maps, losses.Maps | None]:
        """Pictures (n, 3, H, W) of the chosen lessons, their hard labels, and soft ones where any lesson has them."""
        images = self._images[chosen].astype(np.float32) / 255
        mirror = dice.random(len(chosen)) < 0.5
        images[mirror] = images[mirror, :, ::-1]
        light = dice.uniform(0.7, 1.3, (len(chosen), 1, 1, 1)).astype(np.float32)
        tint = dice.uniform(0.9, 1.1, (len(chosen), 1, 1, 3)).astype(np.float32)
        pictures = torch.from_numpy(np.ascontiguousarray((images * light * tint).clip(0, 1).transpose(0, 3, 1, 2)))
        soft = None if self._soft is None else _turned(self._soft, chosen, mirror)
        return pictures, _turned(self._hard, chosen, mirror), soft


def _turned(
    maps: tuple[answers.Floats, ...], chosen: npt.NDArray[np.int64], mirror: npt.NDArray[np.bool_]
) -> losses.Maps:
    heat, sides, trust, attention = (part[chosen] for part in maps)
    for part in (heat, sides, trust, attention):
        part[mirror] = part[mirror][..., ::-1]
    sides[mirror] = sides[mirror][:, [2, 1, 0, 3]]
    return (torch.from_numpy(heat), torch.from_numpy(sides), torch.from_numpy(trust), torch.from_numpy(attention))


def pace(share: float) -> float:
    """Learning rate over the run: up for a twentieth, then down along a cosine."""
    return min(1.0, 0.1 + 18 * share) * (0.01 + 0.99 * (1 + float(np.cos(np.pi * share))) / 2)


def _key(lessons: Sequence[Lesson], earlier: Sequence[Lesson], plan: Plan, begin: dict[str, Any] | None) -> str:
    """Hash of all that decides the result."""

    def seen(one: Lesson) -> list[str]:
        parts = [one.image, *(getattr(m, f) for m in (one.hard, one.soft) if m is not None for f in _FIELDS)]
        return [one.name, ids.digest(b"".join(np.ascontiguousarray(p).tobytes() for p in parts))]

    old = None if begin is None else ids.digest(b"".join(v.numpy().tobytes() for v in begin.values()))
    told = {"lessons": [seen(one) for one in lessons], "earlier": [seen(one) for one in earlier], "begin": old}
    code = stages.code_version("taihang.model.distil")
    return ids.digest_json({**told, "plan": repr(plan), "code": code, "torch": torch.__version__})


_FIELDS = ("heat", "sides", "trust", "attention")


def follow(mean: nets.Network, network: nets.Network, steady: float) -> None:
    """One step of the moving average, statistics of normalisation too (Polyak and Juditsky, 1992)."""
    with torch.no_grad():
        for old, new in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
            if old.dtype.is_floating_point:
                old.lerp_(new, 1 - steady)
            else:
                old.copy_(new)


def _keep(  # noqa: PLR0917 - what a checkpoint holds
    path: Path, key: str, done: int, network: nets.Network, mean: nets.Network, optimiser: Any
) -> None:
    held = io.BytesIO()
    states = {"network": network.state_dict(), "mean": mean.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save({"key": key, "done": done, **states}, held)
    stages.write_bytes(path, held.getvalue())


def _resume(path: Path, key: str, network: nets.Network, mean: nets.Network, optimiser: Any) -> int:
    """Rounds that are done already: 0 without a checkpoint of just this training."""
    try:
        kept = torch.load(path, weights_only=True)
        if kept["key"] != key:
            return 0
        network.load_state_dict(kept["network"])
        mean.load_state_dict(kept["mean"])
        optimiser.load_state_dict(kept["optimiser"])
        return int(kept["done"])
    except Exception:  # noqa: BLE001 - a damaged checkpoint is as good as none
        return 0

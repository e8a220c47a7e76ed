"""Temporal: the light classifier is trained on somebody's own clips, and says what it is."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pyarrow as pa

from taihang.app import home
from taihang.core import errors, i18n, ids, job
from taihang.engines import stages
from taihang.model.temporal import card as cards
from taihang.model.temporal import classifier, page
from taihang.model.temporal import steps as stepping
from taihang.use.video.temporal import labelled

Path_ = str | os.PathLike[str]
_CODE = ("taihang.use.video.temporal", "taihang.use.video.select", "taihang.engines.media")


@dataclasses.dataclass(frozen=True, slots=True)
class Trained:
    """A trained classifier: its card, its folder, and the page about it."""

    card: cards.Card
    folder: Path
    page: Path


def load(folder: Path_) -> classifier.Classifier:
    """The classifier in a folder. Raises errors.UserError in one line."""
    return classifier.Classifier(Path(folder))


def card(folder: Path_, lang: i18n.Language | None = None) -> str:
    """The page about a classifier, in Markdown. Raises errors.UserError as `load` does."""
    found, _ = cards.load(Path(folder))
    return page.text(found, lang or i18n.current())


def train(
    clips: Path_,
    *,
    out: Path_,
    rounds: int = 1200,
    presence: tuple[str, ...] | None = None,
    checkpoint: Path_ | None = None,
    teacher: Path_ | None = None,
    synthetic: bool = False,
    seed: int = 0,
    progress: job.Progress | None = None,
) -> Trained:
    """Learn from a folder of labelled clips and write weights, card and page to `out`.

    `clips`: a sub-folder for each class, or a `labels.csv` (file,start,end,class; seconds; clips of one
    `place`, if there is such a column, are held back together). `presence`: the classes
    that mean that somebody is there, all by default. `checkpoint`: a local MobileViT to begin with. `teacher`: the
    folder of a larger classifier, whose outputs are learnt beside the labels, the films it is surest of first.
    `synthetic`: the clips are rendered, and the card says so. Run again after an interruption, it goes on where it was.

    Raises errors.MissingExtra without the extra `hub`, errors.UserError for what cannot be used.
    """
    try:
        from taihang.model.temporal import exporting, training  # noqa: PLC0415 - torch only for those who train
    except ImportError:
        raise errors.MissingExtra("hub", "temporal train") from None
    progress = progress or job.Silent()
    given = labelled.read(Path(clips))
    there = given.classes if presence is None else presence
    if unknown := sorted(set(there) - set(given.classes)):
        raise errors.UserError("app:temporal.presence", unknown=", ".join(unknown), known=", ".join(given.classes))
    target = Path(out)
    if target.exists() and not target.is_dir():
        raise errors.UserError("app:temporal.out", path=target)
    knowing = None if teacher is None else _knowing(teacher, given.classes)
    store = stages.Stages(home.folder() / "temporal" / "clips")
    films = []
    for place, clip in enumerate(given.clips):
        steps = _steps(store, clip, progress, place, len(given.clips))
        name = str(clip.path.relative_to(clips))
        soft = None if knowing is None or not len(steps) else _said(knowing, steps, given.classes)
        films.append(training.Film(name, steps, clip.going_on(steps, given.classes), soft, clip.place))
    films = [film for film in films if len(film.steps)]
    learnt, held = training.split(films)
    plan = training.Plan(rounds=rounds, seed=seed, checkpoint=None if checkpoint is None else Path(checkpoint))
    network = training.train(learnt, len(given.classes), plan, home.folder() / "temporal", progress)
    made = exporting.export(network, given.classes, there, (learnt, held), target, synthetic=synthetic)
    return Trained(made, target, target / page.NAMES[i18n.current()])


def _knowing(folder: Path_, classes: tuple[str, ...]) -> classifier.Classifier:
    """A teacher for these classes. Raises errors.UserError for one that does not know them all."""
    found = classifier.Classifier(Path(folder))
    if unknown := sorted(set(classes) - set(found.card.classes)):
        raise errors.UserError(
            "app:temporal.teacher", path=folder, unknown=", ".join(unknown), known=", ".join(found.card.classes)
        )
    return found


def _said(of: classifier.Classifier, steps: stepping.Steps, classes: tuple[str, ...]) -> stepping.Floats:
    """What the teacher says of the classes, in their order; what is no number was refused by the classifier."""
    return of.judge(steps)[:, [of.card.classes.index(name) for name in classes]]


def _steps(store: stages.Stages, clip: labelled.Clip, progress: job.Progress, place: int, count: int) -> stepping.Steps:
    """A clip's steps, kept under the hash of its bytes."""
    with clip.path.open("rb") as stream:
        key = {"clip": ids.digest_stream(stream), "code": stages.code_version(*_CODE)}

    def make() -> pa.Table:
        found = labelled.steps(clip, progress, place, count)
        planes = [one.tobytes() for one in found.planes]
        return pa.table(
            {"time_s": found.times, "planes": pa.array(planes, pa.binary()), "numbers": found.numbers.tolist()},
            schema=pa.schema([("time_s", pa.float64()), ("planes", pa.binary()), ("numbers", pa.list_(pa.float32()))]),
        )

    table = store.table("clip", key, make)
    size = (-1, len(stepping.KEPT), stepping.HEIGHT, stepping.WIDTH)
    planes = np.frombuffer(b"".join(table["planes"].to_pylist()), np.uint8).reshape(size)
    numbers = np.array(table["numbers"].to_pylist(), np.float32).reshape(-1, len(stepping.MEASURED))
    return stepping.Steps(table["time_s"].to_numpy(), planes, numbers)

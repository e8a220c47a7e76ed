"""Distil: the loop by which a large detector teaches a small one: collect, ask, train, gate, roll out, and back."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from taihang.app import home
from taihang.core import asset as assets
from taihang.core import errors, ids, job
from taihang.engines import stages
from taihang.engines.predict import loading
from taihang.model.distil import answers, gate, pictures, versions
from taihang.model.distil import teacher as teachers
from taihang.use.video.cascade import harvest

if TYPE_CHECKING:
    from taihang.catalog import catalogue
    from taihang.model.distil import training

Path_ = str | os.PathLike[str]
State = Literal["passed", "refused", "nothing"]
SIZE = (192, 320)
_LOWEST = 0.05  # average precision needs weak detections too
_STAGE = "model.distil:stage.judging"


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """How to learn and to judge; None leaves what the detector in use has, or the default.

    `called`: the teacher's name for a class, where that is another. `protect`: classes that must not lose, all by
    default. `size`: height and width of the student's picture, each a multiple of 16. `width`: how large the student
    is. `sure`: from which score a teacher's box is a hard label. `fps`: pictures a second of a segment's clip.
    `views`: how often the teacher is shown each picture, nearer, farther, turned or mirrored after the first time.
    `answers`: the class that a rule speaks of, so that answers to segments count as labels: where the rule was answered
    violated the thing is there, where it was answered clear there is none.
    `synthetic`: the pictures are drawn.
    """

    called: Mapping[str, str] = dataclasses.field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    protect: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    rounds: int = 500
    width: int = 12
    seed: int = 0
    sure: float = 0.4
    wait_s: float = 60.0
    fps: float = 0.5
    views: int = 6
    answers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    margin: float = 0.02
    floor: float | None = None
    synthetic: bool = False
    roll_out: bool = False

    def gate(self) -> gate.Plan:
        """What the gate goes by."""
        return gate.Plan(margin=self.margin, floor=self.floor, seed=self.seed)


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """How a run ended: `nothing` was new, or the gate passed or refused the student. `learnt`: new pictures;
    `rehearsed`: earlier ones; `lost`: pictures without an answer, by reason; `left_out`: those that are held back;
    `confirmed`, `withdrawn`: boxes of the teacher's that answers to segments made certain, or took back."""

    state: State
    verdict: gate.Verdict | None
    candidate: Path | None
    learnt: int
    rehearsed: int
    lost: Mapping[str, int]
    left_out: int
    rolled_out: versions.Told | None
    confirmed: int = 0
    withdrawn: int = 0


def run(
    samples: Path_,
    *,
    teacher: str,
    held: Path_,
    model: Path_,
    options: Options | None = None,
    progress: job.Progress | None = None,
) -> Done:
    """One round of the loop. `samples`: a folder of pictures, or that of `taihang edge cloud`. `teacher`: a detector.
    `held`: a labelled set in COCO, YOLO or VOC that nobody learns from. `model`: the folder of the student's versions.

    Run again after an interruption, it goes on where it was. Raises errors.MissingExtra without the extra `hub`,
    errors.UserError for what cannot be used, errors.Conflict for a folder in use, errors.Failure for a teacher that
    does not answer.
    """
    try:
        from taihang.model.distil import asking, memory  # noqa: PLC0415 - torch only for those who train
    except ImportError:
        raise errors.MissingExtra("hub", "distil run") from None
    chosen, progress = options or Options(), progress or job.Silent()
    shelf = versions.Versions(Path(model))
    with shelf.alone():
        size, classes = _form(shelf, chosen)
        back = pictures.held(Path(held), size, classes)
        _answerable(Path(samples), chosen, back.classes)
        gate.check(back.classes, _protected(chosen, back.classes), shelf.in_use is not None, chosen.gate())
        of = teachers.Teacher(teacher, back.classes, size, chosen.called)
        remembered = memory.Memory(shelf.folder / "memory", back.classes, size)
        fresh, left_out = _collected(Path(samples), back, remembered.seen(), of.version, chosen)
        if not fresh:
            return Done("nothing", None, None, 0, 0, {}, left_out, None)
        kept = stages.Stages(home.folder() / "distil" / "answers")
        plan = asking.Plan(chosen.sure, chosen.wait_s, chosen.answers, chosen.views)
        asked = asking.ask(of, fresh, plan, kept, progress)
        earlier = remembered.lessons()
        new, old = (asked.lessons, earlier) if of.shows else (_hard(asked.lessons), _hard(earlier))
        data, weights = _taught(shelf, new, old, back.classes, size, chosen, progress)
        verdict = _judged(shelf, data, back, chosen, progress)
        told = versions.Told(
            sha256=verdict.student, previous=None, classes=back.classes, size=size, synthetic=chosen.synthetic,
            verdict=verdict,
        )  # fmt: skip
        path = shelf.propose(data, told, weights)
        if verdict.passed:
            remembered.remember(asked.plain)
        made = shelf.roll_out() if verdict.passed and chosen.roll_out else None
        # Last: a run that was killed before is done again whole.
        remembered.note({_asked(of.version, one, chosen) for one in fresh})
        state: State = "passed" if verdict.passed else "refused"
        return Done(
            state, verdict, path, len(asked.plain), len(earlier), asked.lost, left_out, made, asked.confirmed,
            asked.withdrawn,
        )  # fmt: skip


def judge(
    model: Path_,
    *,
    held: Path_,
    candidate: Path_ | None = None,
    options: Options | None = None,
    progress: job.Progress | None = None,
) -> gate.Verdict:
    """Judge the student that waits, or a detector from elsewhere, which then waits, against the detector in use.

    Raises errors.UserError where there is none, and as `run` does.
    """
    chosen, shelf = options or Options(), versions.Versions(Path(model))
    with shelf.alone():
        size, classes = _form(shelf, chosen)
        if candidate is None:
            data, waiting = shelf.proposed()
            size, classes = waiting.size, waiting.classes
        else:
            data = versions.read(Path(candidate))
        back = pictures.held(Path(held), size, classes)
        verdict = _judged(shelf, data, back, chosen, progress or job.Silent())
        synthetic = chosen.synthetic if candidate is not None else waiting.synthetic
        told = versions.Told(
            sha256=verdict.student, previous=None, classes=back.classes, size=size, synthetic=synthetic, verdict=verdict
        )
        shelf.propose(data, told)
        return verdict


def roll_out(model: Path_) -> versions.Told:
    """Put the student that waits into use; nodes whose configuration names it take it up while their streams run.

    Raises errors.UserError, errors.Conflict, errors.Failure as `versions.Versions.roll_out` does.
    """
    shelf = versions.Versions(Path(model))
    with shelf.alone():
        return shelf.roll_out()


def roll_back(model: Path_) -> versions.Told:
    """Put the version before into use again. Raises errors.Conflict when there is none."""
    shelf = versions.Versions(Path(model))
    with shelf.alone():
        return shelf.roll_back()


def status(model: Path_) -> dict[str, Any]:
    """What is in use, what was before, what waits and what the gate said of it; changes nothing.

    Raises errors.UserError for a folder that holds no version of a detector.
    """
    shelf = versions.Versions(Path(model))
    current = shelf.current
    told = None if current is None else shelf.told(current)
    waiting: versions.Told | None = None
    if (shelf.folder / versions.CANDIDATE).is_file():
        _, waiting = shelf.proposed()
    if current is None and waiting is None:
        raise errors.UserError("model.distil:no_version", path=shelf.folder)
    return {
        "in_use": current,
        "previous": None if told is None else told.previous,
        "classes": None if told is None else list(told.classes),
        "synthetic": None if told is None else told.synthetic,
        "candidate": None if waiting is None or waiting.sha256 == current else waiting.model_dump(mode="json"),
        "history": shelf.history(),
    }


def catalogued(known: catalogue.Catalogue, model: Path_, told: versions.Told, *, job_id: str = "") -> str:
    """Register what is in use as the latest version of a model; what was registered before is the same version again.

    Gives the version's id.
    """
    shelf = versions.Versions(Path(model))
    path = (shelf.folder / versions.IN_USE).absolute()
    asset = assets.Asset(
        kind="model", name=shelf.folder.absolute().name[:300], sha256=told.sha256, size=path.stat().st_size,
        synthetic=told.synthetic, media_type="application/onnx",
    )  # fmt: skip
    return known.register(asset, source=str(path)[:4000], job_id=job_id, tags=("distilled",)).id


def written(verdict: gate.Verdict, folder: Path) -> Path:
    """What the gate found, as `verdict.json` in a folder."""
    path = folder / "verdict.json"
    stages.write_bytes(path, (verdict.model_dump_json(indent=1) + "\n").encode())
    return path


def _form(shelf: versions.Versions, chosen: Options) -> tuple[tuple[int, int], tuple[str, ...] | None]:
    """Size and classes of the student: those of the detector in use, which nodes' rules rely on.

    Raises errors.UserError for others.
    """
    current = shelf.current
    told = None if current is None else shelf.told(current)
    size, classes = chosen.size or (SIZE if told is None else told.size), chosen.classes
    if any(side % 16 or not 32 <= side <= 1024 for side in size):
        raise errors.UserError("model.distil:size", size=f"{size[1]}x{size[0]}")
    in_use = told.classes if told is not None else None
    if told is None and shelf.in_use is not None:
        in_use = loading.load(str(shelf.in_use)).classes
    if in_use is not None and classes is not None and set(classes) != set(in_use):
        raise errors.UserError("model.distil:other_classes", given=", ".join(classes), known=", ".join(in_use))
    return size, in_use or classes


def _protected(chosen: Options, classes: tuple[str, ...]) -> tuple[str, ...]:
    return classes if chosen.protect is None else chosen.protect


def _collected(
    samples: Path, back: pictures.Held, seen: set[str], version: str, chosen: Options
) -> tuple[list[pictures.Picture], int]:
    """Pictures that this teacher was not asked about, each once, and how many were left out as held back."""
    held = {one.sha256 for one in back.pictures}
    found: dict[str, pictures.Picture] = {}
    left_out = 0
    given = harvest.pictures_of(samples, chosen.fps) if harvest.is_one(samples) else pictures.folder(samples)
    for one in given:
        if one.sha256 in held:
            left_out += 1
        elif _asked(version, one, chosen) not in seen:
            found.setdefault(one.sha256, one)
    return list(found.values()), left_out


def _asked(version: str, one: pictures.Picture, chosen: Options) -> str:
    """What is remembered of a picture; an answer that came since makes it a new one."""
    known = one.answered is not None and one.answered.rule in chosen.answers
    said = f":{one.answered.violated}" if one.answered is not None and known else ""
    return f"{version[:16]}:{one.sha256[:32]}{said}"


def _answerable(samples: Path, chosen: Options, classes: tuple[str, ...]) -> None:
    """Refuse answers that can teach nothing. Raises errors.UserError."""
    if strangers := sorted(set(chosen.answers.values()) - set(classes)):
        raise errors.UserError("model.distil:answers", unknown=", ".join(strangers), known=", ".join(classes))
    if chosen.answers and not harvest.is_one(samples):
        raise errors.UserError("use.video:edge.no_cloud", path=samples)


def _hard(lessons: Sequence[training.Lesson]) -> list[training.Lesson]:
    """Lessons without soft labels: of a teacher that tells only boxes, hills as high as their scores taught worse."""
    return [dataclasses.replace(one, soft=None) for one in lessons]


def _taught(  # noqa: PLR0917 - what a student is made of
    shelf: versions.Versions,
    lessons: Sequence[training.Lesson],
    earlier: Sequence[training.Lesson],
    classes: tuple[str, ...],
    size: tuple[int, int],
    chosen: Options,
    progress: job.Progress,
) -> tuple[bytes, bytes]:
    """A student's file and weights; it begins with those of the detector in use, where they fit."""
    from taihang.model.distil import calibration, exporting, training  # noqa: PLC0415 - torch only for those who train

    plan = training.Plan(rounds=chosen.rounds, width=chosen.width, seed=chosen.seed)
    begin = training.weights(shelf.weights(shelf.current), len(classes), plan)
    work = home.folder() / "distil" / ids.digest(str(shelf.folder.absolute()).encode())[:16]
    network = training.train(lessons, len(classes), plan, work, progress, earlier=earlier, begin=begin)
    facts = {"taihang": "distil/1", "synthetic": str(chosen.synthetic).lower()}
    shown = [one for one in lessons if not pictures.is_view(one.name)]
    scale = calibration.fitted(network, [*shown, *earlier], len(classes))
    return exporting.exported(network, classes, size, facts=facts, scale=scale), training.kept(network)


def _judged(
    shelf: versions.Versions, data: bytes, back: pictures.Held, chosen: Options, progress: job.Progress
) -> gate.Verdict:
    """Both detectors look at the pictures held back through the same engine as at work."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "student.onnx"
        path.write_bytes(data)
        after = _found(str(path), back, progress, 0)
    before = None if shelf.in_use is None else _found(str(shelf.in_use), back, progress, 1)
    protected = _protected(chosen, back.classes)
    plan = chosen.gate()
    classes = gate.judge(after, before, back.truth, back.classes, protected, plan)
    progress.update(_STAGE, 1, 1)
    return gate.Verdict(
        passed=all(one.state == "kept" for one in classes if one.protected),
        student=ids.digest(data),
        against=shelf.current,
        held=back.sha256,
        pictures=len(back.pictures),
        plan=plan,
        classes=classes,
    )


def _found(spec: str, back: pictures.Held, progress: job.Progress, half: int) -> list[answers.Boxes]:
    asked = teachers.Teacher(spec, back.classes, back.size, lowest=_LOWEST)
    found = []
    for place, one in enumerate(back.pictures):
        progress.update(_STAGE, half * len(back.pictures) + place, 2 * len(back.pictures))
        found.append(asked.boxes(one.image))
    return found

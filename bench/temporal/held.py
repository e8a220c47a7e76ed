"""What weights say of the drawn films that were held back, and what saying yes always would score.

    python -m bench.temporal.held FILMS MODEL [MODEL …] [--out FILE]

FILMS is `bench.temporal.scenes`' folder. The films held back are those that `taihang temporal train FILMS` holds back.
F1 by class with each card's own thresholds, for the classes that a model knows; `always` is the F1 of a yes at every
step, which a class must beat to have been learnt.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from taihang.app import temporal
from taihang.core import job
from taihang.engines import stages
from taihang.model.temporal import scoring, training
from taihang.use.video.temporal import labelled


def films(folder: Path) -> tuple[tuple[str, ...], list[training.Film], list[training.Film]]:
    """The classes, films learnt from, and films held back."""
    given = labelled.read(folder)
    found = []
    with tempfile.TemporaryDirectory() as spare:
        store = stages.Stages(Path(os.environ.get("TAIHANG_HOME", spare)) / "temporal" / "clips")
        for place, clip in enumerate(given.clips):
            steps = temporal._steps(store, clip, job.Silent(), place, len(given.clips))
            name = str(clip.path.relative_to(folder))
            found.append(training.Film(name, steps, clip.going_on(steps, given.classes), None, clip.place))
    learnt, held = training.split(found)
    return given.classes, learnt, held


def scores(model: str, classes: tuple[str, ...], held: list[training.Film]) -> dict[str, object]:
    """F1 of a model by class."""
    judge = temporal.load(model)
    said = np.concatenate([judge.judge(film.steps) for film in held]) >= np.array(judge.card.thresholds)
    truth = np.concatenate([film.going_on for film in held])
    known = [name for name in classes if name in judge.card.classes]
    f1 = {name: scoring.f1(said[:, judge.card.classes.index(name)], truth[:, classes.index(name)]) for name in known}
    return {
        "model": model,
        "weights": judge.version,
        "f1": {name: None if v is None else round(v, 3) for name, v in f1.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    classes, learnt, held = films(options.films)
    truth = np.concatenate([film.going_on for film in held])
    always = {
        name: round(scoring.f1(np.ones(len(truth), bool), truth[:, k]) or 0.0, 3) for k, name in enumerate(classes)
    }
    result = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": " ".join(["python -m bench.temporal.held FILMS", *sys.argv[2:]]),
        "films": {"learnt": len(learnt), "held": len(held), "names_held": [film.name for film in held]},
        "steps_held": len(truth),
        "going_on": {name: int(truth[:, k].sum()) for k, name in enumerate(classes)},
        "always": always,
        "models": [scores(model, classes, held) for model in options.models],
    }
    print(json.dumps(result, indent=1, ensure_ascii=False))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

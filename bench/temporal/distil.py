"""What a teacher adds to the light temporal classifier: hard labels alone against hard labels and a teacher.

    python -m bench.temporal.distil FILMS TEACHER [--seeds 5] [--few 10] [--rounds 100] [--out FILE]

FILMS is `bench.temporal.scenes`' folder, TEACHER what `taihang temporal train FILMS` made of it, which held back the
same films as here. A seed draws the few films that both students learn from and their first weights; the plan is the
same for both but for the teacher. Scored on the films held back, with thresholds from the films learnt from.
The teacher has learnt from all films that are not held back, so it knows more than a student's labels say.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from taihang.app import temporal
from taihang.core import job
from taihang.engines import stages
from taihang.model.temporal import scoring, training
from taihang.use.video.temporal import labelled

T95 = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}  # Student's t, two-sided


def read(folder: Path, teacher: Path, store: stages.Stages) -> tuple[list[training.Film], list[training.Film]]:
    """Films learnt from, with what the teacher says of them, and films held back."""
    given = labelled.read(folder)
    knowing = temporal.load(teacher)
    films = []
    for place, clip in enumerate(given.clips):
        steps = temporal._steps(store, clip, job.Silent(), place, len(given.clips))
        soft = temporal._said(knowing, steps, given.classes)
        films.append(
            training.Film(
                str(clip.path.relative_to(folder)), steps, clip.going_on(steps, given.classes), soft, clip.place
            )
        )
    return training.split(films)


def mean_f1(films: list[training.Film], held: list[training.Film], plan: training.Plan) -> float:
    """Mean over the classes that go on in `held` of the F1 of a student of `films`."""
    with tempfile.TemporaryDirectory() as work:
        network = training.train(films, films[0].going_on.shape[1], plan, Path(work), job.Silent())
    limits = np.array(training.thresholds(network, films))
    said = np.concatenate([training.outputs(network, film) for film in held]) >= limits
    truth = np.concatenate([film.going_on for film in held])
    return float(np.mean([scoring.f1(said[:, k], truth[:, k]) for k in np.flatnonzero(truth.any(axis=0))]))


def row(learnt: list[training.Film], held: list[training.Film], seed: int, count: int, rounds: int) -> dict[str, float]:
    """Both students of a seed."""
    chosen = np.random.default_rng((seed, 41)).choice(len(learnt), min(count, len(learnt)), replace=False)
    taught = [learnt[k] for k in sorted(chosen)]
    plan = training.Plan(rounds=rounds, length=8, seed=seed)
    hard = mean_f1([dataclasses.replace(film, soft=None) for film in taught], held, plan)
    both = mean_f1(taught, held, plan)
    return {"seed": seed, "hard": round(hard, 4), "hard_and_teacher": round(both, 4), "gain": round(both - hard, 4)}


def summed(rows: list[dict[str, float]]) -> dict[str, object]:
    """Mean gain with its 95% interval (Student's t over the seeds' differences)."""
    gains = [one["gain"] for one in rows]
    mean = statistics.fmean(gains)
    half = T95[len(gains) - 1] * statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) - 1 in T95 else None
    return {
        "mean_f1_hard": round(statistics.fmean(one["hard"] for one in rows), 4),
        "mean_f1_hard_and_teacher": round(statistics.fmean(one["hard_and_teacher"] for one in rows), 4),
        "gain": round(mean, 4),
        "gain_95": None if half is None else [round(mean - half, 4), round(mean + half, 4)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", type=Path)
    parser.add_argument("teacher", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--few", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        home = os.environ.get("TAIHANG_HOME")
        store = stages.Stages(Path(home or spare) / "temporal" / "clips")
        learnt, held = read(options.films, options.teacher, store)
    rows: list[dict[str, float]] = []
    for seed in range(options.seeds):
        rows.append(row(learnt, held, seed, options.few, options.rounds))
        print(json.dumps(rows[-1]), flush=True)
        result = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "command": " ".join(["python -m bench.temporal.distil FILMS TEACHER", *sys.argv[3:]]),
            "teacher": temporal.load(options.teacher).version,
            "films": {"each_student": options.few, "held": len(held)},
            "held_steps": sum(len(film.steps) for film in held),
            **summed(rows),
            "per_seed": rows,
        }
        if options.out:
            options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({k: v for k, v in result.items() if k != "per_seed"}, indent=1))


if __name__ == "__main__":
    main()

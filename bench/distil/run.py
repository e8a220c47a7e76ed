"""A student taught by soft labels beside one taught by hard labels alone, at equal data and equal rounds. Synthetic.

Both begin with the student in use, see the same pictures in the same views, rehearse the same earlier ones, easy ones
first, by the same draws. Hard labels are the teacher's boxes from a score on; soft ones its heat, sides and attention.
Others show what the curriculum and the rehearsal do: both at random, and a soft one
that rehearses nothing. The scores of both are calibrated as the product does it; the gate beside the hard student is
also told without. Every choice, learning rate and threshold of the hard student's too, was made on another
seed and other pictures held back than those reported, without the curriculum.

    python -m bench.distil.run --keep FOLDER --seeds 41-45 --held 9000000 --arms hard,soft --out FILE
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bench.distil import scenes, school
from taihang.core import job
from taihang.engines import stages
from taihang.model.distil import asking, calibration, exporting, gate, pictures, precision, teacher, training

HERE = Path(__file__).resolve().parent
PICTURES, VIEWS, HELD = 150, 6, 300
RAW = "_uncalibrated"
SURE = 0.4
PLAN = training.Plan(rounds=500, rate=1e-2, width=12)
ARMS = {
    "hard": PLAN,
    "soft": PLAN,
    "hard_at_random": dataclasses.replace(PLAN, easy=1.0),
    "soft_at_random": dataclasses.replace(PLAN, easy=1.0),
    "soft_without_rehearsal": dataclasses.replace(PLAN, replay=0.0),
}
GOAL = 3.0  # mAP points
LOWEST, ACTED = 0.005, 0.25  # scores: from which a detection is told, and from which it is acted upon
PARTS = ("all", "odd", "usual", scenes.BEHIND, scenes.CUT, scenes.POSE)
T_975 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571}  # Student's t at 0.975 by number of seeds


def lessons(of, seeds, odd, views, kept):
    """The teacher's answers about pictures, asked for once."""
    shown = [pictures.named(f"{seed}", scenes.draw(seed, odd).image) for seed in seeds]
    return asking.ask(of, shown, asking.Plan(SURE, views=views), kept, job.Silent()).lessons


def found_by(path, held):
    eye = teacher.Teacher(str(path), scenes.CLASSES, school.SIZE, lowest=LOWEST)
    return [eye.boxes(scene.image) for scene in held]


def measured(found, held):
    """mAP (COCO, IoU 0.50 to 0.95) and AP50 in points: of all, of odd and hidden ones, of the usual, of each kind."""
    truth = [school.boxes(scene) for scene in held]
    told = {}
    for name in PARTS:
        asked = None
        if name != "all":
            asked = [np.array([_within(thing.kind, name) for thing in scene.things], bool) for scene in held]
        whole, each = precision.mean(found, truth, len(scenes.CLASSES), asked=asked)
        half, _ = precision.mean(found, truth, len(scenes.CLASSES), (0.5,), asked=asked)
        told[name] = {
            "map": round(100 * whole, 2),
            "ap50": round(100 * half, 2),
            "classes": {label: round(100 * v, 2) for label, v in zip(scenes.CLASSES, each, strict=True)},
        }
    return told


def acted(found, held):
    """At the score that is acted upon, by class: share of true boxes that are found, and share of detections that are
    right, at IoU 0.5."""
    truth = [school.boxes(scene) for scene in held]
    told = {}
    for place, label in enumerate(scenes.CLASSES):
        hit = precision.recalled(found, truth, place, ACTED)
        count = sum(int(((one.classes == place) & (one.scores >= ACTED)).sum()) for one in found)
        told[label] = {"found": round(float(hit.mean()), 4), "right": round(float(hit.sum() / max(1, count)), 4)}
    return told


def _within(kind, part):
    return kind == part or (part == "odd" and kind != scenes.USUAL)


def interval(apart):
    """Mean with a 95% t-interval over the seeds."""
    apart = np.array(apart)
    half = T_975[len(apart)] * apart.std(ddof=1) / np.sqrt(len(apart))
    return {"mean": round(float(apart.mean()), 2), "low": round(float(apart.mean() - half), 2),
            "high": round(float(apart.mean() + half), 2), "each": [round(float(v), 2) for v in apart]}  # fmt: skip


def gained(rows, than, part, measure, arm="soft"):
    """By how many points one student is better than another."""
    return interval([row[arm][part][measure] - row[than][part][measure] for row in rows])


def summary(rows):
    """What the soft student gained over the hard one, by part and by class; what curriculum and rehearsal brought; in
    how many seeds the gate kept all classes; the largest loss of a class in AP50."""
    if len(rows) < 2:
        return {}
    gains = {how: {part: gained(rows, "hard", part, how) for part in PARTS} for how in ("map", "ap50")}
    gains["classes_map"] = {
        part: {
            label: interval([row["soft"][part]["classes"][label] - row["hard"][part]["classes"][label] for row in rows])
            for label in scenes.CLASSES
        }
        for part in ("all", "odd", "usual")
    }
    told = {"gain": gains, "goal_held": gains["map"]["all"]["mean"] >= GOAL and gains["map"]["all"]["low"] > 0}
    if {"hard_at_random", "soft_at_random"} <= set(rows[0]):
        told["gain_at_random"] = {
            part: gained(rows, "hard_at_random", part, "map", "soft_at_random") for part in ("all", "odd", "usual")
        }
        told["hard_gain_over_hard_at_random"] = {
            part: gained(rows, "hard_at_random", part, "map", "hard") for part in ("all", "odd", "usual")
        }
    for than in ("soft_at_random", "soft_without_rehearsal"):
        if than in rows[0]:
            told[f"gain_over_{than}"] = {part: gained(rows, than, part, "map") for part in ("all", "odd", "usual")}
    for against in ("against_hard", "against_hard_uncalibrated", "against_in_use"):
        told[against] = {
            "classes_kept": {
                label: sum(row[against][label]["state"] == "kept" for row in rows) for label in scenes.CLASSES
            },
            "kept": sum(all(one["state"] == "kept" for one in row[against].values()) for row in rows),
            "least_change_ap50": {
                label: round(min(row[against][label]["after"] - row[against][label]["before"] for row in rows), 4)
                for label in scenes.CLASSES
            },
        }
    return told


def one(  # noqa: PLR0917 - what all students share
    seed, of, base, earlier, held, scratch, work, kept, arms: Iterable[str]
):
    """All students of one seed."""
    given = lessons(of, range(10_000 * seed, 10_000 * seed + PICTURES), school.ODD, VIEWS, kept)
    row, sights = {"seed": seed}, {}
    for arm in arms:
        new, old = given, earlier
        if arm.startswith("hard"):
            new, old = ([dataclasses.replace(k, soft=None) for k in part] for part in (given, earlier))
        plan = dataclasses.replace(ARMS[arm], seed=seed)
        made = training.train(
            new, len(scenes.CLASSES), plan, work / f"{seed}-{arm}", job.Silent(), earlier=old, begin=base
        )
        plain = [one for one in new if not pictures.is_view(one.name)]
        scales = {"": calibration.fitted(made, [*plain, *old], len(scenes.CLASSES)), RAW: None}
        for suffix, scale in scales.items():
            path = scratch / f"{seed}-{arm}{suffix}.onnx"
            path.write_bytes(exporting.exported(made, scenes.CLASSES, school.SIZE, scale=scale))
            sights[arm + suffix] = found_by(path, held)
        row[arm] = measured(sights[arm], held) | {"scale": scales[""].round(3).tolist()}
        row[arm] |= {f"acted{suffix}": acted(sights[arm + suffix], held) for suffix in scales}
        print(seed, arm, {part: row[arm][part]["map"] for part in PARTS}, flush=True)
    truth = [school.boxes(scene) for scene in held]
    in_use = found_by(scratch / "in_use.onnx", held)
    for name, after, before in (
        ("against_hard", sights["soft"], sights["hard"]),
        ("against_hard_uncalibrated", sights["soft" + RAW], sights["hard" + RAW]),
        ("against_in_use", sights["soft"], in_use),
    ):
        judged = gate.judge(
            after, before, truth, scenes.CLASSES, scenes.CLASSES, gate.Plan(resamples=500, threshold=ACTED)
        )
        row[name] = {k.name: k.model_dump(exclude={"name"}) for k in judged}
    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--seeds", default="31-35")
    parser.add_argument("--held", type=int, default=7_000_000, help="first seed of the pictures held back")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    first, _, last = asked.seeds.partition("-")
    began = time.process_time()
    asked.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        large, small = school.teacher(asked.keep / "teacher.pt"), school.in_use(asked.keep / "in_use.pt")
        shown = asked.keep / "teacher.onnx"
        if not shown.is_file():
            shown.write_bytes(exporting.exported(large, scenes.CLASSES, school.SIZE, maps=True))
        (scratch / "in_use.onnx").write_bytes(exporting.exported(small, scenes.CLASSES, school.SIZE))
        held = [scenes.draw(asked.held + k, 0.5) for k in range(HELD)]
        of = teacher.Teacher(str(shown), scenes.CLASSES, school.SIZE)
        kept = stages.Stages(asked.keep / "answers")
        earlier = lessons(of, school.OF_IN_USE, 0.0, 1, kept)
        told = {
            "synthetic": True,
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "command": "python -m bench.distil.run --keep FOLDER"
            f" --seeds {asked.seeds} --held {asked.held} --arms {asked.arms}",
            "teacher": measured(found_by(shown, held), held),
            "in_use": measured(found_by(scratch / "in_use.onnx", held), held),
            "plan": {**dataclasses.asdict(PLAN), "pictures": PICTURES, "views": VIEWS, "held": HELD, "sure": SURE},
            "seeds": [],
        }
        for seed in range(int(first), int(last or first) + 1):
            told["seeds"].append(
                one(
                    seed,
                    of,
                    small.state_dict(),
                    earlier,
                    held,
                    scratch,
                    asked.keep / "students",
                    kept,
                    asked.arms.split(","),
                )
            )
            told |= summary(told["seeds"])
            told["cpu_s"] = round(time.process_time() - began)
            if asked.out:
                asked.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in told.items() if k != "seeds"}, indent=1))


if __name__ == "__main__":
    main()

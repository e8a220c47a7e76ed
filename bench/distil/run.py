"""A student taught by soft labels and attention beside one taught by hard labels alone, at equal data. Synthetic.

Both begin with the student in use, learn from the same pictures, rehearse the same earlier ones, in the same number of
rounds and by the same draws. Hard labels are the teacher's boxes from the score on that was best for them on the tuning
seeds; soft ones its heat maps, sides and attention. Every choice was made on seeds that are not reported.

    python -m bench.distil.run --keep FOLDER [--seeds 21-25] [--out bench/distil/result.json]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.distil import scenes, school
from taihang.core import job
from taihang.model.distil import answers, exporting, gate, precision, teacher, training

HERE = Path(__file__).resolve().parent
PICTURES, ROUNDS, HELD = 150, 240, 150
SURE = 0.4
PLAN = training.Plan(rounds=ROUNDS, width=12, rate=2e-3, easy=1.0)
GOAL = 3.0  # mAP points
T_975 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571}  # Student's t at 0.975 by number of seeds


def lessons(of, seeds, odd):
    """The teacher's answers about pictures."""
    found = []
    for seed in seeds:
        scene = scenes.draw(seed, odd)
        boxes, maps = of.answer(scene.image)
        hard = answers.drawn(boxes.sure(SURE), len(scenes.CLASSES), school.SIZE)
        found.append(training.Lesson(f"{seed}", scene.image, hard, maps, answers.difficulty(maps)))
    return found


def found_by(path, held):
    eye = teacher.Teacher(str(path), scenes.CLASSES, school.SIZE, lowest=0.02)
    return [eye.boxes(scene.image) for scene in held]


def measured(found, held):
    """mAP (COCO, IoU 0.50 to 0.95) and AP50 of all, of odd and hidden ones, and of the usual, in points."""
    truth = [school.boxes(scene) for scene in held]
    odd = [np.array([t.kind != scenes.USUAL for t in scene.things], bool) for scene in held]
    told = {}
    for name, asked in (("all", None), ("odd", odd), ("usual", [~one for one in odd])):
        whole, each = precision.mean(found, truth, len(scenes.CLASSES), asked=asked)
        half, _ = precision.mean(found, truth, len(scenes.CLASSES), (0.5,), asked=asked)
        told[name] = {
            "map": round(100 * whole, 2),
            "ap50": round(100 * half, 2),
            "classes": {label: round(100 * v, 2) for label, v in zip(scenes.CLASSES, each, strict=True)},
        }
    return told


def gained(rows, part, measure="map"):
    """Mean gain of soft over hard in points, with a 95% t-interval over the seeds."""
    apart = np.array([row["soft"][part][measure] - row["hard"][part][measure] for row in rows])
    half = T_975[len(apart)] * apart.std(ddof=1) / np.sqrt(len(apart)) if len(apart) > 1 else float("nan")
    return {"mean": round(float(apart.mean()), 2), "low": round(float(apart.mean() - half), 2),
            "high": round(float(apart.mean() + half), 2), "each": [round(float(v), 2) for v in apart]}  # fmt: skip


def summary(rows):
    """Gains of all seeds; `kept`: in how many seeds no class of the soft student was seen to lose against the other."""
    if len(rows) < 2:
        return {}
    gains = {how: {part: gained(rows, part, how) for part in ("all", "odd", "usual")} for how in ("map", "ap50")}
    least = {
        against: {label: min(row[against][label]["after"] - row[against][label]["before"] for row in rows)
                  for label in scenes.CLASSES}
        for against in ("against_hard", "against_in_use")
    }  # fmt: skip
    held = {how: gains[how]["all"]["mean"] >= GOAL and gains[how]["all"]["low"] > 0 for how in gains}
    return {"gain": gains, "goal_held": held, "least_change_ap50": least}


def one(  # noqa: PLR0917 - what both students share
    seed, of, base, earlier, held, scratch
):
    """Both students of one seed."""
    given = lessons(of, range(10_000 * seed, 10_000 * seed + PICTURES), school.ODD)
    row, sights = {"seed": seed}, {}
    plan = dataclasses.replace(PLAN, seed=seed)
    for arm in ("hard", "soft"):
        new, old = given, earlier
        if arm == "hard":
            new, old = ([dataclasses.replace(k, soft=None) for k in part] for part in (given, earlier))
        work = scratch / f"{seed}-{arm}"
        made = training.train(new, len(scenes.CLASSES), plan, work, job.Silent(), earlier=old, begin=base)
        path = work / "student.onnx"
        path.write_bytes(exporting.exported(made, scenes.CLASSES, school.SIZE, facts={"synthetic": "true"}))
        sights[arm] = found_by(path, held)
        row[arm] = measured(sights[arm], held)
    truth = [school.boxes(scene) for scene in held]
    for name, before in (("against_hard", sights["hard"]), ("against_in_use", found_by(scratch / "in_use.onnx", held))):
        judged = gate.judge(
            sights["soft"], before, truth, scenes.CLASSES, scenes.CLASSES, gate.Plan(resamples=200, threshold=0.25)
        )
        row[name] = {k.name: k.model_dump(exclude={"name"}) for k in judged}
    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--seeds", default="21-25")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    first, _, last = asked.seeds.partition("-")
    began = time.process_time()
    asked.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        large, small = school.teacher(asked.keep), school.in_use(asked.keep)
        (scratch / "teacher.onnx").write_bytes(exporting.exported(large, scenes.CLASSES, school.SIZE, maps=True))
        (scratch / "in_use.onnx").write_bytes(exporting.exported(small, scenes.CLASSES, school.SIZE))
        held = [scenes.draw(6_000_000 + k, 0.5) for k in range(HELD)]
        of = teacher.Teacher(str(scratch / "teacher.onnx"), scenes.CLASSES, school.SIZE)
        earlier = lessons(of, school.OF_IN_USE, 0.0)
        told = {
            "synthetic": True,
            "teacher": measured(found_by(scratch / "teacher.onnx", held), held),
            "in_use": measured(found_by(scratch / "in_use.onnx", held), held),
            "plan": {**dataclasses.asdict(PLAN), "pictures": PICTURES, "held": HELD, "sure": SURE},
            "seeds": [],
        }
        for seed in range(int(first), int(last or first) + 1):
            told["seeds"].append(one(seed, of, small.state_dict(), earlier, held, scratch))
            print(json.dumps(told["seeds"][-1]), flush=True)
            told |= summary(told["seeds"])
            told["cpu_s"] = round(time.process_time() - began)
            if asked.out:
                asked.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in told.items() if k != "seeds"}, indent=1))


if __name__ == "__main__":
    main()

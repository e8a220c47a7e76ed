"""Key frames under ego-motion with and without the light temporal classifier, and what it costs.

    python -m bench.temporal.run MODEL [--seeds 10-19] [--out bench/temporal/result.json]

The films are bench/ego's: another background and other people than anything the shipped weights have learnt from.
Seeds 0 to 9 are for tuning, 10 to 19 for reporting. At 1% of the frames each contender chooses; a moment (somebody
comes or goes) counts when a chosen frame is within a second of it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from bench.ego import peers, render, score
from taihang.app import temporal
from taihang.core import job
from taihang.engines.media import packets as packeting
from taihang.use.video.select import boundaries, budget, saliency
from taihang.use.video.temporal import activities

BUDGETS = (0.01, 0.02)


def seed(number: int, judge: object) -> dict[str, object]:
    path, truth = render.video(number)
    moments = score.moments(truth)
    table = packeting.packets(path)
    began = time.process_time()
    signals = saliency.signals(path, table, workers=1)
    plain = boundaries.segments(signals)
    prefilter = time.process_time() - began
    began = time.process_time()
    told = activities.Told(judge.card, activities.tell(path, table, judge, job.Silent()), signals.duration_s)  # type: ignore[attr-defined]
    light = time.process_time() - began
    stays = activities.presence(told)
    helped = boundaries.segments(signals, stays)
    fps, count = truth["fps"], table.num_rows
    values = peers.differences(path)
    chosen = {
        "rules": lambda b: budget.choose(plain, signals, table, budget=b)["time_s"].to_pylist(),
        "temporal": lambda b: budget.choose(helped, signals, table, budget=b)["time_s"].to_pylist(),
        "uniform": lambda b: peers.uniform(count, fps, b),
        "frame differencing": lambda b: peers.difference_choice(values, fps, b),
    }
    there = np.zeros(len(told.times), bool)
    for stay in truth["stays"]:
        there |= (told.times >= stay["appears_s"]) & (told.times <= stay["leaves_s"])
    index = [told.card.classes.index(name) for name in told.card.presence]
    said = told.going_on()[:, index].any(axis=1)
    return {
        "seed": number,
        "moments": len(moments),
        "recall": {
            name: {f"{b:.0%}": round(score.recall(pick(b), moments), 3) for b in BUDGETS}
            for name, pick in chosen.items()
        },
        "presence": {"said": round(float(said.mean()), 3), "true": round(float(there.mean()), 3),
                     "agreement": round(float((said == there).mean()), 3)},
        "cpu_s": {"prefilter": round(prefilter, 3), "temporal": round(light, 3)},
        "steps": told.outputs.num_rows,
        "frames": count,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--seeds", default="10-19")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    judge = temporal.load(options.model)
    seeds = list(range(int(first), int(last or first) + 1))
    rows: list[dict] = []
    for number in seeds:
        rows.append(seed(number, judge))
        print(json.dumps(rows[-1]), flush=True)
        result = record(rows, judge.version)
        if options.out:  # after every seed: a run that is ended early has its record
            options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({k: v for k, v in result.items() if k != "per_seed"}, indent=1))


def record(rows: list[dict], version: str) -> dict[str, object]:
    """What is kept of a run."""
    names = list(rows[0]["recall"])
    median = {n: {b: statistics.median(r["recall"][n][b] for r in rows) for b in rows[0]["recall"][n]} for n in names}
    light, steps = sum(r["cpu_s"]["temporal"] for r in rows), sum(r["steps"] for r in rows)
    gains = [r["recall"]["temporal"]["1%"] - r["recall"]["rules"]["1%"] for r in rows]
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": " ".join(["python -m bench.temporal.run MODEL", *sys.argv[2:]]),
        "weights": version,
        "cores": os.cpu_count(),
        "seeds": [r["seed"] for r in rows],
        "n": {"seeds": len(rows), "moments": sum(r["moments"] for r in rows), "backgrounds": 1},
        "median_recall": median,
        "better_worse_seeds_at_1%": [sum(g > 0 for g in gains), sum(g < 0 for g in gains)],
        "beats_rules_at_1%": median["temporal"]["1%"] > median["rules"]["1%"],
        "cpu_s_a_step": round(light / max(steps, 1), 5),
        "cpu_s_a_film_frame": round(light / max(sum(r["frames"] for r in rows), 1), 6),
        "per_seed": rows,
    }


if __name__ == "__main__":
    main()

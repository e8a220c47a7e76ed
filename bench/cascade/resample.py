"""Whether the bound on the miss rate holds as often as it says: 1,000 calibrations, each from new data.

Each resample draws calibration scores of true violations from a known population, learns the threshold, and asks the
population for the true miss rate at that threshold. Populations: three with smooth scores, one with ties, one in which
segments of one event are alike (then events are the units). The bound may be broken in 5 % of resamples.

    python -m bench.cascade.resample [--out bench/cascade/resample.json]
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np

from taihang.model.routing import bound

HERE = Path(__file__).resolve().parent
ROUNDS, LIMIT, DELTA = 1000, 0.05, 0.05


def population(name, random, events):
    """Scores of true violations, and the event of each."""
    if name == "clustered":
        base = random.beta(4, 2, events)
        scores = np.clip(base[:, None] + random.normal(0, 0.05, (events, 5)), 0, 1)
        return scores.ravel(), np.repeat(np.arange(events), 5)
    draws = {
        "clear": lambda: random.beta(6, 2, events),
        "hard": lambda: random.beta(1.5, 1.5, events),
        "two kinds": lambda: np.where(
            random.random(events) < 0.9, random.beta(8, 2, events), random.beta(1, 4, events)
        ),
        "ties": lambda: np.round(random.beta(4, 2, events), 1),
    }
    return draws[name](), None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "resample.json")
    arguments = parser.parse_args()
    found = {}
    for number, name in enumerate(("clear", "hard", "two kinds", "ties", "clustered")):
        random = np.random.default_rng([20261130, number])
        whole = population(name, np.random.default_rng([1, number]), 400_000)[0]
        held = broken = 0
        for _ in range(ROUNDS):
            scores, events = population(name, random, 250)
            got = bound.learn(scores, limit=LIMIT, delta=DELTA, groups=None if events is None else events.tolist())
            if got.threshold is not None:
                held += 1
                broken += float((whole < got.threshold).mean()) > LIMIT
        allowed = DELTA + 1.645 * math.sqrt(DELTA * (1 - DELTA) / ROUNDS)
        found[name] = {
            "resamples": ROUNDS,
            "a threshold held": held,
            "bound broken": broken / ROUNDS,
            "allowed (5 % and one-sided 95 % binomial error)": round(allowed, 4),
            "within": broken / ROUNDS <= allowed,
        }
        print(name, found[name], flush=True)
    told = {"what": __doc__.splitlines()[0], "limit": LIMIT, "delta": DELTA, "units": 250, "synthetic": True}
    arguments.out.write_text(json.dumps({**told, "populations": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

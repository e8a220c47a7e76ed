"""Fits what comes along with the package: the calibrator of the statistical judge. Rerun: python -m bench.causes.fit"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path

import numpy as np

from taihang.model.causes import book as books
from taihang.model.causes import calibration, candidates, events, scenarios, statistical

TARGET = Path(calibration.__file__).parent / "parameters"
BOOK = books.Book.model_validate(books.OPEN)


def measured(seed: int):
    """One scenario of the branching process: every fourth has no causes."""
    made = scenarios.scenario(seed, null=seed % 4 == 3)
    line = events.timeline(made.log)
    proposed = candidates.candidates(made.log.kinds, BOOK)
    found = statistical.judge(line, proposed, BOOK)
    able = [n for n, s in enumerate(found) if not s.reason]
    rows = calibration.measures(found)[able]
    truth = np.array([(proposed[n].cause, proposed[n].effect) in made.edges for n in able], float)
    return rows.reshape(-1, len(calibration.MEASURES)), truth


def gather(seeds: range, kept: Path):
    """Measures of all seeds; each is kept in a file, so that a run that was stopped goes on."""
    parts = []
    for seed in seeds:
        path = kept / f"{seed}.pkl"
        if not path.exists():
            path.with_suffix(".part").write_bytes(pickle.dumps(measured(seed)))
            path.with_suffix(".part").rename(path)
        parts.append(pickle.loads(path.read_bytes()))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument(
        "--seeds", type=int, default=240, help="scenarios for the regression, and as many for the steps"
    )
    options.add_argument("--keep", type=Path, default=Path("out/causes"), help="a folder to keep the measures in")
    given = options.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    first = gather(range(given.seeds), given.keep)
    second = gather(range(100_000, 100_000 + given.seeds), given.keep)
    made = calibration.fit("branching-isotonic", calibration.MEASURES, first, second)
    (TARGET / "statistical.json").write_bytes(calibration.dump(made))
    p = made.probability(second[0])
    print(f"{len(first[1])} and {len(second[1])} candidates, {int(second[1].sum())} edges")
    print(f"calibration error where it was fitted: {calibration.error(p, second[1]):.4f}")


if __name__ == "__main__":
    main()

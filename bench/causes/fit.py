"""Fits what comes along with the package: the calibrators of the confidence. Rerun: python -m bench.causes.fit

`statistical` is for the statistical judge alone, `both` for it with the graph network; `network-alone` stays here and
serves the comparison of the parts. No scenario is one that the network learned from.
"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path

import numpy as np

from bench.causes import scenarios
from taihang.model.causes import book as books
from taihang.model.causes import calibration, candidates, events, statistical
from taihang.model.causes.network import scores

TARGET = Path(calibration.__file__).parent / "parameters"
ALONE = Path(__file__).with_name("network-alone.json")
BOOK = books.Book.model_validate(books.OPEN)
COUNTS = ("causes", "effects")


def measured(seed: int, recordings: int | None, kept: Path):
    """One scenario of the branching process: every fourth has no causes. What takes long is kept in a file."""
    made = scenarios.scenario(seed, null=seed % 4 == 3, recordings=recordings)
    line = events.timeline(made.log)
    proposed = candidates.candidates(made.log.kinds, BOOK)
    path = kept / f"{recordings or 'many'}-{seed}.pkl"
    if not path.exists():
        found = statistical.judge(line, proposed, BOOK)
        able = [n for n, s in enumerate(found) if not s.reason]
        path.with_suffix(".part").write_bytes(pickle.dumps((calibration.measures(found)[able], able)))
        path.with_suffix(".part").rename(path)
    rows, able = pickle.loads(path.read_bytes())
    told = scores.scores(line, proposed).measures if proposed else np.zeros((0, len(scores.MEASURES)))
    truth = np.array([(proposed[n].cause, proposed[n].effect) in made.edges for n in able], float)
    return np.concatenate([rows.reshape(-1, len(calibration.MEASURES)), told[able]], axis=1), truth


def gather(seeds: range, kept: Path, recordings: int | None = None):
    """Measures and truth of all seeds; a run that was stopped goes on."""
    parts = [measured(seed, recordings, kept) for seed in seeds]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def columns(names) -> list[int]:
    """Where measures stand among all."""
    return [(*calibration.MEASURES, *scores.MEASURES).index(name) for name in names]


def halves(kept: Path, parts):
    """Measures and truth for the regression, then for the steps; `parts` are (recordings, scenarios)."""
    for first in (0, 100_000):
        found = [gather(range(first, first + n), kept, count) for count, n in parts]
        yield np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument(
        "--seeds", type=int, default=160, help="scenarios for the regression, and as many for the steps"
    )
    options.add_argument("--keep", type=Path, default=Path("out/causes"), help="a folder to keep the measures in")
    given = options.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    n = given.seeds
    many = tuple(halves(given.keep, ((None, n),)))
    mixed = tuple(halves(given.keep, ((None, n), (1, n * 2 // 3), (2, n // 3))))
    for name, names, path, (first, second) in (
        ("branching-isotonic", calibration.MEASURES, TARGET / "statistical.json", many),
        ("branching-gatv2-isotonic", (*calibration.MEASURES, *scores.MEASURES), TARGET / "both.json", mixed),
        ("gatv2-alone-isotonic", (*scores.MEASURES, *COUNTS), ALONE, mixed),
    ):
        at = columns(names)
        made = calibration.fit(name, names, (first[0][:, at], first[1]), (second[0][:, at], second[1]))
        path.write_bytes(calibration.dump(made))
        p = made.probability(second[0][:, at])
        print(f"{name}: {len(second[1])} candidates, {int(second[1].sum())} edges, calibration error where it was "
              f"fitted {calibration.error(p, second[1]):.4f}")  # fmt: skip


if __name__ == "__main__":
    main()

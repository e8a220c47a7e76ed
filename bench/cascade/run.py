"""The cascade beside everything-to-large, a fixed 0.5 threshold and a RouteLLM-style single-score router.

Segments come from `collect.py`: tuning streams for every choice (threshold, bound, sets, router, peers), reported
streams read once. The violation is somebody in a restricted zone (generated films, by the scene's own truth) or
anybody there (real clips). Recall and precision are against that truth, calls are segments that the large model judges.

    python -m bench.cascade.run TUNE.json REPORT.json --bound BOUND.json [--out bench/cascade/result.json]
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np

from taihang.core import words
from taihang.model.routing import bound, conformal, paths, router

HERE = Path(__file__).resolve().parent
LIMITS = (0.05, 0.1)
ALPHA = 0.1
FADE = 10.0  # pixels over which a person's nearness to the zone fades: feet may be hidden
USUAL = 0.34  # complexity of the median segment without a violation
LARGE_SURE, LARGE_REACH = 0.2, 10.0
GOAL_CALLS, GOAL_RECALL = 0.2, 0.01
POLICY = paths.Policy(paths=(paths.DEFAULT[0], paths.DEFAULT[2]))


def read(path):
    """The rows with the edge's score and the large model's verdict; how both are made was chosen on tuning streams."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    for row in rows:
        near = max((s * float(np.exp(-away / FADE)) for s, away in row["edge"]), default=0.0)
        # Who stands in the dark is overlooked: a picture that is harder than usual speaks for a violation too.
        row["score"] = 1 - (1 - near) * (1 - max(0.0, row["complexity"] - USUAL))
        row["large"] = any(s >= LARGE_SURE and away <= LARGE_REACH for s, away in row["large"])
    return rows


def columns(rows):
    names = ("violated", "score", "complexity", "large")
    return {name: np.array([row[name] for row in rows], float) for name in names}


def ours(tune_rows, more_rows, rows, limit, budget_share, *, whole=False):
    """Verdict and whether the large model was asked, for each row; and the bound."""
    true = [r for r in (*tune_rows, *more_rows) if r["violated"]]
    held = bound.learn([r["score"] for r in true], limit=limit, groups=[r["event"] for r in true], whole=whole)
    sets = conformal.fit([r["score"] for r in tune_rows], [r["violated"] for r in tune_rows], alpha=ALPHA)
    unsure = sets.uncertainty([r["score"] for r in rows])
    segments = [
        router.Segment(
            id=str(n),
            kind="restricted",
            level=words.Level.orange,
            score=row["score"],
            complexity=row["complexity"],
            uncertainty=float(unsure[n]),
            certain=sets.of(row["score"]) == {"present"},
        )
        for n, row in enumerate(rows)
    ]
    budget = budget_share * len(rows) * POLICY.paths[1].cost
    asked = np.zeros(len(rows), bool)
    for one in router.route(segments, POLICY, {"restricted": held}, budget):
        # What the edge is certain of it has warned of: a call would change nothing.
        asked[int(one.segment.id)] = one.path != "edge" and not one.segment.certain
    certain = np.array([s.certain for s in segments])
    verdict = np.where(asked, columns(rows)["large"] > 0, certain)
    return verdict, asked, held


def logistic(features, target, ridge=1e-2):
    x = np.c_[np.ones(len(features)), features]
    weights = np.zeros(x.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (p - target) + ridge * weights
        weights -= np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + ridge * np.eye(len(weights)), gradient)
    return weights


def single_score(tune, rows, goal):
    """RouteLLM-style: the chance that the large model is right where the edge is wrong, and one cut on it.

    The cut is the highest on the tuning streams at which recall stays within a point of everything-to-large.
    """

    def features(c):
        return np.c_[c["score"], c["score"] ** 2, c["complexity"], np.abs(c["score"] - 0.5)]

    edge = tune["score"] >= 0.5
    target = (edge != (tune["violated"] > 0)) & ((tune["large"] > 0) == (tune["violated"] > 0))
    weights = logistic(features(tune), target.astype(float))

    def win(c):
        return 1 / (1 + np.exp(-np.c_[np.ones(len(c["score"])), features(c)] @ weights))

    best = 0.0
    for cut in np.unique(win(tune)):
        asked = win(tune) >= cut
        if rates(np.where(asked, tune["large"] > 0, edge), asked, tune)["recall"] >= goal - GOAL_RECALL:
            best = max(best, float(cut))
    asked = win(rows) >= best
    return np.where(asked, rows["large"] > 0, rows["score"] >= 0.5), asked


def rates(verdict, asked, c):
    true = c["violated"] > 0
    hit, said = int((verdict & true).sum()), int(verdict.sum())
    return {
        "recall": round(hit / max(1, int(true.sum())), 4),
        "precision": round(hit / max(1, said), 4),
        "calls": int(asked.sum()),
        "share of calls": round(float(asked.mean()), 4),
    }


def spread(verdict, large, rows, rounds=1000):
    """95 % interval of the recall lost against everything-to-large, events drawn anew."""
    true = np.array([r["violated"] for r in rows])
    names, place = np.unique([r["event"] for r in rows], return_inverse=True)
    random = np.random.default_rng(7)
    lost = []
    gain = (large & true).astype(float) - (verdict & true)
    per = np.bincount(place, weights=gain, minlength=len(names)), np.bincount(place, weights=true, minlength=len(names))
    for _ in range(rounds):
        drawn = random.integers(len(names), size=len(names))
        lost.append(per[0][drawn].sum() / max(1, per[1][drawn].sum()))
    return [round(float(v), 4) for v in np.quantile(lost, [0.025, 0.975])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tune", type=Path)
    parser.add_argument("report", type=Path)
    parser.add_argument("--bound", type=Path, help="more events for the bound alone, of films that nothing else reads")
    parser.add_argument("--out", type=Path, default=HERE / "result.json")
    arguments = parser.parse_args()
    tune_rows, rows = read(arguments.tune), read(arguments.report)
    more_rows = read(arguments.bound) if arguments.bound else []
    tune, c = columns(tune_rows), columns(rows)
    large = c["large"] > 0
    everything = rates(large, np.ones(len(rows), bool), c)
    goal = rates(tune["large"] > 0, np.ones(len(tune_rows), bool), tune)["recall"]
    found = {"everything to the large model": everything}
    methods = {}
    for limit, whole in itertools.product(LIMITS, (False, True)):
        verdict, asked, held = ours(tune_rows, more_rows, rows, limit, 0.02, whole=whole)
        below = [r for r in rows if r["violated"] and not held.escalates(r["score"])]
        true = [r for r in rows if r["violated"]]
        events = {r["event"] for r in true}
        missed = [np.mean([not held.escalates(r["score"]) for r in true if r["event"] == e]) for e in events]
        name = f"cascade, bound {limit:g}{' on whole events' if whole else ''}"
        methods[name] = verdict, asked
        found[name] = {
            "threshold": held.threshold,
            "independent events in the calibration": held.units,
            "violations below the threshold on the reported streams": f"{len(below)} of {len(true)}",
            "mean share of an event below it": round(float(np.mean(missed)), 4),
            "events that lie below it whole": f"{sum(m == 1 for m in missed)} of {len(events)}",
        }
    edge = c["score"] >= 0.5
    methods["edge alone at 0.5"] = edge, np.zeros(len(rows), bool)
    methods["fixed 0.5: all below goes up"] = edge | large, ~edge
    methods["single-score router (RouteLLM style)"] = single_score(tune, c, goal)
    for name, (verdict, asked) in methods.items():
        got = rates(verdict, asked, c)
        lost = round(everything["recall"] - got["recall"], 4)
        found[name] = {
            **found.get(name, {}),
            **got,
            "recall lost": lost,
            "95 % of resampled events": spread(verdict, large, rows),
            "80 % fewer calls at <= 1 point": got["share of calls"] <= GOAL_CALLS and lost <= GOAL_RECALL,
        }
    told = {
        "what": __doc__.splitlines()[0],
        "edge": "FastestDet.onnx",
        "large": "yolox_nano.onnx, standing in for a large model",
        "synthetic": "generated films; the real clips are real",
        "segments": {"tuning": len(tune_rows), "for the bound alone": len(more_rows), "reported": len(rows)},
        "streams": {k: len({r["stream"] for r in v}) for k, v in (("tuning", tune_rows), ("reported", rows))},
        "violations": {"tuning": int(tune["violated"].sum()), "reported": int(c["violated"].sum())},
        "methods": found,
    }
    arguments.out.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(told["methods"], indent=1))


if __name__ == "__main__":
    main()

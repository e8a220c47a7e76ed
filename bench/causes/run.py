"""Cause chains beside plain Granger tests and nearest-in-time pairing, on scripted scenarios; and each judge alone.

    python -m bench.causes.run            # the seeds that are reported
    python -m bench.causes.run --tune     # others, on which cuts and choices are made
    python -m bench.causes.run --few      # logs of one, two and three recordings
    python -m bench.causes.run --few --tune

The peers' cuts are those that score best on the tuning seeds, which favours them: ours has none to tune.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np

from bench.causes import fit, peers, scripted
from taihang.engines import stages
from taihang.model.causes import book, calibration, candidates, events, fdr, judging
from taihang.model.causes.network import scores

REPORTED, TUNED, NULLS, TUNED_NULLS = range(2000, 2020), range(1000, 1020), range(600, 640), range(1500, 1540)
FEW, FEW_NULLS = range(5000, 5020), range(5500, 5540)
FEW_TUNED, FEW_TUNED_NULLS = range(4000, 4020), range(4500, 4540)
RESULT = Path(__file__).with_name("result.json")
RESULT_FEW = RESULT.with_name("few.json")
CUTS = Path(__file__).with_name("cuts.json")
OPEN = book.Read(book.Book.model_validate(book.OPEN), "0" * 64)
# The tests are the same, whether the network speaks or not.
_FOLDER = tempfile.TemporaryDirectory(prefix="causes-")
KEPT = stages.Stages(Path(_FOLDER.name))
# What each judge says alone, and the statistical one also under the rule that both are held to.
PARTS = ("statistical", "statistical_by_confidence", "network", "both")


def f1(found: set, truth: frozenset) -> float:
    both = len(found & truth)
    return 2 * both / max(1, len(found) + len(truth))


def ours(scene: scripted.Scene, part: str):
    """Supported edges, all confidences and their truth, and how many events there are."""
    if part == "network":
        return alone(scene)
    by_confidence = part == "statistical_by_confidence"
    judged = judging.judge(scene.log, OPEN, judges="statistical" if by_confidence else part, kept=KEPT)
    if by_confidence:
        judged = chosen(judged)
    told = [e for e in judged.edges if e.confidence is not None]
    return (
        {(e.cause, e.effect) for e in judged.of("supported")},
        np.array([e.confidence for e in told]),
        np.array([(e.cause, e.effect) in scene.edges for e in told], float),
        len(judged.line.kind),
    )


def chosen(judged: judging.Judged) -> judging.Judged:
    """The same statistics, with edges supported as when the network takes part."""
    found = [e.statistic for e in judged.edges]
    confidence = np.array([e.confidence or 0.0 for e in judged.edges])
    held = judging.promised(found, confidence, 0.05)
    edges = tuple(
        dataclasses.replace(e, verdict="supported" if h and c >= judging.CONFIDENT else "none")
        for e, h, c in zip(judged.edges, held, confidence, strict=True)
    )
    return dataclasses.replace(judged, edges=edges)


def alone(scene: scripted.Scene):
    """The network without any test: edges for as long as its confidences promise at most 5% false ones."""
    line = events.timeline(scene.log)
    proposed = candidates.candidates(scene.log.kinds, OPEN.book)
    counts = {kind: len(line.of(n)) for n, kind in enumerate(line.kinds)}
    numbers = np.log10([[1 + counts[one.cause], 1 + counts[one.effect]] for one in proposed])
    p = calibration.read(fit.ALONE.read_bytes()).probability(
        np.column_stack([scores.scores(line, proposed).measures, numbers])
    )
    able = [n for n, one in enumerate(proposed) if min(counts[one.cause], counts[one.effect]) >= 5]
    order = sorted(able, key=lambda n: -p[n])
    wrong = np.cumsum([1 - p[n] for n in order]) / np.arange(1, len(order) + 1)
    found = {(proposed[n].cause, proposed[n].effect) for n, w in zip(order, wrong, strict=True) if w <= 0.05}
    truth = np.array([(proposed[n].cause, proposed[n].effect) in scene.edges for n in able], float)
    return found, p[able], truth, len(line.kind)


def cut(found: list[dict], truths: list[frozenset], grid) -> float:
    """The cut with the best mean F1."""
    return max(
        grid,
        key=lambda c: np.mean([f1({p for p, v in s.items() if v >= c}, t) for s, t in zip(found, truths, strict=True)]),
    )


def tune() -> None:
    scenes = [scripted.scene(seed) for seed in TUNED]
    lines = [events.timeline(s.log) for s in scenes]
    truths = [s.edges for s in scenes]
    held = {
        "granger": cut([peers.granger(x) for x in lines], truths, np.linspace(1, 40, 118)),
        "nearest": cut([peers.nearest(x) for x in lines], truths, np.linspace(0.05, 0.9, 86)),
    }
    CUTS.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
    print(held)
    nulls = [scripted.scene(seed, null=True) for seed in TUNED_NULLS]
    for part in PARTS:
        print(part, json.dumps(summed(scenes, nulls, part)[0]), flush=True)


def summed(scenes: list[scripted.Scene], nulls: list[scripted.Scene], part: str):
    """What one judge, or both, say of scenes with and without causes; and each scene's F1 and counts."""
    told = [ours(s, part) for s in scenes]
    rows = [
        {"f1": f1(t[0], s.edges), "false": len(t[0] - s.edges), "found": len(t[0]), "right": len(t[0] & s.edges)}
        for t, s in zip(told, scenes, strict=True)
    ]
    p, y = np.concatenate([t[1] for t in told]), np.concatenate([t[2] for t in told])
    likely = p >= 0.05
    empty = [ours(s, part) for s in nulls]
    return {
        "mean_f1": round(float(np.mean([r["f1"] for r in rows])), 4),
        "least_f1": round(min(r["f1"] for r in rows), 4),
        "supported": sum(r["found"] for r in rows),
        "edges": sum(len(s.edges) for s in scenes),
        "right": sum(r["right"] for r in rows),
        "false_among_supported": sum(r["false"] for r in rows),
        "candidates": len(p),
        "calibration_error": round(calibration.error(p, y), 4),
        "likely_candidates": int(likely.sum()),
        "calibration_error_of_likely": round(calibration.error(p[likely], y[likely]), 4) if likely.any() else None,
        "null": {
            "candidates": sum(len(n[1]) for n in empty),
            "false_edges": sum(len(n[0]) for n in empty),
            "scenes_with_any": sum(bool(n[0]) for n in empty),
            "scenes": len(empty),
        },
    }, rows


def against(scene: scripted.Scene, cuts: dict[str, float]) -> dict[str, float]:
    """F1 of the peers on a scene."""
    line = events.timeline(scene.log)
    found = {name: getattr(peers, name)(line) for name in ("granger", "nearest")}
    row = {name: f1({pair for pair, v in s.items() if v >= cuts[name]}, scene.edges) for name, s in found.items()}
    # As a textbook has it: each test at 5 %, or at a false discovery rate of 5 %.
    row["granger_5_percent"] = f1({pair for pair, v in found["granger"].items() if v >= -np.log10(0.05)}, scene.edges)
    pairs = list(found["granger"])
    q = fdr.q_values([max(10 ** -found["granger"][pair], 1e-300) for pair in pairs])
    row["granger_fdr"] = f1({pair for pair, v in zip(pairs, q, strict=True) if v <= 0.05}, scene.edges)
    return row


def report() -> None:
    cuts = json.loads(CUTS.read_text(encoding="utf-8"))
    scenes = [scripted.scene(seed) for seed in REPORTED]
    nulls = [scripted.scene(seed, null=True) for seed in NULLS]
    theirs = [against(scene, cuts) for scene in scenes]
    parts = {part: summed(scenes, nulls, part) for part in PARTS}
    result = {
        "what": "directed edges between kinds, scripted scenarios, 20% missed and 5% false detections (synthetic)",
        "seeds": [REPORTED.start, REPORTED.stop - 1],
        "null_seeds": [NULLS.start, NULLS.stop - 1],
        "tuned_on_seeds": [TUNED.start, TUNED.stop - 1],
        "default": judging.DEFAULT,
        "ours": {part: told for part, (told, _) in parts.items()},
        "peers_mean_f1": {name: round(float(np.mean([r[name] for r in theirs])), 4) for name in theirs[0]},
        "rows": [
            {"seed": seed, **row, **{part: parts[part][1][n]["f1"] for part in PARTS}}
            for n, (seed, row) in enumerate(zip(REPORTED, theirs, strict=True))
        ],
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in result.items() if k != "rows"}, indent=1))


def few(*, tuning: bool) -> None:
    """How much less can be told of one film than of many."""
    seeds, nulls = (FEW_TUNED, FEW_TUNED_NULLS) if tuning else (FEW, FEW_NULLS)
    rows = []
    for count in (1, 2, 3):
        scenes = [scripted.scene(seed, recordings=count) for seed in seeds]
        empty = [scripted.scene(seed, null=True, recordings=count) for seed in nulls]
        happened = sum(len(r.events) for s in scenes for r in s.log.recordings)
        told = {part: summed(scenes, empty, part)[0] for part in PARTS}
        rows.append({"recordings": count, "events": happened, **told})
        print(json.dumps(rows[-1]), flush=True)
    if not tuning:
        result = {"seeds": [seeds.start, seeds.stop - 1], "null_seeds": [nulls.start, nulls.stop - 1], "rows": rows}
        RESULT_FEW.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--tune", action="store_true")
    options.add_argument("--few", action="store_true")
    given = options.parse_args()
    if given.few:
        few(tuning=given.tune)
    elif given.tune:
        tune()
    else:
        report()


if __name__ == "__main__":
    main()

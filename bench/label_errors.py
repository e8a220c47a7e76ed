"""Label errors beside cleanlab on the same detections: planted swaps, shifts and omissions in 5 to 20% of images.

    python bench/label_errors.py [--out bench/label_errors.json]

Needs `cleanlab` and `scikit-learn` in the environment; they are no part of Taihang. Scenes, labels and
detections are drawn (synthetic): a detector that misses, doubles, confuses and jitters, at three qualities.
Both see the same arrays. The figure is the area under the precision-recall curve of images with an error.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from cleanlab.object_detection import rank
from sklearn.metrics import average_precision_score

from taihang.data.quality.metrics.boxes import Marked
from taihang.data.quality.metrics.suspects import Detected, suspicions

CLASSES = ("helmet", "vest", "person", "gloves")
QUALITIES = {"good": (0.02, 0.03, 0.02, 0.02), "fair": (0.05, 0.1, 0.06, 0.05), "poor": (0.09, 0.2, 0.12, 0.1)}


def truth(chance: np.random.Generator) -> Marked:
    count = int(chance.integers(3, 9))
    corner = chance.uniform(0, 1, (count, 2)) * [1100, 560]
    size = chance.uniform(30, 160, (count, 2))
    return Marked(np.hstack([corner, corner + size]), tuple(chance.choice(CLASSES, count)))


def detected(one: Marked, chance: np.random.Generator, quality: tuple[float, float, float, float]) -> Detected:
    jitter, missed, confused, spurious = quality
    boxes, names, scores = [], [], []
    for corners, name in zip(one.corners, one.names, strict=True):
        if chance.random() < missed:
            continue
        size = np.tile(corners[2:] - corners[:2], 2)
        wrong = chance.random() < confused
        boxes.append(corners + chance.normal(0, jitter, 4) * size)
        names.append(chance.choice([c for c in CLASSES if c != name]) if wrong else name)
        scores.append(chance.beta(4, 3) if wrong else chance.beta(9, 1.5))
    for _ in range(chance.poisson(spurious * len(one.names))):
        corner = chance.uniform(0, 1, 2) * [1100, 560]
        boxes.append(np.hstack([corner, corner + chance.uniform(30, 160, 2)]))
        names.append(chance.choice(CLASSES))
        scores.append(chance.beta(2, 4))
    return Detected(np.array(boxes).reshape(-1, 4), tuple(names), np.array(scores))


def spoilt(one: Marked, kind: str, chance: np.random.Generator) -> Marked:
    at = int(chance.integers(len(one.names)))
    if kind == "omission":
        keep = np.arange(len(one.names)) != at
        return Marked(one.corners[keep], tuple(n for i, n in enumerate(one.names) if i != at))
    if kind == "swap":
        other = str(chance.choice([c for c in CLASSES if c != one.names[at]]))
        return Marked(one.corners, tuple(other if i == at else n for i, n in enumerate(one.names)))
    corners = one.corners.copy()
    size = np.tile(corners[at, 2:] - corners[at, :2], 2)
    corners[at] += np.tile(chance.choice([-1, 1], 2) * chance.uniform(0.25, 0.5, 2), 2) * size
    return Marked(corners, one.names)


def theirs(labels: list[Marked], found: list[Detected]) -> np.ndarray:
    number = {name: n for n, name in enumerate(CLASSES)}
    given = [{"bboxes": m.corners.astype(float), "labels": np.array([number[n] for n in m.names])} for m in labels]
    seen = []
    for one in found:
        rows = [[np.r_[c, s] for c, n, s in zip(one.corners, one.names, one.scores, strict=True) if n == name]
                for name in CLASSES]  # fmt: skip
        seen.append(np.array([np.array(r).reshape(-1, 5) for r in rows] + [None], dtype=object)[:-1])
    return 1 - rank.get_label_quality_scores(given, seen, verbose=False)


def run(images: int, seeds: range) -> list[dict[str, object]]:
    told = []
    for quality, values in QUALITIES.items():
        for kind in ("swap", "shift", "omission", "all three"):
            for share in (0.05, 0.1, 0.2):
                pairs = []
                for seed in seeds:
                    chance = np.random.default_rng(seed)
                    right = [truth(chance) for _ in range(images)]
                    found = [detected(one, chance, values) for one in right]
                    bad = chance.random(images) < share
                    kinds = ("swap", "shift", "omission") if kind == "all three" else (kind,)
                    labels = [spoilt(one, str(chance.choice(kinds)), chance) if b else one
                              for one, b in zip(right, bad, strict=True)]  # fmt: skip
                    ours = average_precision_score(bad, suspicions(labels, found))
                    peer = average_precision_score(bad, theirs(labels, found))
                    pairs.append((ours, peer))
                ours, peer = np.mean(pairs, axis=0)
                row = {"detector": quality, "errors": kind, "share": share, "taihang": round(float(ours), 3),
                       "cleanlab": round(float(peer), 3)}  # fmt: skip
                told.append(row)
                print(row, flush=True)
    return told


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    told = run(given.images, range(100, 100 + given.seeds))
    won = sum(float(str(r["taihang"])) >= float(str(r["cleanlab"])) for r in told)
    print(f"taihang at least as good in {won} of {len(told)}")
    if given.out:
        given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

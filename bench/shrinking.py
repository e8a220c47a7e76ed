"""Pictures shrunk for a detector by FFmpeg's scaler beside OpenCV's averaging of areas: what changes, what it costs.

The labelled clips of bench/presence (both parts: nothing was chosen by them), the picture in the middle of each second.
Seconds with a person: a detection "person" at the detector's own threshold. Boxes: each of one way beside the best
overlapping one (IoU >= 0.5) of its label of the other. Cost: the tensor by either way, and the network's call on one
that is ready, turn about, one thread, CPU milliseconds, medians.

    python bench/shrinking.py --weights DIR [--out bench/shrinking.json]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench" / "presence")]

import clips  # noqa: E402

from taihang.engines.predict import boxes, loading, shrinking  # noqa: E402

SCALER = shrinking.shrink


def areas(image, wide, high):
    """As it was before: OpenCV."""
    way = cv2.INTER_AREA if wide < image.shape[1] else cv2.INTER_LINEAR
    return list(cv2.split(cv2.resize(image, (wide, high), interpolation=way)))


WAYS = {"OpenCV": areas, "FFmpeg": SCALER}


def middles(clip):
    best = {}
    for one in clips.frames(clip):
        second = int(one.time_s)
        off = abs(one.time_s - second - 0.5)
        if second not in best or off < best[second][0]:
            best[second] = (off, one)
    return {second: one for second, (_, one) in sorted(best.items())}


def apart(one, other):
    """Differences of matched boxes (score, corner in pixels), and how many have no match."""
    scores, corners, alone = [], [], 0
    for row in one:
        rivals = [r for r in other if r["label"] == row["label"]]
        mine = np.array([[row[c] for c in ("x0", "y0", "x1", "y1")]], np.float32)
        theirs = np.array([[r[c] for c in ("x0", "y0", "x1", "y1")] for r in rivals], np.float32).reshape(-1, 4)
        shared = boxes.iou(mine, theirs)[0]
        if not len(shared) or shared.max() < 0.5:
            alone += 1
            continue
        best = int(shared.argmax())
        scores.append(abs(rivals[best]["score"] - row["score"]))
        corners.append(float(np.abs(theirs[best] - mine[0]).max()))
    return scores, corners, alone


def measure(detector, films, known):
    told = {way: {"right": 0, "wrong": 0, "missed": 0, "none": 0} for way in WAYS}
    spent = {name: [] for name in (*WAYS, "call")}
    scores, corners, alone, levels = [], [], 0, []
    intake, room = detector._layout.intake, detector._room()
    for clip, film in films.items():
        present = set(known[clip]["present"])
        for second, one in film.items():
            found, tensors = {}, {}
            for way, shrink in WAYS.items():
                shrinking.shrink = shrink
                found[way] = detector.predict([one]).to_pylist()
                begun = time.process_time()
                intake.tensor(one.image, room)
                spent[way].append(1000 * (time.process_time() - begun))
                tensors[way] = room / intake.rescale
                begun = time.process_time()
                detector._session.run(detector._outputs, {detector._image: room})
                spent["call"].append(1000 * (time.process_time() - begun))
                there = any(r["label"] == "person" for r in found[way])
                truth = second in present
                which = ("right" if truth else "wrong") if there else ("missed" if truth else "none")
                told[way][which] += 1
            levels.append(float(np.abs(tensors["OpenCV"] - tensors["FFmpeg"]).max()))
            for pair in (("OpenCV", "FFmpeg"), ("FFmpeg", "OpenCV")):
                near, far, single = apart(found[pair[0]], found[pair[1]])
                scores, corners, alone = scores + near, corners + far, alone + single
    return {
        "seconds": sum(map(len, films.values())),
        "seconds with a person": {
            way: {
                "recall": round(t["right"] / (t["right"] + t["missed"]), 4),
                "precision": round(t["right"] / max(1, t["right"] + t["wrong"]), 4),
                **t,
            }
            for way, t in told.items()
        },
        "boxes of both ways": len(scores) + alone,
        "without a match": alone,
        "score apart, median, 99%, most": [round(float(np.percentile(scores, q)), 4) for q in (50, 99, 100)],
        "corner apart in px, median, 99%, most": [round(float(np.percentile(corners, q)), 2) for q in (50, 99, 100)],
        "levels of 255 apart at most": round(max(levels), 2),
        "CPU ms": {name: round(statistics.median(v), 3) for name, v in spent.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "shrinking.json")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    known = json.loads((ROOT / "bench" / "presence" / "truth.json").read_text(encoding="utf-8"))["clips"]
    films = {clip: middles(clip) for clip, told in known.items() if told["sha256"] is not None}
    found = {"what": __doc__.splitlines()[0], "machine": f"{platform.machine()}, Python {platform.python_version()}"}
    for name in ("FastestDet.onnx", "yolox_nano.onnx"):
        found[name] = measure(loading.load(str(arguments.weights / name), threads=1), films, known)
        print(name, json.dumps(found[name], indent=1))
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

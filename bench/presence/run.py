"""Person presence per second: the built-in detector beside HOG alone and anything-that-moves.

Every detector gets the same frames, one a second: the frame nearest to the middle of each second.
The background is learnt from those same frames (a film's key frames in the product). Thresholds
that a peer has are chosen on the tune part; the report part is never looked at while tuning.

    python bench/presence/run.py [--out bench/presence/result.json]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from pathlib import Path

import clips
import cv2
import numpy as np
import pyarrow as pa

from taihang.engines.predict import appearance, background, loading, scene
from taihang.use.video import track

HERE = Path(__file__).resolve().parent
SMALLEST = 40 / 800  # height of the least blob that "anything that moves" counts, of the longer side
LEVELS = np.round(np.arange(0.0, 2.01, 0.1), 2).tolist()


def middles(clip):
    best = {}
    for frame in clips.frames(clip):
        second = int(frame.time_s)
        off = abs(frame.time_s - second - 0.5)
        if second not in best or off < best[second][0]:
            best[second] = (off, frame)
    return [best[second][1] for second in sorted(best)]


def builtin(frames, camera):
    """Seconds with a person: (with tracks as in the product, from single frames alone)."""
    predictor = loading.load("builtin", threads=1)
    known = scene.of(frames, camera)
    found = appearance.with_looks(frames, predictor.predict(frames, known))
    shown = pa.table({"number": [f.number for f in frames], "time_s": [f.time_s for f in frames]})
    height, width = frames[0].image.shape[:2]
    tracked = track.track(found, shown, width, height, sure=predictor.sure, camera=camera)
    tied = {int(t) for t in tracked["time_s"].to_pylist()}
    alone = {int(r["time_s"]) for r in found.to_pylist() if r["score"] >= predictor.sure}
    return tied, alone


def hog_margins(frames):
    """Best margin of OpenCV's people detector in each second, with its own default settings."""
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())
    best = {}
    for frame in frames:
        factor = min(1.0, 800 / max(frame.image.shape[:2]))
        small = cv2.resize(frame.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        _, margins = hog.detectMultiScale(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), winStride=(8, 8))
        best[int(frame.time_s)] = float(np.max(margins, initial=-1.0))
    return best


def moving(frames, camera):
    """Seconds in which anything tall enough stands out, from the background or the frame before."""
    empty = scene.of(frames, camera).background
    found = set()
    for before, frame in zip([frames[1], *frames[:-1]], frames, strict=True):
        reference = empty if empty is not None else background.small(before.image)
        mask = background.standing_out(frame.image, reference)
        least = SMALLEST * background.WIDTH
        if mask is None or any(b.y1 - b.y0 >= least for b in background.blobs(mask, int(least * least / 8))):
            found.add(int(frame.time_s))
    return found


def count(seconds, clip, part):
    wanted = set(clip[part])
    present, absent = wanted & set(clip["present"]), wanted & set(clip["absent"])
    return np.array([len(seconds & present), len(present - seconds), len(seconds & absent)])


def rates(counts):
    hit, missed, false = (int(c) for c in counts)
    return {
        "recall": round(hit / (hit + missed), 3) if hit + missed else None,
        "precision": round(hit / (hit + false), 3) if hit + false else None,
        "hit": hit,
        "missed": missed,
        "false": false,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "result.json")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    truth = json.loads((HERE / "truth.json").read_text(encoding="utf-8"))["clips"]
    said = {name: {} for name in ("builtin", "builtin, single frames", "anything that moves")}
    margins, cost = {}, {}
    for clip, known in truth.items():
        frames = middles(clip)
        start = time.process_time()
        said["builtin"][clip], said["builtin, single frames"][clip] = builtin(frames, known["camera"])
        cost[clip] = round((time.process_time() - start) / len(frames), 3)
        said["anything that moves"][clip] = moving(frames, known["camera"])
        margins[clip] = hog_margins(frames)
    cuts = {level: {c: {s for s, m in best.items() if m > level} for c, best in margins.items()} for level in LEVELS}
    said["HOG alone, OpenCV's defaults"] = cuts[0.0]
    fit = {level: rates(sum(count(v[c], truth[c], "tune") for c in truth)) for level, v in cuts.items()}
    able = [level for level in LEVELS if (fit[level]["precision"] or 0) >= 0.9]
    level = max(able, key=lambda v: (fit[v]["recall"], v))
    said[f"HOG alone, margin > {level} (best on tune at precision >= 0.9)"] = cuts[level]
    result = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores, OpenCV {cv2.__version__}, one thread",
        "frames": "one a second, nearest to the middle of the second; seconds are the unit of every number",
        "cpu_s_per_frame": cost,
        "parts": {
            part: {n: rates(sum(count(v[c], truth[c], part) for c in truth)) for n, v in said.items()}
            for part in ("report", "tune")
        },
        "report_by_clip": {n: {c: rates(count(v[c], truth[c], "report")) for c in truth} for n, v in said.items()},
    }
    arguments.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for part, rows in result["parts"].items():
        for name, row in rows.items():
            print(f"{part:7} {name:60} recall {row['recall']}  precision {row['precision']}  {row}")


if __name__ == "__main__":
    main()

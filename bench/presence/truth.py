"""Make the truth of the presence bench: in which seconds a person is seen, from dense detection.

Run once, before anything was tuned; `truth.json` is the frozen result and is not made again. A
second counts as present when YOLOX-nano finds a person (score >= 0.3) in at least half of its
frames. `seen` below is what the eye found otherwise on sheets of the frames around every change.

    python bench/presence/truth.py --out bench/presence/truth.json
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import re
from pathlib import Path

import clips

from taihang.engines.predict import loading

DETECTOR = clips.DATA / "weights" / "yolox_nano.onnx"
SCORE, SHARE = 0.3, 0.5
HOW = (
    "a second is present when YOLOX-nano finds a person (score >= 0.3) in at least half of its frames; every "
    "frame of the clips with people, one in five of the others; then corrected by eye (set_by_eye)"
)
# Seconds the detector gets wrong: it finds entering heads late.
SEEN = {
    clips.PEOPLE: {
        50: [True, "head shown from 50.3 on, found from 50.6 on"],
        92: [True, "head and shoulders shown from 92.1 on, found from 92.5 on and lost again"],
        123: [True, "head shown from 123.5 on, lost at 123.6"],
    }
}
# First second of each part. The clip's parts are its visits, cut in the middle of the empty gaps.
PARTS = {
    clips.PEOPLE: [(0, "tune"), (21, "report"), (47, "tune"), (72, "report"), (89, "tune"), (121, "report")],
    clips.WORKER: [(0, "report")],
    clips.TRAFFIC: [(0, "tune"), (12, "report")],
    clips.WALK: [(0, "tune"), (5, "report")],
    clips.EMPTY: [(0, "tune"), (10, "report")],
    clips.UPRIGHT: [(0, "report")],
}
EYE = {
    clips.PEOPLE: "six people, one after another; 3 of 12 changing seconds set by eye",
    clips.WORKER: "one worker with helmet and vest in every second; never used to tune",
    clips.TRAFFIC: "a motorway; nobody outside a vehicle",
    clips.WALK: "a path, bushes, a car park; nobody in it",
    clips.EMPTY: "rendered without people",
    clips.UPRIGHT: "rendered without people; never used to tune",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    detector = loading.load(str(DETECTOR), threshold=SCORE, threads=1)
    found = {
        "detector": {"name": DETECTOR.name, "sha256": hashlib.sha256(DETECTOR.read_bytes()).hexdigest()},
        "made": {"how": HOW, "date": "2026-11-21"},
        "clips": {clip: seconds(clip, detector) for clip in PARTS},
    }
    text = json.dumps(found, indent=1, ensure_ascii=False)
    text = re.sub(r"\[\n\s+(\d[^\]]*?)\n\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text)
    arguments.out.write_text(text + "\n", encoding="utf-8")


def seconds(clip, detector):
    total, hits = collections.Counter(), collections.Counter()
    for frame in clips.frames(clip):
        second = int(frame.time_s)
        total[second] += 1
        # Where nobody is, one frame in five is enough to look for a mistake of the eye.
        if clip in (clips.PEOPLE, clips.WORKER) or frame.number % 5 == 0:
            hits[second] += "person" in detector.predict([frame])["label"].to_pylist()
    present = {s: hits[s] >= SHARE * total[s] for s in total}
    present |= {s: value for s, (value, _) in SEEN.get(clip, {}).items()}
    halves = {s: [half for first, half in PARTS[clip] if first <= s][-1] for s in total}
    source = None if "synthetic" in clip else hashlib.sha256((clips.VIDEO / clip).read_bytes()).hexdigest()
    return {
        "sha256": source,
        "camera": clips.CAMERA[clip],
        "eye": EYE[clip],
        "set_by_eye": {str(s): why for s, (_, why) in SEEN.get(clip, {}).items()},
        "present": [s for s in sorted(total) if present[s]],
        "absent": [s for s in sorted(total) if not present[s]],
        "tune": [s for s in sorted(total) if halves[s] == "tune"],
        "report": [s for s in sorted(total) if halves[s] == "report"],
    }


if __name__ == "__main__":
    main()

"""Segments of many streams with what a small and a large detector say of them, for `run.py`.

Generated streams: rooms of the scene generator, three people a film who stand in the restricted zone, half of the
films dark, dusty or blurred for a while. Real clips: those of bench/presence, whose truth is whether anybody is there.
The edge is FastestDet, the stand-in for a large model is YOLOX-nano: no vision-language model is asked here.

With `--one-event` a film gives the violated pictures of one of its three events and nothing else: many films, each an
independent draw, for the bound.

    python -m bench.cascade.collect --seeds 100-109 --part tune --out TUNE.json
    python -m bench.cascade.collect --seeds 300-499 --one-event --out BOUND.json
    python -m bench.cascade.collect --seeds 200-209 --part report --out REPORT.json
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np

from taihang.engines.media import frame as media
from taihang.engines.predict import loading
from taihang.model.routing import complexity
from taihang.use.video.scene import cast, film
from taihang.use.video.scene.script import Event, Script
from taihang.use.video.select import sight

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TAIHANG_TEST_DATA", ROOT.parent / "shared" / "data"))
STEP_S = 2.0


def script(seed):
    random = np.random.default_rng((seed, 99))
    events = [Event(kind="restricted", at_s=at, for_s=float(random.uniform(6, 10))) for at in (13.0, 43.0, 73.0)]
    if seed % 2:
        for at in (13.0, 43.0, 73.0):
            kind = ("dark", "blurred", "dust")[int(random.integers(3))]
            events.append(Event(kind=kind, at_s=at + float(random.uniform(-2, 4)), for_s=float(random.uniform(3, 8))))
    return Script(name=f"cascade-{seed}", duration_s=90, events=tuple(events))


def generated(seed, *, one_event=False):
    """Pictures two seconds apart: image, seconds, truth, the event it belongs to, the zone."""
    plan = script(seed)
    starts = [e.at_s for e in plan.of("restricted")]
    place, people = film.setting(plan, seed)
    glass = film.lens.Lens(plan, seed)
    ground = next(g for g in place.grounds if g.kind == "restricted")
    outline = np.array(ground.seen(place.backdrop(0).view).points)
    for time_s in np.arange(0.0, 90.0, STEP_S):
        event = int(np.argmin([abs(at - time_s) for at in starts]))
        if one_event and event != seed % len(starts):
            continue
        number = int(time_s * plan.fps)
        here = place.backdrop(number)
        drawn = cast.draw(here, people, number)
        rows = film.Rows(plan)
        rows.add(number, people, place.grounds, drawn)
        truth = any(ground.name in r["zones"] and r["visible"] >= 0.3 for r in rows.table().to_pylist())
        if one_event and not truth:
            continue
        image = glass.shoot(here.picture, number, [one.lamp for one in drawn if one.visible > 0.5])
        yield np.ascontiguousarray(image), float(time_s), truth, f"film-{seed}-{event}", outline


def real(part):
    """A picture a second of the real clips in one part of the truth."""
    sys.path.insert(0, str(ROOT / "bench" / "presence"))
    import clips

    known = json.loads((ROOT / "bench" / "presence" / "truth.json").read_text(encoding="utf-8"))["clips"]
    for clip, told in known.items():
        if told["sha256"] is None:
            continue
        wanted, best = set(told[part]) & (set(told["present"]) | set(told["absent"])), {}
        for one in clips.frames(clip):
            second = int(one.time_s)
            off = abs(one.time_s - second - 0.5)
            if second in wanted and (second not in best or off < best[second][0]):
                best[second] = (off, one)
        present = set(told["present"])
        for second, (_, one) in sorted(best.items()):
            # Who walks past is one event, however many seconds that takes.
            event = next(s for s in range(second, -1, -1) if s - 1 not in present)
            yield one.image, float(second), second in present, f"{clip}-{event}", None


def people(predictor, image, outline):
    """Every person found: score, and how far (pixels) the feet stand outside the outline (0 without one)."""
    found = predictor.predict([media.Frame(image, 0.0, 0, 0, key=False)]).to_pylist()
    told = []
    for row in found:
        if row["label"] == "person":
            feet = ((row["x0"] + row["x1"]) / 2, row["y1"])
            away = 0.0 if outline is None else max(0.0, -cv2.pointPolygonTest(outline.astype(np.float32), feet, True))
            told.append([round(float(row["score"]), 4), round(float(away), 1)])
    return told, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", required=True)
    parser.add_argument("--part", choices=["tune", "report"])
    parser.add_argument("--one-event", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    small = loading.load(str(DATA / "weights" / "FastestDet.onnx"), threshold=0.02, threads=1)
    large = loading.load(str(DATA / "weights" / "yolox_nano.onnx"), threshold=0.05, threads=1)
    first, last = map(int, arguments.seeds.split("-"))
    streams = {f"film-{seed}": generated(seed, one_event=arguments.one_event) for seed in range(first, last + 1)}
    if arguments.part is not None:
        streams["real clips"] = real(arguments.part)
    rows = []
    for name, pictures in streams.items():
        for image, time_s, truth, event, outline in pictures:
            near, found = people(small, image, outline)
            seen = sight.measure(sight.grey(image))
            sure = [r for r in found if r["score"] >= 0.5]
            labels = {label: sum(r["label"] == label for r in sure) for label in {r["label"] for r in sure}}
            hard = complexity.measure(
                people=labels.get("person", 0), labels=labels, motion=0.0, sharpness=seen.sharpness, luma=seen.luma
            )
            rows.append(
                {
                    "stream": name,
                    "event": event,
                    "time_s": time_s,
                    "violated": bool(truth),
                    "edge": near,
                    "complexity": round(hard.value, 4),
                    "large": people(large, image, outline)[0],
                }
            )
        arguments.out.write_text(json.dumps(rows) + "\n", encoding="utf-8")
        print(name, len(rows), sum(r["violated"] for r in rows), flush=True)


if __name__ == "__main__":
    main()

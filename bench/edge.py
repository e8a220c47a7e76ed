"""What the live tail costs beside the bare detector, how many streams a core sustains, how soon alerts leave.

Detector stage: `predict` (resize, call, boxes) beside the bare onnxruntime call on a tensor that is ready. Whole stage:
everything a stream does with a picture (detector, looks, sight, tail, rules each second, segments) beside `predict` and
beside the bare call. The same pictures, one process, one thread, turn about; CPU seconds.
Streams: 1 / (CPU seconds a picture x 5), with decoding. Alerts: a film behind a real RTSP server (GStreamer's), in
which somebody appears at known times; from the arrival of the first picture at which the rule's time was over to the
webhook's receipt.

    python bench/edge.py --film FILE [--detector builtin] [--out bench/edge.json]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import cv2

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from use.video.cascade import nodes  # noqa: E402

from taihang.app import edge  # noqa: E402
from taihang.engines.media import frame as media  # noqa: E402
from taihang.engines.media import live  # noqa: E402
from taihang.engines.predict import loading  # noqa: E402
from taihang.engines.predict import scene as scenes  # noqa: E402
from taihang.rules import rulebook  # noqa: E402
from taihang.use.video import scope  # noqa: E402
from taihang.use.video.cascade import stream  # noqa: E402

TURN = 25  # pictures that one of the two does before the other


class _Quiet:
    def alert(self, facts, film, level):
        pass

    def segment(self, name, done):
        pass


def stage(film, detector, book, pictures):
    """CPU seconds a picture: decoding, bare detector, whole stage."""
    bare = loading.load(detector, threads=1)
    gear = stream.Gear(book, scope.read(book.scope, book.id), loading.load(detector, threads=1), None, 4.0)
    one = stream.Stream("bench", live.Live(str(film)), gear, _Quiet(), print)
    shots = []
    begun = time.process_time()
    for shot in live.Live(str(film)).shots():
        if isinstance(shot, live.Shot):
            shots.append(shot)
            if len(shots) >= pictures:
                break
    decoding = (time.process_time() - begun) / len(shots)
    spent = {"call": [], "bare": [], "stage": []}
    known = scenes.Scene("fixed")
    for start in range(0, len(shots), TURN):
        part = shots[start : start + TURN]
        begun = time.process_time()
        for shot in part:
            one._film(shot)
            one._look(shot)
            one._close(shot.time_s)
        one._backdrop.close()
        spent["stage"].append((time.process_time() - begun) / len(part))
        known = one._backdrop.of(part[-1], "worn") if one._backdrop._scene is None else one._backdrop._scene
        begun = time.process_time()
        for shot in part:
            bare.predict([media.Frame(shot.image, shot.time_s, shot.number, shot.number, key=False)], known)
        spent["bare"].append((time.process_time() - begun) / len(part))
        if hasattr(bare, "_session"):
            # Each picture's own tensor, made before: a stream never hands in what the processor still holds.
            ready = [{bare._image: bare._layout.intake.tensor(shot.image)[0]} for shot in part]
            begun = time.process_time()
            for one_ready in ready:
                bare._session.run(bare._outputs, one_ready)
            spent["call"].append((time.process_time() - begun) / len(part))
    ratios = [s / b for s, b in zip(spent["stage"], spent["bare"], strict=True)]
    called = {}
    if spent["call"]:
        called = {
            "bare onnxruntime call, CPU ms": round(1000 * statistics.median(spent["call"]), 2),
            "detector stage / bare call": round(_ratio(spent["bare"], spent["call"]), 3),
            "whole stage / bare call": round(_ratio(spent["stage"], spent["call"]), 3),
        }
    whole = decoding + statistics.median(spent["stage"])
    return {
        "pictures": len(shots),
        "decoding, CPU ms": round(1000 * decoding, 2),
        "detector stage, CPU ms": round(1000 * statistics.median(spent["bare"]), 2),
        **called,
        "whole stage, CPU ms": round(1000 * statistics.median(spent["stage"]), 2),
        "whole stage / detector stage": round(statistics.median(ratios), 3),
        "each turn": [round(r, 3) for r in ratios],
        "streams a core at 5 fps": round(1 / (5 * whole), 2),
    }


def _ratio(one, other):
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def alerts(folder, seconds):
    """Seconds from the violation (a second of presence is over) to the receipt, over a real RTSP server."""
    shown = [(at, at + 3) for at in range(4, seconds, 9)]
    film = nodes.film(folder / "cam.mp4", seconds, shown)
    over, arrived = threading.Event(), []
    took = live.Live._hand

    def noted(self, picture, time_s):
        for one in took(self, picture, time_s):
            if isinstance(one, live.Shot):
                arrived.append((one.time_s, one.wall, int(one.image[60, 55, 0]) > 180))
            yield one

    live.Live._hand = noted
    with nodes.camera(film, port := nodes.free_port()), nodes.hook() as (url, got):
        plan = edge.settings(
            [f"rtsp://127.0.0.1:{port}/cam"], rules=nodes.rules(folder), detector="bright", alerts=(url,)
        )
        node = threading.Thread(target=edge.run, args=(plan,), kwargs={"out": folder / "out", "until": over})
        node.start()
        nodes.until(lambda: len(got.bodies) >= len(shown), "the alerts", seconds + 30)
        over.set()
        node.join()
    live.Live._hand = took
    waits = []
    for body, at in zip(got.bodies, got.at, strict=True):
        start = body["place"]["start_s"]
        first = next(t for t, _, there in arrived if there and t >= start - 0.6)
        due = next(wall for t, wall, _ in arrived if t >= first + 1.0)
        waits.append(at - due)
    waits.sort()
    return {
        "alerts": len(waits),
        "median s": round(statistics.median(waits), 3),
        "longest s": round(waits[-1], 3),
        "within 2 s": sum(w <= 2 for w in waits),
        "each": [round(w, 3) for w in waits],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--film", type=Path, required=True)
    parser.add_argument("--detector", action="append")
    parser.add_argument("--pictures", type=int, default=150)
    parser.add_argument("--seconds", type=int, default=90)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "edge.json")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    told = {"what": __doc__.splitlines()[0], "machine": f"{platform.machine()}, Python {platform.python_version()}"}
    told["film"] = arguments.film.name
    told["stage"] = {}
    with tempfile.TemporaryDirectory() as name:
        book = rulebook.load("mine-inspection")
        for detector in arguments.detector or ["builtin"]:
            told["stage"][Path(detector).name] = found = stage(arguments.film, detector, book, arguments.pictures)
            print(detector, found, flush=True)
        if arguments.seconds:
            told["alerts over RTSP"] = alerts(Path(name), arguments.seconds)
        else:
            # A clock means little on a full machine: what was recorded before stays.
            told["alerts over RTSP"] = json.loads(arguments.out.read_text(encoding="utf-8"))["alerts over RTSP"]
        print(told["alerts over RTSP"])
    arguments.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Recall of enter and leave moments by the chosen frames, with uniform sampling and PySceneDetect beside.

    python bench/keyframes/run.py [--data ../shared/data] [--out bench/keyframes/result.json]

The truth is frozen in truth.json. The half "tune" was looked at while the selection was built, the
half "report" was not. PySceneDetect gives scenes; the first, middle and last frame of each are its
frames (no more than the budget, the first ones), since it has no budget of its own.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import measure

BUDGETS = (0.02, 0.03)
HALVES = ("report", "tune", "whole")
GOALS = {"recall at 2%": 0.95, "recall at 3%": 1.0, "context": 0.9}


def taihang(path: Path, budget: float) -> list[float]:
    from taihang.engines.media import packets
    from taihang.use.video.select import boundaries, saliency
    from taihang.use.video.select import budget as spending

    table = packets.packets(path)
    signals = saliency.signals(path, table, workers=1)
    chosen = spending.choose(boundaries.segments(signals), signals, table, budget=budget)
    return chosen["time_s"].to_pylist()


def uniform(path: Path, budget: float) -> list[float]:
    from taihang.engines.media import packets

    times = packets.packets(path)["time_s"].to_pylist()
    count = int(budget * len(times))
    return [times[int((place + 0.5) * len(times) / count)] for place in range(count)]


def scenes(path: Path, budget: float, name: str) -> list[float]:
    import scenedetect

    from taihang.engines.media import packets

    frames = packets.packets(path).num_rows
    found = scenedetect.detect(str(path), getattr(scenedetect, name)(), start_in_scene=True)
    times: list[float] = []
    for start, end in found:
        first, last = start.seconds, max(end.seconds - 1 / start.frame_rate, start.seconds)
        times += sorted({first, (first + last) / 2, last})
    return times[: int(budget * frames)]


CONTENDERS = {
    "taihang": taihang,
    "uniform": uniform,
    "PySceneDetect ContentDetector": lambda path, budget: scenes(path, budget, "ContentDetector"),
    "PySceneDetect AdaptiveDetector": lambda path, budget: scenes(path, budget, "AdaptiveDetector"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TAIHANG_TEST_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    truth = json.loads((Path(__file__).parent / "truth.json").read_text())
    path = given.data / "video" / truth["video"]["name"]
    if hashlib.sha256(path.read_bytes()).hexdigest() != truth["video"]["sha256"]:
        sys.exit(f"{path} is not the file that the truth was made of")
    rows = []
    for name, choose in CONTENDERS.items():
        for budget in BUDGETS:
            chosen = choose(path, budget)
            for half in HALVES:
                moments = [e["time_s"] for e in truth["events"] if half in ("whole", e["half"])]
                rows.append(
                    {"who": name, "budget": budget, "frames": len(chosen), "half": half}
                    | measure.measure(chosen, moments)
                )
    print(f"{'':32}{'budget':>7}{'frames':>7}{'half':>8}{'n':>4}{'recall':>8}{'context':>9}")
    for row in rows:
        recall, context = (f"{v:.2f}" if v is not None else "-" for v in (row["recall"], row["context"]))
        print(
            f"{row['who']:32}{row['budget']:>7.0%}{row['frames']:>7}{row['half']:>8}{row['n']:>4}{recall:>8}{context:>9}"
        )
    if given.out:
        result = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "hardware": {"machine": platform.machine(), "cores": os.cpu_count()},
            "truth": "truth.json, n moments per half; hit within 1 s, context within 2 s on both sides",
            "goals": GOALS,
            "rows": rows,
        }
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

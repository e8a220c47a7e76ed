"""What it costs to judge a folder of images: images a core-minute and memory, at two sizes of folder.

    python bench/media_quality.py [--images 2000] [--out bench/media_quality.json]

Draws JPEG files of 640 × 480, runs `taihang assess` on a tenth of them and on all in processes of their own, and
reads CPU seconds and the greatest memory from the system. Flat memory: the second must be near the first.
Beside it: reading and decoding alone (OpenCV), which no such tool can do without.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from taihang.data.quality.metrics import examples

RUN = "from taihang.app.cli import main; main()"


def draw(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    chance = np.random.default_rng(1)
    scenes = [examples.scene(640, seed).pixels[:480] for seed in range(8)]
    for n in range(count):
        noise = chance.normal(0, 3, (480, 640, 1))
        picture = np.clip(np.roll(scenes[n % 8], 7 * n, axis=1) + noise, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{n:06d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])


def measured(command: list[str], home: Path) -> dict[str, float]:
    start = time.monotonic()
    child = subprocess.Popen(command, env={**os.environ, "TAIHANG_HOME": str(home)}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{command}: {status}")
    return {
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "wall_s": round(time.monotonic() - start, 2),
        "peak_mb": round(used.ru_maxrss / 1024, 1),
    }


def decoded(folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_SELF)
    cv2.setNumThreads(1)
    for path in sorted(folder.iterdir()):
        cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    told: dict[str, object] = {"images": given.images, "size": "640x480 JPEG"}
    with tempfile.TemporaryDirectory() as place:
        for name, count in (("tenth", given.images // 10), ("all", given.images)):
            folder = Path(place, name)
            draw(folder, count)
            out = Path(place, f"out-{name}")
            command = [sys.executable, "-c", RUN, "assess", str(folder), "--out", str(out), "--format", "json"]
            told[name] = {"count": count, **measured(command, Path(place, "home"))}
            again = measured(command, Path(place, "home"))
            told[f"{name}_again"] = again
        told["decode_only_cpu_s"] = decoded(Path(place, "all"))
    small, large = told["tenth"], told["all"]
    assert isinstance(small, dict)
    assert isinstance(large, dict)
    marginal = (large["cpu_s"] - small["cpu_s"]) / (large["count"] - small["count"])
    told["images_per_core_minute"] = round(60 / marginal)
    told["images_per_core_minute_with_start"] = round(60 * large["count"] / large["cpu_s"])
    told["memory_ratio"] = round(large["peak_mb"] / small["peak_mb"], 3)
    print(json.dumps(told, indent=1))
    if given.out:
        given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

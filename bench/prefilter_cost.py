"""What the prefilter costs beside a full decode and PySceneDetect's ContentDetector, and how it grows.

    python bench/prefilter_cost.py --data ../shared/data/video [--cache DIR] [--long] [--out FILE]

Each contender runs in a process of its own; CPU seconds are user and system time of that process, all
threads. Films are 1080p30 H.264 made once in the cache: real clips upscaled, with noise. With --long
the same packets are repeated to 10, 30 and 60 minutes for memory and growth.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import prefilter_film

GOPS = (250, 30)
MOST_MEMORY_MB = 700


def prefilter(path: str) -> dict[str, object]:
    """Stages 1 to 3: probe, packets, signals, segments, choice."""
    from taihang.engines.media import packets, probe
    from taihang.use.video.select import boundaries, budget, saliency

    probe.probe(path)
    table = packets.packets(path)
    signals = saliency.signals(path, table, workers=1)
    segments = boundaries.segments(signals)
    chosen = budget.choose(segments, signals, table)
    return {"frames": table.num_rows, "decoded": signals.decoded, "chosen": chosen.num_rows}


def decode(path: str) -> dict[str, object]:
    """Every frame decoded with FFmpeg's own choice of threads; no pixel is looked at."""
    import av

    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return {"frames": sum(1 for _ in container.decode(stream))}


def content(path: str) -> dict[str, object]:
    """PySceneDetect's ContentDetector with its usual defaults."""
    import scenedetect

    return {"scenes": len(scenedetect.detect(path, scenedetect.ContentDetector()))}


CONTENDERS = {"prefilter": prefilter, "full decode": decode, "ContentDetector": content}


def measured(name: str, path: Path) -> dict[str, object]:
    """One contender on one film in a fresh process."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", name, str(path)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def one(name: str, path: str) -> None:
    began = time.monotonic()
    said = CONTENDERS[name](path)
    used = resource.getrusage(resource.RUSAGE_SELF)
    said |= {
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "wall_s": round(time.monotonic() - began, 2),
        "peak_mb": round(used.ru_maxrss / 1024, 1),
    }
    print(json.dumps(said))


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], sys.argv[3])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("TAIHANG_TEST_DATA", "../shared/data")) / "video"
    )
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "taihang-bench" / "films")
    parser.add_argument("--long", action="store_true", help="also 10, 30 and 60 minutes")
    parser.add_argument("--only-long", action="store_true", help="leave the peers out")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    films = prefilter_film.base(given.data, given.cache, gops=GOPS)
    result: dict[str, object] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "hardware": {"cpu": _cpu(), "cores": os.cpu_count()},
        "film": "1080p30 H.264 veryfast, 360 s, real clips upscaled with noise",
        "goals": {"of ContentDetector": 0.2, "of full decode": 1 / 3, "peak_mb": MOST_MEMORY_MB},
        "cost": {},
        "growth": {},
    }
    for gop, film in () if given.only_long else films.items():
        row = {name: measured(name, film) for name in CONTENDERS}
        mine = row["prefilter"]["cpu_s"]
        row["of ContentDetector"] = round(mine / row["ContentDetector"]["cpu_s"], 3)
        row["of full decode"] = round(mine / row["full decode"]["cpu_s"], 3)
        result["cost"][f"GOP {gop}"] = row
        print(f"GOP {gop}:", json.dumps(row), flush=True)
    if given.long or given.only_long:
        for gop, film in films.items():
            for minutes in (10, 30, 60):
                row = measured("prefilter", prefilter_film.longer(film, minutes, given.cache))
                row["cpu_s_per_min"] = round(row["cpu_s"] / minutes, 3)
                result["growth"][f"GOP {gop}, {minutes} min"] = row
                print(f"GOP {gop}, {minutes} min:", json.dumps(row), flush=True)
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()

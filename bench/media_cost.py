"""What looking at a video costs: packets, key frames and motion vectors against a full decode.

CPU seconds of one process each, on one generated 1080p30 H.264 file:

    python bench/media_cost.py [--minutes 6] [--file FILE] [--json OUT]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def full_decode(path: str) -> int:
    """The peer: FFmpeg decodes everything on one thread, nothing is done with the pictures."""
    import av

    with av.open(path) as container:
        container.streams.video[0].thread_count = 1
        return sum(1 for _ in container.decode(video=0))


def probing(path: str) -> int:
    from taihang.engines.media import probe

    return probe.probe(path).frames


def packet_table(path: str) -> int:
    from taihang.engines.media import packets

    return packets.packets(path).num_rows


def key_frames(path: str) -> int:
    from taihang.engines.media import keyframes

    return sum(1 for _ in keyframes.keyframes(path))


def vectors_quarter(path: str) -> int:
    from taihang.engines.media import motion, packets

    table = packets.packets(path)
    end = float(table["time_s"][-1].as_py())
    # A quarter of the file in eight spans, as the budget allows at most.
    spans = [(end * n / 8, end * n / 8 + end / 32) for n in range(8)]
    return sum(1 for _ in motion.motion(path, spans, packets=table))


def vectors_sparse(path: str) -> int:
    from taihang.engines.media import motion, packets

    table = packets.packets(path)
    end = float(table["time_s"][-1].as_py())
    spans = [(end * n / 8, end * n / 8 + end / 32) for n in range(8)]
    return sum(1 for _ in motion.motion(path, spans, packets=table, sparse=True))


def frames_2_percent(path: str) -> int:
    from taihang.engines.media import frames, packets

    table = packets.packets(path)
    return sum(1 for _ in frames.frames(path, range(0, table.num_rows, 50), table))


STEPS: dict[str, Callable[[str], int]] = {
    "full decode": full_decode,
    "probe": probing,
    "packets": packet_table,
    "key frames": key_frames,
    "motion of a quarter": vectors_quarter,
    "the same, sparse": vectors_sparse,
    "2 % of the frames": frames_2_percent,
}


def _measure(step: str, path: str, pipe: object) -> None:
    import taihang.engines.media.frames
    import taihang.engines.media.keyframes
    import taihang.engines.media.motion
    import taihang.engines.media.probe  # noqa: F401  # imports are not what is measured

    before = resource.getrusage(resource.RUSAGE_SELF)
    count = STEPS[step](path)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    pipe.send((count, cpu, after.ru_maxrss / 1024))  # type: ignore[attr-defined]


def measure(step: str, path: Path) -> tuple[int, float, float]:
    """Items, CPU seconds and peak MB of one step in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(step, str(path), theirs))
    process.start()
    result: tuple[int, float, float] = ours.recv()
    process.join()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--skip", action="append", default=[], choices=STEPS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = asked.file
        if path is None:
            from tests.fixtures import videos

            path = Path(folder) / "film.mp4"
            videos.long_film(path, asked.minutes)
        rows = {step: measure(step, path) for step in STEPS if step not in asked.skip}
    whole = rows.get("full decode", (0, 0.0, 0.0))[1]
    print(f"{'step':<22}{'items':>8}{'CPU s':>9}{'of decode':>11}{'peak MB':>9}")
    for step, (count, cpu, memory) in rows.items():
        print(f"{step:<22}{count:>8}{cpu:>9.2f}{cpu / whole if whole else float('nan'):>11.3f}{memory:>9.0f}")
    if asked.json:
        asked.json.write_text(json.dumps({"minutes": asked.minutes, "steps": rows}, indent=1))


if __name__ == "__main__":
    main()

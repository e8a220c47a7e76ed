"""Key frames under ego-motion: Taihang's selection beside frame differencing, uniform sampling and PySceneDetect.

    python -m bench.ego.run [--seeds 10-19] [--out bench/ego/result.json]

Seeds 0–9 are for tuning, 10–19 for reporting. One background clip and six people are all there is: twenty seeds vary
the walk, the visits, the light and the coder, and are not twenty samples.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import time
from pathlib import Path

from bench.ego import inputs, peers, render, score

BUDGETS = (0.03, 0.02, 0.01, 0.0067)
MOST_SHARE = 0.55  # of the film as events, about what Taihang calls events on the tuning seeds
TUNE = range(10)
LIMITS = (
    "one background clip of 10.5 s walked to and fro, six people: the seeds are not independent samples",
    "people are pasted: nobody is hidden by plants or walls, and shadows are a soft spot under the feet",
    "at 30 frames a second, 3% or 2% of them stand less than 2 s apart: uniform sampling has every moment within 1 s",
    "told is only worth what it is above told_by_chance, the same segments against the truth shifted round the video",
)


def taihang(path: Path, budgets: tuple[float, ...]) -> dict:
    """Segments and selections of the product's prefilter on one file, with its CPU seconds."""
    from taihang.engines.media import packets
    from taihang.use.video.select import boundaries, budget, saliency

    began = time.process_time()
    table = packets.packets(path)
    signals = saliency.signals(path, table, workers=1)
    segments = boundaries.segments(signals)
    cost = time.process_time() - began
    events = [(row["start_s"], row["end_s"]) for row in segments.to_pylist() if row["kind"] == "event"]
    chosen = {b: budget.choose(segments, signals, table, budget=b)["time_s"].to_pylist() for b in budgets}
    return {"segments": events, "chosen": chosen, "cpu_s": round(cost, 2)}


def kept(name: str, path: Path, make) -> object:
    """A peer's answer from the cache beside the video; peers do not change between runs."""
    notes = path.with_name(f"{path.stem}-{name}.json")
    if not notes.exists():
        notes.write_text(json.dumps(make()))
    return json.loads(notes.read_text())


def answers(seed: int, setting: tuple[float, float], with_product: bool = True) -> tuple[dict, dict[str, dict]]:
    """Truth of a seed, and what each contender says about it."""
    import numpy as np

    path, truth = render.video(seed)
    fps, count = truth["fps"], round(truth["seconds"] * truth["fps"])
    values = np.array(kept("differences", path, lambda: peers.differences(path).tolist()))
    z, window = setting
    out = {
        "frame differencing": {
            "segments": peers.difference_segments(values, fps, z, window),
            "chosen": {b: peers.difference_choice(values, fps, b) for b in BUDGETS},
        },
        "uniform": {"segments": [], "chosen": {b: peers.uniform(count, fps, b) for b in BUDGETS}},
    }
    for name in ("ContentDetector", "AdaptiveDetector"):
        cuts = kept(name, path, lambda name=name: peers.cuts(path, name))
        out[f"PySceneDetect {name}"] = {
            "segments": [(c, c) for c in cuts],
            "chosen": {b: cuts[: int(count * b)] for b in BUDGETS},
        }
    if with_product:
        out["taihang"] = taihang(path, BUDGETS)
    return truth, out


def measure(truth: dict, answer: dict) -> dict:
    moments = score.moments(truth)
    segments = answer["segments"]
    return {
        "moments": len(moments),
        **{f"recall@{b:.2%}": round(score.recall(answer["chosen"][b], moments), 3) for b in BUDGETS},
        "told": round(score.told(segments, moments), 3),
        "told_by_chance": round(score.chance(segments, moments, truth["seconds"]), 3),
        "edges_told": round(score.edges_told(segments, moments), 3),
        "segments_per_min": round(len(segments) / truth["seconds"] * 60, 2),
        "false_per_min": round(score.false(segments, moments) / truth["seconds"] * 60, 2),
        "event_share": round(score.share(segments, truth["seconds"]), 3),
        **({"cpu_s": answer["cpu_s"]} if "cpu_s" in answer else {}),
    }


def tune_differences(seeds: range) -> dict[str, tuple[float, float]]:
    """Frame differencing's threshold and smoothing on the tuning seeds: told, precision, F1 of both, false segments.

    Settings that call more than MOST_SHARE of the film an event are left out: with everything one event no segment is
    false and nothing is told.
    """
    import numpy as np

    known = []
    for seed in seeds:
        path, truth = render.video(seed)
        values = np.array(kept("differences", path, lambda path=path: peers.differences(path).tolist()))
        known.append((truth, values))
    table = {}
    for z in (-1.5, -1.0, -0.7, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0):
        for window in (0.1, 0.25, 0.5, 1.0):
            told, shares, right, all_ = [], [], 0, 0
            for truth, values in known:
                moments = score.moments(truth)
                segments = peers.difference_segments(values, truth["fps"], z, window)
                told.append(score.told(segments, moments))
                shares.append(score.share(segments, truth["seconds"]))
                right += len(segments) - score.false(segments, moments)
                all_ += len(segments)
            share, precise = statistics.mean(told), right / max(1, all_)
            if statistics.mean(shares) <= MOST_SHARE:
                table[z, window] = (share, precise, 2 * share * precise / max(1e-9, share + precise), all_ - right)
    return table


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="10-19")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--peers-only", action="store_true")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    tuned = tune_differences([s for s in TUNE if (inputs.cache() / f"walk-{render.VERSION}-{s:02d}.json").exists()])
    best = max(tuned, key=lambda key: tuned[key][2])
    for key, row in sorted(tuned.items(), key=lambda item: -item[1][2])[:5]:
        print("frame differencing z, window:", key, "told, precise, F1, false:", [round(v, 2) for v in row])
    rows: dict[str, list[dict]] = {}
    for seed in seeds:
        truth, said = answers(seed, best, not options.peers_only)
        for name, answer in said.items():
            rows.setdefault(name, []).append({"seed": seed, **measure(truth, answer)})
    columns = [c for c in next(iter(rows.values()))[0] if c not in ("seed",)]
    print(f"\n{'':28}" + "".join(f"{c:>17}" for c in columns))
    medians = {}
    for name, entries in rows.items():
        medians[name] = {c: round(statistics.median(e[c] for e in entries), 3) for c in columns}
        print(f"{name:28}" + "".join(f"{medians[name][c]:>17}" for c in columns))
    false = {name: sum(e["false_per_min"] for e in entries) / len(entries) for name, entries in rows.items()}
    verdict = {}
    if "taihang" in rows:
        verdict = {
            "recall at 3%, median (goal 0.9)": medians["taihang"]["recall@3.00%"],
            "recall at 3%, worst seed": min(e["recall@3.00%"] for e in rows["taihang"]),
            "false segments of frame differencing's, mean over seeds (goal 0.5)": round(
                false["taihang"] / max(1e-9, false["frame differencing"]), 3
            ),
        }
        print(json.dumps(verdict, indent=1))
    if options.out:
        result = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "hardware": {"cpu": _cpu(), "cores": os.cpu_count()},
            "n": {"seeds": len(seeds), "moments": sum(e["moments"] for e in rows["uniform"]), "backgrounds": 1},
            "frame_differencing": {"z": best[0], "window_s": best[1], "tuned_on": list(TUNE)},
            "verdict": verdict,
            "limits": LIMITS,
            "mean_false_per_min": {name: round(value, 3) for name, value in false.items()},
            "median": medians,
            "per_seed": rows,
        }
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

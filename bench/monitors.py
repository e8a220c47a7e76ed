"""Learned bands beside fixed 3 sigma: planted anomalies found, and false alarms per monitor-quarter.

Histories are generated (synthetic): counts, ages, shares and means with trend, weekday (and hour), China's public
holidays and make-up work days, autocorrelated and heavy-tailed noise, over two years a day or half a year an hour.
Anomalies (spikes, drops, shifts that last 3 to 7 points) of 5 to 12 standard deviations of the noise (8 to 16 an hour:
one false alarm in 2,184 points leaves less room than one in 91) are planted in the whole history, unlabelled, at about
one a month. Every point is judged from the points before it alone. An anomaly
is found when a point of it lies outside of its band; points outside that are no anomaly count as false alarms, those
close together as one, as a user is told of them. `dev` seeds are for tuning, `report` seeds for this table.

With `--nab` the real series of the Numenta Anomaly Benchmark are walked too: windows found and false alarms, each
point as it is (no point adjustment). NAB's windows are wide and its labels are disputed, so it is a reality check.

    python bench/monitors.py [--split report] [--series 40] [--models seasonal,learned,fixed] [--nab FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import datetime
import json
import time
import zoneinfo
from pathlib import Path

import numpy as np

from taihang.data.quality.monitors import days, fixed, panel, season, track

ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
BUDGET = 1.0
FAMILIES = ("rows", "age", "share", "mean", "hourly")


def made(family: str, seed: int) -> tuple[panel.Panel, list[tuple[int, int]]]:
    """One synthetic series and the (first, last) points of its planted anomalies."""
    draw = np.random.default_rng([FAMILIES.index(family), seed])
    hourly = family == "hourly"
    n = 24 * 180 if hourly else 730
    start = datetime.datetime(2024, 1, 1, 2, tzinfo=ZONE)
    step = datetime.timedelta(hours=1) if hourly else datetime.timedelta(days=1)
    times = tuple(start + k * step for k in range(n))
    china = days.china()
    works = np.array([china.works(t.date()) for t in times])
    free = np.array([china.holiday(t.date()) is not None for t in times])
    weekday = np.array([t.weekday() for t in times])
    noise = draw.standard_t(5, n) / np.sqrt(5 / 3) if draw.random() < 0.5 else draw.standard_normal(n)
    phi = draw.uniform(0, 0.5)
    for k in range(1, n):
        noise[k] += phi * noise[k - 1]
    noise /= np.std(noise)
    sigma = draw.uniform(0.03, 0.12)
    week = np.where(works, 0.0, -draw.uniform(0.3, 1.2)) + draw.normal(0, 0.08, 7)[weekday]
    week = np.where(free, week - draw.uniform(0, 0.5), week)
    trend = draw.uniform(-0.4, 0.8) * np.arange(n) / n
    if hourly:
        hour = np.array([t.hour for t in times])
        curve = np.convolve(np.tile(draw.normal(0, 1, 24), 3), np.ones(5) / 5, "same")[24:48]
        week = 0.5 * week + curve[hour]
    moved = np.zeros(n)
    spans: list[tuple[int, int]] = []
    gap = 24 * 30 if hourly else 30
    k = int(draw.integers(10, gap))
    while k < n - 8:
        size = (draw.uniform(8, 16) if hourly else draw.uniform(5, 12)) * draw.choice([-1, 1])
        length = int(draw.integers(3, 8)) if draw.random() < 0.3 else 1
        if family == "age":
            size = abs(size)
        moved[k : k + length] += size
        spans.append((k, k + length - 1))
        k += int(draw.integers(gap // 2, gap * 3 // 2))
    z = noise + moved
    if family in {"rows", "hourly"}:
        values = np.round(np.exp(np.log(draw.uniform(2e3, 2e5)) + trend + week + sigma * z))
        one = panel.Monitor("rows", "volume")
    elif family == "age":
        values = 3600 * np.maximum(0, draw.uniform(6, 14) - 3 * works + 10 * sigma * z)
        one = panel.Monitor("age", "freshness", high_only=True)
    elif family == "share":
        values = np.clip(draw.uniform(0.35, 0.5) + 0.04 * week + 0.15 * sigma * z, 0, 1)
        one = panel.Monitor("nulls", "completeness")
    else:
        values = 50 + 20 * (trend + week + sigma * z)
        one = panel.Monitor("mean", "distribution")
    return panel.Panel(f"{family}-{seed}", times, (one,), values[:, None]), spans


def together(panels: list[panel.Panel]) -> panel.Panel:
    """Panels of one time axis as one."""
    first = panels[0]
    monitors = tuple(dataclasses.replace(p.monitors[0], name=p.asset) for p in panels)
    return panel.Panel(first.asset, first.times, monitors, np.hstack([p.values for p in panels]))


def walked(model: str, on: panel.Panel, calendar: days.Calendar, zone: datetime.tzinfo):
    """The track of a model, with its season."""
    at = season.season(on, calendar, zone)
    if model == "fixed":
        return fixed.track_of(on, at), at
    if model == "learned":
        from taihang.data.quality.monitors import learned

        return learned.Learned(on, at, BUDGET).track(), at
    return track.Tracker(on, at, BUDGET).track(), at


def counted(told: track.Track, at: season.Season, spans: list[tuple[int, int]], j: int) -> tuple[int, int, int, int]:
    """Anomalies found, anomalies there were, false alarms, points judged; where there was a band."""
    ready, outside = told.ready[:, j], told.outside[:, j]
    judged = [s for s in spans if ready[s[0] : s[1] + 1].any()]
    found = sum(bool(outside[a : b + 1].any()) for a, b in judged)
    left = outside.copy()
    after = at.cycle if at.intraday else 2
    for a, b in spans:
        left[a : b + 1 + after] = False  # the same alarm goes on
    return found, len(judged), len(track.starts(left, at)), int(ready.sum())


def planted(models: list[str], split: str, series: int, families: list[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Recall and false alarms per monitor-quarter by model and family."""
    told: dict[str, dict[str, dict[str, float]]] = {}
    for model in models:
        whole = np.zeros(4)
        quarters = 0.0
        told[model] = {}
        for family in families:
            sums, own = np.zeros(4), 0.0
            began = time.process_time()
            worst = 0.0
            every = [made(family, n + (0 if split == "dev" else 10_000)) for n in range(series)]
            on = together([one for one, _ in every])
            track_, at = walked(model, on, days.china(), ZONE)
            for n, (_, spans) in enumerate(every):
                one = np.array(counted(track_, at, spans, n), float)
                span = one[3] * on.step_s / panel.QUARTER_S
                worst = max(worst, one[2] / max(span, 1e-9))
                sums += one
                own += span
            whole += sums
            quarters += own
            told[model][family] = {
                "recall": round(float(sums[0] / sums[1]), 4), "anomalies": int(sums[1]),
                "false_alarms_per_monitor_quarter": round(float(sums[2] / own), 4),
                "worst_series": round(float(worst), 3),
                "cpu_s": round(time.process_time() - began, 2),
            }  # fmt: skip
            print(model, family, told[model][family], flush=True)
        told[model]["all"] = {
            "recall": round(float(whole[0] / whole[1]), 4), "anomalies": int(whole[1]),
            "false_alarms_per_monitor_quarter": round(float(whole[2] / quarters), 4),
        }  # fmt: skip
        print(model, "all", told[model]["all"], flush=True)
    return told


def nab(models: list[str], folder: Path) -> dict[str, dict[str, float]]:
    """Windows found and false alarms on real series."""
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text())
    told: dict[str, dict[str, float]] = {
        m: {"found": 0, "windows": 0, "false": 0, "quarters": 0.0, "series": 0} for m in models
    }
    for name, spans in sorted(windows.items()):
        if not name.startswith("real"):
            continue
        with (folder / "data" / name).open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        pairs = {
            datetime.datetime.fromisoformat(r["timestamp"]).replace(tzinfo=datetime.UTC): {"value": float(r["value"])}
            for r in rows
        }
        on = panel.of_rows(name, list(pairs.items()), {"value": panel.Monitor("value", "value")})
        stamps = on.seconds
        for model in models:
            got, at = walked(model, on, days.WEEKDAYS, datetime.UTC)
            outside, ready = got.outside[:, 0], got.ready[:, 0]
            left, told_here = outside.copy(), told[model]
            for a, b in spans:
                low, high = (
                    datetime.datetime.fromisoformat(x.split(".")[0]).replace(tzinfo=datetime.UTC).timestamp()
                    for x in (a, b)
                )
                inside = (stamps >= low) & (stamps <= high)
                if (inside & ready).any():
                    told_here["windows"] += 1
                    told_here["found"] += bool((inside & outside).any())
                left[inside] = False
            told_here["false"] += len(track.starts(left, at))
            told_here["quarters"] += float(ready.sum()) * on.step_s / panel.QUARTER_S
            told_here["series"] += bool(ready.any())
    for model, one in told.items():
        one["quarters"] = round(one["quarters"], 3)
        one["false_alarms_per_monitor_quarter"] = round(one["false"] / max(one["quarters"], 1e-9), 2)
        print("nab", model, one, flush=True)
    return told


def main() -> None:
    """Run, print, and write the result file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--split", choices=("dev", "report"), default="dev")
    parser.add_argument("--series", type=int, default=40)
    parser.add_argument("--models", default="seasonal,fixed")
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--nab", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    models = given.models.split(",")
    result: dict[str, object] = {
        "split": given.split,
        "series_per_family": given.series,
        "budget": BUDGET,
        "synthetic": True,
    }
    result["planted"] = planted(models, given.split, given.series, given.families.split(","))
    if given.nab:
        result["nab"] = nab(models, given.nab)
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

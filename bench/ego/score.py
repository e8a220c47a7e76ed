"""What the bench counts. Times in seconds; a segment is (start, end)."""

from __future__ import annotations

from collections.abc import Sequence

NEAR_S = 1.0

Segments = Sequence[tuple[float, float]]


def moments(truth: dict) -> list[float]:
    """When people appear and leave; a stay that is cut by the end of the video has no leaving."""
    last = truth["seconds"] - 2 / truth["fps"]
    times = [stay["appears_s"] for stay in truth["stays"] if stay["appears_s"] > 2 / truth["fps"]]
    times += [stay["leaves_s"] for stay in truth["stays"] if stay["leaves_s"] < last]
    return sorted(times)


def recall(selected: Sequence[float], truth: Sequence[float], near_s: float = NEAR_S) -> float:
    """Share of the moments with a selected frame within ±near_s."""
    return sum(any(abs(s - t) <= near_s for s in selected) for t in truth) / max(1, len(truth))


def told(segments: Segments, truth: Sequence[float], near_s: float = NEAR_S) -> float:
    """Share of the moments that lie in an event segment, or within ±near_s of one."""
    return sum(any(a - near_s <= t <= b + near_s for a, b in segments) for t in truth) / max(1, len(truth))


def chance(segments: Segments, truth: Sequence[float], seconds: float) -> float:
    """What `told` would be if the moments lay elsewhere: its mean over the truth shifted round the video."""
    shifts = [seconds * k / 40 for k in range(2, 39)]
    return sum(told(segments, [(t + s) % seconds for t in truth]) for s in shifts) / len(shifts)


def edges_told(segments: Segments, truth: Sequence[float], near_s: float = NEAR_S) -> float:
    """Share of the moments within ±near_s of a segment's start or end: an endless segment tells nothing."""
    return sum(any(min(abs(a - t), abs(b - t)) <= near_s for a, b in segments) for t in truth) / max(1, len(truth))


def false(segments: Segments, truth: Sequence[float], near_s: float = NEAR_S) -> int:
    """Event segments with no moment within ±near_s."""
    return sum(not any(a - near_s <= t <= b + near_s for t in truth) for a, b in segments)


def share(segments: Segments, seconds: float) -> float:
    """Share of the video's time inside event segments."""
    covered, until = 0.0, 0.0
    for a, b in sorted(segments):
        covered += max(0.0, b - max(a, until))
        until = max(until, b)
    return covered / seconds

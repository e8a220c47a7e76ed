"""Episodes: verdicts on a growing tail as events that begin once, however often they are judged again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from taihang.core import finding as findings
from taihang.core import words

_GAP_S = 2.0  # spans of one rule and group this near each other are one event, at least


@dataclasses.dataclass(slots=True)
class Episode:
    """One violation: its first verdict, and until when it was seen to go on."""

    finding: findings.Finding
    start_s: float
    end_s: float


class Episodes:
    """What was found violated so far in one stream."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, tuple[tuple[str, words.Scalar], ...]], list[Episode]] = {}

    def update(self, found: Iterable[findings.Finding], cooldown: dict[str, float], now_s: float) -> list[Episode]:
        """Episodes that begin with these verdicts; others only go on. `cooldown`: seconds by rule."""
        fresh: list[Episode] = []
        for one in found:
            if one.verdict != "violated" or one.place.start_s is None or one.place.end_s is None:
                continue
            group = (one.rule.id, tuple(sorted(one.place.keys.items())))
            gap = max(_GAP_S, cooldown.get(one.rule.id, 0.0))
            start, end = one.place.start_s, one.place.end_s
            known = self._open.setdefault(group, [])
            same = next((e for e in known if start <= e.end_s + gap and end >= e.start_s - gap), None)
            if same is None:
                same = Episode(one, start, end)
                known.append(same)
                fresh.append(same)
            same.start_s, same.end_s = min(same.start_s, start), max(same.end_s, end)
        self._forget(now_s)
        return fresh

    def during(self, start_s: float, end_s: float) -> list[Episode]:
        """Episodes that meet a span."""
        return [e for known in self._open.values() for e in known if e.start_s < end_s and e.end_s >= start_s]

    def _forget(self, now_s: float) -> None:
        """What ended so long ago that nothing can join it."""
        for group in list(self._open):
            kept = [e for e in self._open[group] if e.end_s > now_s - 3600]
            if kept:
                self._open[group] = kept
            else:
                del self._open[group]

"""Segment: a few seconds of a stream, what the edge made of them, and what the cloud is told."""

from __future__ import annotations

import dataclasses
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from taihang.core import i18n, ids, words
from taihang.engines.media import frame
from taihang.model.routing import complexity, router
from taihang.rules import rulebook
from taihang.use.video.cascade import episodes, tail
from taihang.use.video.select import sight
from taihang.use.video.zoning import zones as zoning

_MOST_UNSURE = 0.9  # the score of what was not found violated
CONTEXT = 5  # earlier segments that are told along
_CHANGED = 25  # grey levels by which a pixel of the small picture must differ to count as motion


@dataclasses.dataclass(slots=True)
class Cut:
    """Pictures and measures of the segment that is being filled; it ends `span_s` after its start."""

    start_s: float
    wall: float
    span_s: float
    pictures: list[tuple[float, frame.Image]] = dataclasses.field(default_factory=list)
    looked: int = 0
    people: int = 0
    labels: Counter[str] = dataclasses.field(default_factory=Counter)
    best: float = 0.0
    motion: float = 0.0
    sharpness: float = np.inf
    luma: float = np.inf
    _grey: np.ndarray | None = None

    def look(self, detections: pa.Table, seen: sight.Sight, grey: np.ndarray, sure: float) -> None:
        """Note a picture that was looked at."""
        self.looked += 1
        scores = detections["score"].to_numpy()
        labels = detections["label"].to_pylist()
        self.best = max(self.best, float(scores.max(initial=0.0)))
        certain = Counter(label for label, score in zip(labels, scores, strict=True) if score >= sure)
        self.people = max(self.people, certain["person"])
        self.labels |= certain
        self.sharpness, self.luma = min(self.sharpness, seen.sharpness), min(self.luma, seen.luma)
        if self._grey is not None and self._grey.shape == grey.shape:
            step = np.abs(grey.astype(np.int16) - self._grey.astype(np.int16)) > _CHANGED
            self.motion = max(self.motion, float(step.mean()))
        self._grey = grey

    def complexity(self) -> complexity.Complexity:
        """How hard the pictures are; a segment that nobody looked at is as hard as can be."""
        if not self.looked:
            return complexity.measure(people=np.nan, labels={}, motion=np.nan, sharpness=np.nan, luma=np.nan)
        return complexity.measure(
            people=self.people,
            labels=self.labels,
            motion=self.motion,
            sharpness=self.sharpness,
            luma=self.luma,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Play:
    """One rule in play in a segment: how strongly the edge holds that it is violated, in [0, 1]."""

    rule: str
    level: words.Level
    score: float
    title: i18n.Text


def plays(
    book: rulebook.Rulebook, judged: tail.Judged | None, begun: Sequence[episodes.Episode], cut: Cut, end_s: float
) -> list[Play]:
    """The rules that could be judged, gravest first, and then those that most speaks for.

    The score only orders: 1 where the rule was found violated, else at most 0.9 by the share of time in which its
    predicate held and by the spans that stayed open, and a little by the best detection, since who is overlooked
    shows as a weak one. The bound says what it is worth. Where the detector saw no picture at all, every rule is taken
    for likely violated.
    """
    if not cut.looked or judged is None:
        names = list(judged.judgement.counts) if judged is not None else [c.rule.id for c in book.rules]
        unseen = [Play(name, book[name].level, _MOST_UNSURE, book[name].title) for name in names]
        return sorted(unseen, key=lambda p: (-p.level.rank, p.rule))
    violated = {e.finding.rule.id for e in begun}
    suspected = {s.rule for s in judged.judgement.suspects if s.start_s < end_s and s.end_s > cut.start_s}
    found = []
    for name in judged.judgement.counts:
        rule = book[name]
        if name in violated:
            score = 1.0
        else:
            counts = judged.judgement.counts[name]
            held = counts.violated / counts.judged if counts.judged else 0.0
            score = min(_MOST_UNSURE, 0.3 * min(1.0, cut.best) + 0.4 * held + (0.2 if name in suspected else 0.0))
        found.append(Play(name, rule.level, score, rule.title))
    return sorted(found, key=lambda p: (-p.level.rank, -p.score, p.rule))


def heaviest(found: Sequence[Play], ident: str, cut: Cut) -> router.Segment | None:
    """What the router is asked: the rule that has most at stake, by level and score; None when none was judged."""
    if not found:
        return None
    best = max(found, key=lambda p: ((p.level.rank + 1) * (0.05 + p.score), p.level.rank))
    return router.Segment(
        id=ident,
        kind=best.rule,
        level=best.level,
        score=best.score,
        complexity=cut.complexity().value,
        certain=best.score >= 1.0,
        start_s=cut.start_s,
    )


def scene(
    judged: tail.Judged | None,
    size: tuple[int, int],
    zones: zoning.Zones | None,
    start_s: float,
    context: deque[dict[str, Any]],
) -> dict[str, Any]:
    """The scene as the cloud is told it: boxes of the newest picture, tracks, counts, zones, and what came before."""
    boxes: list[dict[str, Any]] = []
    tracks: list[dict[str, Any]] = []
    if judged is not None and judged.tracked.num_rows:
        rows = judged.tracked.filter(pa.compute.greater_equal(judged.tracked["time_s"], start_s))
        rows = rows.select(["time_s", "label", "score", "x0", "y0", "x1", "y1", "track"]).to_pylist()
        newest = max((r["time_s"] for r in rows), default=0.0)
        boxes = [_rounded(r) for r in rows if r["time_s"] == newest]
        members: dict[int, list[Mapping[str, Any]]] = {}
        for row in rows:
            members.setdefault(row["track"], []).append(row)
        tracks = [
            {
                "track": name,
                "label": own[0]["label"],
                "start_s": round(own[0]["time_s"], 3),
                "end_s": round(own[-1]["time_s"], 3),
                "feet": [[round((r["x0"] + r["x1"]) / 2, 1), round(r["y1"], 1)] for r in own[-10:]],
            }
            for name, own in sorted(members.items())
        ]
    counts = Counter(box["label"] for box in boxes)
    drawn = zones.zones if zones is not None else ()
    return {
        "size": list(size),
        "boxes": boxes,
        "tracks": tracks,
        "counts": dict(counts),
        "zones": [
            {"name": z.name, "kind": z.kind, "points": [[round(x, 1), round(y, 1)] for x, y in z.points]} for z in drawn
        ],
        "context": list(context),
    }


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}


def name(stream: str, wall: float, start_s: float) -> str:
    """The id of a segment: the same for the same stretch of the same stream."""
    return ids.content_id("segment", [stream, round(wall, 3), round(start_s, 3)])

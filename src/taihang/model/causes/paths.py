"""Paths: supported edges strung into chains, the strongest first."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Sequence

from taihang.model.causes import judging

LONGEST = 6
_MOST_SEARCHED = 2000


@dataclasses.dataclass(frozen=True, slots=True)
class Path:
    """A chain of kinds. `weakest` is the least confidence along it; `seen` are its events, where it was seen whole."""

    kinds: tuple[str, ...]
    weakest: float
    seen: tuple[tuple[int, ...], ...]


def paths(edges: Sequence[judging.Edge], most: int) -> tuple[tuple[Path, ...], int]:
    """The strongest chains from where nothing leads to, and how many more there are (as far as was searched).

    A chain is as strong as its weakest edge; no kind stands in it twice, and it has at most LONGEST edges.
    """
    after: dict[str, list[judging.Edge]] = {}
    for edge in edges:
        after.setdefault(edge.cause, []).append(edge)
    reached = {edge.effect for edge in edges}
    starts = sorted({edge.cause for edge in edges} - reached) or sorted({edge.cause for edge in edges})
    queue: list[tuple[float, int, tuple[str, ...], tuple[judging.Edge, ...]]] = [
        (-1.0, n, (start,), ()) for n, start in enumerate(starts)
    ]
    heapq.heapify(queue)
    count = len(queue)
    found: list[Path] = []
    while queue and count < _MOST_SEARCHED:
        weakest, _, kinds, taken = heapq.heappop(queue)
        further = [e for e in after.get(kinds[-1], []) if e.effect not in kinds] if len(taken) < LONGEST else []
        if not further and taken:
            found.append(Path(kinds, -weakest, _seen(taken)))
        for edge in sorted(further, key=lambda e: e.strength):
            worst = max(weakest, -(edge.confidence or 0.0))
            heapq.heappush(queue, (worst, count, (*kinds, edge.effect), (*taken, edge)))
            count += 1
    found.sort(key=lambda path: (-path.weakest, -len(path.seen), path.kinds))
    return tuple(found[:most]), max(0, len(found) - most)


def _seen(taken: Sequence[judging.Edge]) -> tuple[tuple[int, ...], ...]:
    """Events that ran through the whole chain, each brought about by the one before."""
    runs: list[tuple[int, ...]] = [(o.cause, o.effect) for o in taken[0].occurrences]
    for edge in taken[1:]:
        onward: dict[int, list[int]] = {}
        for o in edge.occurrences:
            onward.setdefault(o.cause, []).append(o.effect)
        runs = [(*run, effect) for run in runs for effect in onward.get(run[-1], [])]
    return tuple(sorted(runs))

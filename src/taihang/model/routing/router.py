"""Router: for each segment the weight of every path, and the one it takes, risk first, within a budget."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping

from taihang.core import words
from taihang.model.routing import bound as bounds
from taihang.model.routing import paths as ways


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """What the router knows of a segment.

    `kind` is the class of violation in play (such as a rule's id) and `level` how grave it is; `score` how strongly the
    edge holds that it happens, `complexity` and `uncertainty`, all in [0, 1]; what is no number counts as 1.
    `certain`: the conformal set holds "present" alone, so that the edge has decided and warned by itself.
    """

    id: str
    kind: str
    level: words.Level
    score: float
    complexity: float = 0.0
    uncertainty: float = 0.0
    certain: bool = False
    start_s: float = 0.0

    @property
    def difficulty(self) -> float:
        """In [0, 1]: hard when the pictures are or when the edge does not know."""
        return 1 - (1 - _whole(self.complexity)) * (1 - _whole(self.uncertainty))


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """Where one segment goes: `weights` over all paths of the policy (sum 1), `path` what it takes.

    `forced`: sent up because its score reaches the bound of a grave class, or because no bound holds. `short`: the
    budget ran out before its best path. `late`: no path within the latency limit was good enough for a forced one.
    """

    segment: Segment
    weights: Mapping[ways.Name, float]
    path: ways.Name
    cost: float
    forced: bool = False
    short: bool = False
    late: bool = False


def order(segment: Segment) -> tuple[float, float, float, float, str]:
    """The key by which segments are sent, and kept when there is no room: gravest first."""
    return (-segment.level.rank, -_whole(segment.score), -segment.difficulty, segment.start_s, segment.id)


def forced(segment: Segment, policy: ways.Policy, bounds_: Mapping[str, bounds.Bound]) -> bool:
    """Whether a segment must leave the edge: a grave class, and its score reaches the bound or none holds.

    One that the edge has decided on and warned of by itself cannot be missed any more.
    """
    if not segment.level.reaches(policy.must) or segment.certain:
        return False
    known = bounds_.get(segment.kind)
    return known is None or known.escalates(segment.score)


def weigh(segment: Segment, policy: ways.Policy, reach: Collection[ways.Name] = ways.NAMES) -> dict[ways.Name, float]:
    """Weights over the policy's paths, from expected losses: stakes times the share of wrong verdicts, plus the price.

    Stakes are scaled by the score, since little is lost by a wrong verdict where little speaks for a violation. Paths
    beyond the latency limit or out of `reach` weigh 0; the edge is always within it.
    """
    stake = policy.stakes[segment.level] * _whole(segment.score)
    losses = {p.name: stake * p.wrong(segment.difficulty) + policy.price * p.cost for p in policy.paths}
    able = {p.name for p in policy.paths if p.name == "edge" or _able(p, policy, reach)}
    least = min(losses[name] for name in able)
    raw = {n: math.exp(-(v - least) / policy.temperature) if n in able else 0.0 for n, v in losses.items()}
    total = sum(raw.values())
    return {name: value / total for name, value in raw.items()}


def route(
    segments: Iterable[Segment],
    policy: ways.Policy,
    bounds_: Mapping[str, bounds.Bound],
    budget: float,
    reach: Collection[ways.Name] = ways.NAMES,
) -> list[Route]:
    """Routes in the order in which segments are to be sent: forced ones first, then by `order`.

    `budget` in units of cost; only forced segments may overdraw it, and what they take is gone for the others.
    `reach`: paths that can be reached now. A forced segment is meant for the best path of the policy within it, or,
    when the link is down, for `large` all the same: then it waits.
    """
    ranked = sorted(((not forced(s, policy, bounds_), order(s), s) for s in segments), key=lambda r: r[:2])
    left, found = float(budget), []
    for free, _, segment in ranked:
        weights = weigh(segment, policy, reach)
        one = _choose(segment, policy, weights, left) if free else _force(segment, policy, weights, reach)
        left -= one.cost
        found.append(one)
    return found


def _choose(segment: Segment, policy: ways.Policy, weights: Mapping[ways.Name, float], left: float) -> Route:
    """The heaviest path, or the best below it that the budget still pays."""
    # Of equal weights the cheaper: max takes the first.
    best = max(policy.paths, key=lambda p: weights[p.name])
    for path in reversed(policy.paths[: policy.paths.index(best) + 1]):
        if weights[path.name] > 0 and path.cost <= max(0.0, left):
            return Route(segment, weights, path.name, path.cost, short=path.name != best.name)
    raise AssertionError("the edge costs nothing")


def _force(
    segment: Segment, policy: ways.Policy, weights: Mapping[ways.Name, float], reach: Collection[ways.Name]
) -> Route:
    """The heaviest path from `large` up, whatever it costs; below it only where the policy has no more."""
    above = [p for p in policy.paths if p.name in ("large", "human")] or list(policy.paths[-1:])
    able = [p for p in above if p.name != "edge" and _able(p, policy, reach)]
    path = max(able, key=lambda p: weights[p.name]) if able else above[0]
    return Route(segment, weights, path.name, path.cost, forced=True, late=not able)


def _able(path: ways.Path, policy: ways.Policy, reach: Collection[ways.Name]) -> bool:
    return path.latency_s <= policy.latency_s and path.name in reach


def _whole(value: float) -> float:
    """A share in [0, 1]; what is no number is the worst."""
    return 1.0 if not math.isfinite(value) else min(1.0, max(0.0, value))

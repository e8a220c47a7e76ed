"""Scripted scenarios: people and machines that follow rules, on which cause chains are scored.

Finite-state: shifts alternate between busy and quiet, people take up work at near-regular intervals, a rule that fires
does so after a uniform delay, and a machine that has just warned is silent for a while. None of this is the branching
process that the confidence and the network learned from (taihang.model.causes.scenarios).
"""

from __future__ import annotations

import dataclasses
import heapq

import numpy as np

from taihang.model.causes import events

MISSED = 0.2


@dataclasses.dataclass(frozen=True)
class Rule:
    """After `cause`, with `chance`, `effect` follows after between `least_s` and `most_s`."""

    cause: int
    effect: int
    chance: float
    least_s: float
    most_s: float


@dataclasses.dataclass(frozen=True)
class Scene:
    """A log and the pairs of kinds that its script plants."""

    log: events.Log
    edges: frozenset[tuple[str, str]]


# Shapes of scripts: chains, a common cause, a common effect, and what stands alone.
_SHAPES = (
    ((0, 1), (1, 2)),
    ((0, 1), (1, 2), (2, 3)),
    ((0, 1), (0, 2)),
    ((0, 2), (1, 2)),
    ((0, 1), (1, 2), (1, 3)),
    ((0, 1),),
)


def scene(seed: int, *, null: bool = False, missed: float = MISSED, recordings: int | None = None) -> Scene:
    """The scene of a seed. A `null` one has the same people, shifts and rates, and no rule."""
    random = np.random.default_rng((seed, 104_729))
    rules: list[Rule] = []
    kinds = 0
    for _ in range(2 + int(random.integers(0, 2))):
        shape = _SHAPES[int(random.integers(0, len(_SHAPES)))]
        for cause, effect in shape:
            least = float(random.uniform(0.8, 20))
            width = float(random.uniform(2, 14))
            rules.append(Rule(kinds + cause, kinds + effect, float(random.uniform(0.45, 0.9)), least, least + width))
        kinds += 1 + max(max(edge) for edge in shape)
    kinds += int(random.integers(1, 4))  # kinds that neither cause nor are caused, and follow the shift
    every_s = random.uniform(150, 500, kinds)
    mute_s = random.uniform(0, 8, kinds)
    caused = {rule.effect for rule in rules}
    every_s[list(caused)] *= 2.0  # what has a cause happens by itself too, but less often
    names = [f"e{n}" for n in random.permutation(kinds)]
    made = []
    for n in range(recordings or int(random.integers(6, 11))):
        length = float(random.uniform(1200, 3600))
        made.append(
            _recording(
                random,
                f"v{n}",
                length,
                [] if null else rules,
                every_s=every_s,
                mute_s=mute_s,
                names=names,
                missed=missed,
            )
        )
    edges = frozenset() if null else frozenset((names[r.cause], names[r.effect]) for r in rules)
    return Scene(events.Log(tuple(made)), edges)


def _recording(random, name, length, rules, *, every_s, mute_s, names, missed) -> events.Recording:
    kinds = len(every_s)
    turns, at = [], 0.0
    while at < length:
        at += float(random.uniform(150, 500))
        turns.append(at)
    busy_first = bool(random.integers(0, 2))
    depends = random.random(kinds) < 0.6  # on whether the shift is busy
    queue: list[tuple[float, int, int, str]] = []
    for kind in range(kinds):
        at = float(random.uniform(0, every_s[kind]))
        while at < length:
            busy = (int(np.searchsorted(turns, at)) % 2 == 0) == busy_first
            if not depends[kind] or random.random() < (0.95 if busy else 0.35):
                heapq.heappush(queue, (at, kind, int(random.integers(0, 4)), f"z{int(random.integers(0, 3))}"))
            # Near-regular work, never twice at once.
            at += float(max(3.0, random.normal(every_s[kind], 0.35 * every_s[kind])))
    last: dict[tuple[int, str], float] = {}
    held = []
    while queue:
        at, kind, actor, zone = heapq.heappop(queue)
        if at >= length or at - last.get((kind, zone), -1e9) < mute_s[kind]:
            continue
        last[kind, zone] = at
        held.append((at, kind, actor, zone))
        for rule in rules:
            if rule.cause == kind and random.random() < rule.chance:
                heapq.heappush(queue, (at + float(random.uniform(rule.least_s, rule.most_s)), rule.effect, actor, zone))
    seen = [one for one in held if random.random() >= missed]
    seen += [
        (float(random.uniform(0, length)), int(random.integers(0, kinds)), int(random.integers(0, 4)), "z0")
        for _ in range(random.poisson(0.05 * len(seen)))
    ]
    made = []
    for n, (at, kind, actor, zone) in enumerate(sorted(seen)):
        start = float(np.clip(at + random.normal(0, 0.3), 0, length))
        made.append(events.Event(f"{name}-{n}", names[kind], start, start + 2.0, place=zone, actor=f"t{actor}"))
    return events.Recording(name, length, tuple(made))

"""Scenarios: generated logs with known causes, from which the graph network and the confidence are learned.

A branching process (Hawkes and Oakes 1974): events of each kind come by themselves at a rate that rises and falls with
the working day, and each brings about others at random lags. Some are missed and some are seen that never were. It is
synthetic, and shares no mechanism with the scenarios on which claims are measured.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from taihang.model.causes import events

_PLACES, _ACTORS = 3, 4


@dataclasses.dataclass(frozen=True, slots=True)
class Scenario:
    """A log; which kind brings about which; and of each event by id, which one brought it about."""

    log: events.Log
    edges: frozenset[tuple[str, str]]
    parents: dict[str, str]


@dataclasses.dataclass(slots=True)
class _Born:
    """An event of the making: `parent` is the place of the one that brought it about, -1 for none."""

    kind: int
    at: float
    place: int
    actor: int
    parent: int


@dataclasses.dataclass(frozen=True, slots=True)
class _Edge:
    cause: int
    effect: int
    mean: float
    middle_s: float
    spread: float


def scenario(seed: int, *, null: bool = False, missed: float = 0.2, recordings: int | None = None) -> Scenario:
    """The scenario of a seed; a `null` one has no causes at all, but the same rhythms."""
    random = np.random.default_rng((seed, 7919))
    kinds = int(random.integers(5, 12))
    planted = () if null else _planted(random, kinds)
    made: list[events.Recording] = []
    parents: dict[str, str] = {}
    per_hour = random.uniform(4, 40, kinds)
    count = int(random.integers(2, 12))
    for n in range(recordings or count):
        length = float(random.uniform(600, 3600))
        born = _born(random, per_hour, planted, length)
        seen = [b for b in range(len(born)) if random.random() > missed]
        names = {b: f"r{n}e{b}" for b in seen}
        held = [
            events.Event(
                names[b], f"k{born[b].kind}", at := float(np.clip(born[b].at + random.normal(0, 0.2), 0, length)),
                at + float(random.exponential(3)), place=f"p{born[b].place}", actor=f"a{born[b].actor}",
            )
            for b in seen
        ]  # fmt: skip
        parents |= {names[b]: names[born[b].parent] for b in seen if born[b].parent in names}
        false = random.poisson(0.04 * len(held))
        for m in range(false):
            at = float(random.uniform(0, length))
            kind, place, actor = (int(random.integers(0, most)) for most in (kinds, _PLACES, _ACTORS))
            held.append(events.Event(f"r{n}f{m}", f"k{kind}", at, at + 1, place=f"p{place}", actor=f"a{actor}"))
        made.append(events.Recording(f"r{n}", length, tuple(sorted(held, key=lambda e: e.start_s))))
    names_ = {f"k{n}" for n in range(kinds)}
    edges = frozenset((f"k{e.cause}", f"k{e.effect}") for e in planted)
    assert all(set(e) <= names_ for e in edges)
    return Scenario(events.Log(tuple(made)), edges, parents)


def _planted(random: np.random.Generator, kinds: int) -> tuple[_Edge, ...]:
    """Edges along a random order of the kinds, so that there is no loop."""
    order = random.permutation(kinds)
    chance = random.uniform(0.6, 1.6) / kinds
    found = []
    for a in range(kinds):
        for b in range(a + 1, kinds):
            if random.random() < chance:
                middle = float(np.exp(random.uniform(np.log(1.5), np.log(35))))
                mean, spread = float(random.uniform(0.25, 0.95)), float(random.uniform(0.15, 0.6))
                found.append(_Edge(int(order[a]), int(order[b]), mean, middle, spread))
    return tuple(found)


def _born(
    random: np.random.Generator, per_hour: events.Floats, planted: tuple[_Edge, ...], length: float
) -> list[_Born]:
    """All that happens in one recording, parents before what they bring about."""
    born: list[_Born] = []
    # Several kinds rise and fall together, which is no cause: a shared rhythm and a shared trend.
    period, phase = random.uniform(300, 2000), random.uniform(0, 2 * np.pi)
    depth, slope = random.uniform(0, 0.9), random.uniform(-0.8, 0.8)
    for kind, rate in enumerate(per_hour):
        follows = random.random() < 0.7
        for _ in range(random.poisson(rate * 2.0 * length / 3600)):
            at = float(random.uniform(0, length))
            height = 1 + (
                depth * np.sin(2 * np.pi * at / period + phase) + slope * (at / length - 0.5) if follows else 0
            )
            if random.random() < max(0.0, float(height)) / 2.0:
                place, actor = int(random.integers(0, _PLACES)), int(random.integers(0, _ACTORS))
                born.append(_Born(kind, at, place, actor, -1))
    by_cause: dict[int, list[_Edge]] = {}
    for edge in planted:
        by_cause.setdefault(edge.cause, []).append(edge)
    done = 0
    while done < len(born) and len(born) < 20_000:
        one = born[done]
        for edge in by_cause.get(one.kind, ()):
            for _ in range(random.binomial(1, edge.mean)):
                at = one.at + float(np.exp(random.normal(np.log(edge.middle_s), edge.spread)))
                if at < length:
                    place = one.place if random.random() < 0.85 else int(random.integers(0, _PLACES))
                    actor = one.actor if random.random() < 0.7 else int(random.integers(0, _ACTORS))
                    born.append(_Born(edge.effect, at, place, actor, done))
        done += 1
    return born

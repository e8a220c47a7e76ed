"""Graph: what was judged, as JSON for other programs, and the schema that is published for it."""

from __future__ import annotations

import json
from typing import Any, Literal

import pydantic

from taihang.core import evidence as proof
from taihang.core import i18n, words
from taihang.model.causes import events, judging, paths

FORMAT = "taihang-causes/1"
MOST_CHAINS = 100
Share = pydantic.Field(ge=0, le=1)


class Kind(words.Word):
    """A kind of event and what it is called."""

    id: str
    title: i18n.Text
    events: int


class Happened(words.Word):
    """One event that took part in an edge."""

    id: str
    kind: str
    recording: str
    start_s: float
    end_s: float
    clock: str = ""
    place: str | None = None
    actor: str | None = None
    evidence: tuple[proof.Evidence, ...] = ()


class Lag(words.Word):
    """Seconds from cause to effect: the 10th, 50th and 90th hundredth."""

    p10: float
    p50: float
    p90: float


class Effect(words.Word):
    """How large: effects that one cause brings about, and the share of all effects that it accounts for."""

    per_cause: float
    share_of_effects: float


class Occurrence(words.Word):
    """One event (by position in `events`) that, with this probability, brought about another."""

    cause: int
    effect: int
    lag_s: float
    probability: float = Share


class Edge(words.Word):
    """A candidate with its verdict. The direction is from `cause` to `effect`.

    `count` occurrences were found, of which the surest are listed. `what_if` is how far the effect's probability falls
    when the cause is hidden, in the words of whoever was asked.
    """

    cause: str
    effect: str
    verdict: judging.Verdict
    reason: str = ""
    confidence: float | None = pydantic.Field(default=None, ge=0, le=1)
    lag: Lag | None = None
    effect_size: Effect
    p: float = Share
    q: float = Share
    causes: int
    effects: int
    count: int = 0
    what_if: float | None = None
    occurrences: tuple[Occurrence, ...] = ()


class Chain(words.Word):
    """Kinds in a row; `seen` are runs of events (by position) that went through all of it."""

    kinds: tuple[str, ...]
    weakest: float = Share
    seen: tuple[tuple[int, ...], ...] = ()


class Graph(words.Word):
    """Kinds, the events that took part, edges with their verdicts, and chains.

    `candidates` counts all that were judged; those without any sign are not listed. `what_if_by` names the judge that
    was asked what if.
    """

    taihang: Literal["taihang-causes/1"] = "taihang-causes/1"
    synthetic: bool
    judges: tuple[str, ...]
    method: str
    what_if_by: str = ""
    produced_by: tuple[words.Producer, ...]
    recordings: int
    candidates: int
    kinds: tuple[Kind, ...]
    events: tuple[Happened, ...]
    edges: tuple[Edge, ...]
    chains: tuple[Chain, ...]


def graph(judged: judging.Judged, *, synthetic: bool = False) -> Graph:
    """What was judged as a graph."""
    edges = (*judged.of("supported"), *judged.of("insufficient"))
    chains, _ = paths.paths(judged.of("supported"), MOST_CHAINS)
    rows = judged.line.row
    flat = events.flat(judged.log)
    used = sorted({int(rows[row]) for e in edges for o in e.occurrences for row in (o.cause, o.effect)})
    place = {row: n for n, row in enumerate(used)}

    def at(row: int) -> int:
        return place[int(rows[row])]

    listed = tuple(_happened(judged.log, *flat[row]) for row in used)
    counts = {kind: len(judged.line.of(n)) for n, kind in enumerate(judged.line.kinds)}
    return Graph(
        synthetic=synthetic,
        judges=judged.judges,
        method=judged.method,
        what_if_by=judged.asked,
        produced_by=judged.produced_by,
        recordings=len(judged.log.recordings),
        candidates=len(judged.edges),
        kinds=tuple(Kind(id=kind, title=judged.log.title(kind), events=counts[kind]) for kind in judged.line.kinds),
        events=listed,
        edges=tuple(_edge(e, at) for e in edges),
        chains=tuple(
            Chain(kinds=c.kinds, weakest=c.weakest, seen=tuple(tuple(map(at, run)) for run in c.seen)) for c in chains
        ),
    )


def dump(made: Graph) -> bytes:
    """The graph in UTF-8; equal graphs give equal bytes."""
    plain = json.dumps(made.model_dump(mode="json"), ensure_ascii=True, allow_nan=False, indent=1)
    return plain.encode() + b"\n"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of what `dump` writes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:taihang:schema:causes:1",
        **Graph.model_json_schema(mode="serialization"),
    }


def _happened(log: events.Log, recording: int, event: events.Event) -> Happened:
    return Happened(
        id=event.id, kind=event.kind, recording=log.recordings[recording].name, start_s=event.start_s,
        end_s=event.end_s, clock=event.clock, place=event.place, actor=event.actor, evidence=event.evidence,
    )  # fmt: skip


def _edge(edge: judging.Edge, at: Any) -> Edge:
    s = edge.statistic
    return Edge(
        cause=edge.cause,
        effect=edge.effect,
        verdict=edge.verdict,
        reason=edge.reason,
        confidence=edge.confidence,
        lag=Lag(p10=s.lags.low_s, p50=s.lags.middle_s, p90=s.lags.high_s) if s.lags else None,
        effect_size=Effect(per_cause=round(s.brought, 4), share_of_effects=round(s.share, 4)),
        p=s.p,
        q=s.q,
        causes=s.causes,
        effects=s.effects,
        count=edge.count,
        what_if=edge.what_if,
        occurrences=tuple(
            Occurrence(cause=at(o.cause), effect=at(o.effect), lag_s=o.lag_s, probability=o.probability)
            for o in edge.occurrences
        ),
    )

"""Attention: the network in plain numpy, so that whoever asks it needs no torch.

Two layers of GATv2 (Brody, Alon and Yahav 2022) over the events; what brought about each event as a distribution over
those before it and "nothing that was seen"; and of each candidate what its pairs say together. `bench/causes` holds the
same in torch_geometric, where it learns, and a test that both give the same numbers.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping

import numpy as np

from taihang.model.causes import events
from taihang.model.causes.network import inputs as graphs

HIDDEN, HEADS, LAYERS = 32, 4, 2
_SLOPE = 0.2
_FAINT = 0.1
_CHUNK = 50_000
CONSTANT, FARTHEST = 1.001e-3, 50.0
Weights = Mapping[str, events.Floats]


@dataclasses.dataclass(frozen=True, slots=True)
class Outputs:
    """`edge` (candidates): log-odds that the candidate is one; `parent` (pairs of events): that this one brought that
    about; `occurs` (nodes): log-odds that the event happens then and there rather than at any time; `brought`
    (candidates): how many effects were brought about, by all pairs together."""

    edge: events.Floats
    parent: events.Floats
    occurs: events.Floats
    brought: events.Floats


def forward(weights: Weights, given: graphs.Inputs, tick: Callable[[int, int], None] | None = None) -> Outputs:
    """What the network says of a graph. `tick` is told how far it is, and may raise to stop it."""
    tick = tick or (lambda done, total: None)
    parts = _parts(given.target)
    total = max(1, (LAYERS + 1) * len(parts))
    nodes = scaled(given.nodes, weights["node_centre"], weights["node_scale"])
    hidden = np.maximum(_linear(weights, "enter", nodes), 0)
    for layer in range(LAYERS):
        added = np.tile(weights[f"gat{layer}.bias"], (len(hidden), 1))
        left, right = (_linear(weights, f"gat{layer}.{side}", hidden) for side in ("lin_l", "lin_r"))
        for n, part in enumerate(parts):
            tick(layer * len(parts) + n, total)
            _attend(weights, f"gat{layer}", added, (left, right), given, part)
        hidden = hidden + np.maximum(added, 0)
    pooled = _Pooled(np.zeros(len(given.table)), np.zeros(len(given.table)), np.zeros((len(given.table), HIDDEN)))
    nothing = _linear(weights, "nothing", hidden)[:, 0]
    parent = np.zeros(len(given.target))
    for n, part in enumerate(parts):
        tick(LAYERS * len(parts) + n, total)
        ends = (hidden[given.source[part]], hidden[given.target[part]])
        joint = np.concatenate([*ends, _scaled(weights, given, part)], axis=1)
        pair = np.maximum(_linear(weights, "pair", joint), 0)
        parent[part] = _softmax(_linear(weights, "blame", pair)[:, 0], nothing, given.target[part])
        pooled.add(pair, parent[part], given, part)
    edge = _linear(weights, "edge", np.maximum(_linear(weights, "pool", pooled.columns(weights, given)), 0))[:, 0]
    return Outputs(edge, parent, _linear(weights, "occurs", hidden)[:, 0], pooled.brought)


@dataclasses.dataclass(frozen=True, slots=True)
class _Pooled:
    """What the pairs of each candidate say together."""

    brought: events.Floats
    most: events.Floats
    told: events.Floats

    def add(self, pair: events.Floats, parent: events.Floats, given: graphs.Inputs, part: slice) -> None:
        real = given.target[part] < given.real
        of, weight = given.of[part][real], parent[real]
        np.add.at(self.brought, of, weight)
        np.maximum.at(self.most, of, weight)
        np.add.at(self.told, of, weight[:, None] * pair[real])

    def columns(self, weights: Weights, given: graphs.Inputs) -> events.Floats:
        table = scaled(given.table, weights["table_centre"], weights["table_scale"])
        causes, effects = (np.maximum(10 ** given.table[:, column] - 1, 1) for column in (0, 1))
        brought = self.brought
        return np.column_stack([
            table, np.log1p(brought), brought / causes, brought / effects, self.most,
            self.told / (brought + _FAINT)[:, None],
        ])  # fmt: skip


def _parts(target: events.Ints) -> list[slice]:
    """Edges in slices that hold all edges of each target."""
    bounds = [0]
    while bounds[-1] < len(target):
        last = min(bounds[-1] + _CHUNK, len(target)) - 1
        bounds.append(int(np.searchsorted(target, target[last], side="right")))
    return [slice(first, last) for first, last in itertools.pairwise(bounds)]


def scaled(columns: events.Floats, centre: events.Floats, scale: events.Floats) -> events.Floats:
    """Columns about their mean, in standard deviations of the training; what is not known (NaN) is as usual (0).

    A column that never varied in training taught nothing, so that it says nothing.
    """
    plain = (columns - centre) / np.where(scale <= CONSTANT, np.inf, scale)
    return np.asarray(np.clip(np.nan_to_num(plain), -FARTHEST, FARTHEST))


def _scaled(weights: Weights, given: graphs.Inputs, part: slice) -> events.Floats:
    return scaled(given.edges[part], weights["edge_centre"], weights["edge_scale"])


def _linear(weights: Weights, name: str, x: events.Floats) -> events.Floats:
    return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])


def _attend(  # noqa: PLR0917 - a layer, where its sum goes, and what it reads
    weights: Weights, name: str, added: events.Floats, sides: tuple[events.Floats, events.Floats],
    given: graphs.Inputs, part: slice,
) -> None:  # fmt: skip
    """One GATv2 layer over some edges, without self-loops: what nothing points at gets the bias alone."""
    shape = (-1, HEADS, HIDDEN // HEADS)
    target = given.target[part]
    between = (_scaled(weights, given, part) @ weights[f"{name}.lin_edge.weight"].T).reshape(shape)
    sent = sides[0][given.source[part]].reshape(shape)
    mixed = sent + sides[1][target].reshape(shape) + between
    mixed = np.where(mixed > 0, mixed, _SLOPE * mixed)
    score = (mixed * weights[f"{name}.att"]).sum(axis=-1)
    first = np.flatnonzero(np.diff(target, prepend=-1))
    place = np.cumsum(np.diff(target, prepend=-1) > 0) - 1
    heat = np.exp(score - np.maximum.reduceat(score, first, axis=0)[place])
    share = heat / np.add.reduceat(heat, first, axis=0)[place]
    added[target[first]] += np.add.reduceat(share[:, :, None] * sent, first, axis=0).reshape(-1, HIDDEN)


def _softmax(score: events.Floats, nothing: events.Floats, target: events.Ints) -> events.Floats:
    """Shares of each target's pairs, when "nothing" has its part as well."""
    top = nothing.copy()
    np.maximum.at(top, target, score)
    heat = np.exp(score - top[target])
    total = np.exp(nothing - top) + np.bincount(target, heat, minlength=len(nothing))
    return np.asarray(heat / total[target])

"""Chains: what leads to what, laid out from left to right, or from top to bottom where there is little room.

Arrows bear numbers, and what they mean stands below: texts on arrows would lie on each other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from taihang.core import i18n
from taihang.report import charts

_INK, _SOFT, _FILL, _PAPER = "#16191d", "#54595f", "#4d5b69", "#ffffff"
_NARROW_PX = 500
_BOX_PX, _GAP_PX, _CHANNEL_PX = 44, 26, 18.0
_CHANNELS_PX = 82.0  # all channels together, where there is little room


class Pen(Protocol):
    """What draws: see `drawing`."""

    parts: list[str]
    width: int
    language: i18n.Language

    def said(self, text: i18n.Text) -> str:
        """A text in the reader's language, short enough for a picture."""

    def share(self, value: float | None) -> str:
        """A share in per cent."""

    def fit(self, text: str, width: float) -> str:
        """A text cut to a width in pixels."""

    def text(self, x: float, y: float, text: str, *, anchor: str = "start", fill: str = "", bold: bool = False) -> None:
        """Write a text."""

    def rect(self, box: tuple[float, float, float, float], fill: str, stroke: str = "none", title: str = "") -> None:
        """Draw a box (x, y, width, height)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Spot:
    """A node's box: its layer, and its corners in pixels."""

    layer: int
    x: float
    y: float
    width: float


def draw(pen: Pen, chart: charts.Chain) -> float:
    """Draw the chart; gives its height in pixels."""
    down = pen.width < _NARROW_PX
    spots, height, floors = _laid(chart, pen.width, down)
    for n, one in enumerate(chart.links):
        pen.parts.append(_path(spots[one.source], spots[one.target], floors[n], down))
    for node, spot in zip(chart.nodes, spots, strict=True):
        label, note = pen.said(node.label), pen.said(node.note) if node.note else ""
        pen.rect((spot.x, spot.y, spot.width, _BOX_PX), _PAPER, _FILL, f"{label} {note}".strip())
        middle = spot.x + spot.width / 2
        told = pen.fit(label, spot.width - 12)
        pen.text(middle, spot.y + (19 if note else 27), told, anchor="middle", fill=_INK, bold=True)
        if note:
            pen.text(middle, spot.y + 35, pen.fit(note, spot.width - 12), anchor="middle", fill=_SOFT)
    for n, one in enumerate(chart.links):
        x, y = _middle(spots[one.source], spots[one.target], floors[n], down, pen.width)
        pen.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="{_PAPER}" stroke="{_FILL}"/>')
        pen.text(x, y + 4, str(n + 1), anchor="middle", fill=_INK)
    for n, one in enumerate(chart.links):
        names = [pen.said(chart.nodes[k].label) for k in (one.source, one.target)]
        told = f"{n + 1}  {names[0]} → {names[1]}: {pen.share(one.confidence)}, {pen.said(one.label)}"
        height += 20
        pen.text(0, height, pen.fit(told, pen.width), fill=_INK)
    return height + 10


def _laid(chart: charts.Chain, width: int, down: bool) -> tuple[list[Spot], float, list[float]]:
    """Boxes, height so far, and for each link the channel that it takes past other boxes (0: none)."""
    layers = _layers(len(chart.nodes), chart.links)
    groups = _groups(len(chart.nodes), chart.links)
    spots: list[Spot] = [Spot(0, 0, 0, 0)] * len(chart.nodes)
    floors = [0.0] * len(chart.links)
    y = 4.0
    for group in groups:
        deep = 1 + max(layers[n] for n in group)
        rows = [_ordered(layer, group, layers, chart.links, spots) for layer in range(deep)]
        past = [
            k
            for k, one in enumerate(chart.links)
            if one.source in group and layers[one.target] != layers[one.source] + 1
        ]
        if down:
            pitch = min(_CHANNEL_PX, _CHANNELS_PX / max(1, len(past)))
            room = width - (pitch * len(past) + 8 if past else 0)
            for layer, row in enumerate(rows):
                wide = min(220.0, (room - 8 * (len(row) - 1)) / max(1, len(row)))
                for m, n in enumerate(row):
                    spots[n] = Spot(layer, m * (wide + 8), y + layer * (_BOX_PX + 34), wide)
            for m, k in enumerate(past):
                floors[k] = room + 8 + pitch * m
            y += deep * (_BOX_PX + 34) - 34 + _GAP_PX
            continue
        step = width / max(3, deep)
        wide = min(210.0, step - 54)
        tall = max(len(row) for row in rows) * (_BOX_PX + 20) - 20
        for layer, row in enumerate(rows):
            first = y + (tall - (len(row) * (_BOX_PX + 20) - 20)) / 2
            for m, n in enumerate(row):
                spots[n] = Spot(layer, layer * step + 1, first + m * (_BOX_PX + 20), wide)
        for m, k in enumerate(past):
            floors[k] = y + tall + 14 + _CHANNEL_PX * m
        y += tall + (_CHANNEL_PX * len(past) + 8 if past else 0) + _GAP_PX
    return spots, y, floors


def _ordered(
    layer: int, group: Sequence[int], layers: Sequence[int], links: Sequence[charts.Link], spots: Sequence[Spot]
) -> list[int]:
    """The nodes of a layer, each near what leads to it."""
    held = [n for n in group if layers[n] == layer]

    def near(n: int) -> float:
        above = [group.index(one.source) for one in links if one.target == n and layers[one.source] < layer]
        return sum(above) / len(above) if above else float(group.index(n))

    return sorted(held, key=lambda n: (near(n), n))


def _layers(count: int, links: Sequence[charts.Link]) -> list[int]:
    """How far each node is from where its chain begins; a loop is opened at its weakest place in order."""
    after: list[list[int]] = [[] for _ in range(count)]
    taken: list[charts.Link] = []
    for one in links:
        if one.source != one.target and not _reaches(after, one.target, one.source):
            after[one.source].append(one.target)
            taken.append(one)
    layers = [0] * count
    for _ in range(count):
        for one in taken:
            layers[one.target] = max(layers[one.target], layers[one.source] + 1)
    return layers


def _reaches(after: Sequence[Sequence[int]], start: int, goal: int) -> bool:
    stack, seen = [start], {start}
    while stack:
        node = stack.pop()
        if node == goal:
            return True
        fresh = [n for n in after[node] if n not in seen]
        seen.update(fresh)
        stack += fresh
    return False


def _groups(count: int, links: Sequence[charts.Link]) -> list[list[int]]:
    """Nodes that hang together, in the order in which their first link stands."""
    both: list[list[int]] = [[] for _ in range(count)]
    for one in links:
        both[one.source].append(one.target)
        both[one.target].append(one.source)
    found: list[list[int]] = []
    seen: set[int] = set()
    for first in [one.source for one in links] + list(range(count)):
        if first in seen:
            continue
        stack, group = [first], []
        seen.add(first)
        while stack:
            node = stack.pop()
            group.append(node)
            fresh = [n for n in both[node] if n not in seen]
            seen.update(fresh)
            stack += reversed(fresh)
        found.append(group)
    return found


def _path(a: Spot, b: Spot, floor: float, down: bool) -> str:
    if down:
        start, end = (a.x + a.width / 2, a.y + _BOX_PX), (b.x + b.width / 2, b.y - 7)
        if floor:
            start, end = (a.x + a.width, a.y + _BOX_PX / 2), (b.x + b.width + 7, b.y + _BOX_PX / 2)
            line = f"M{start[0]:.1f},{start[1]:.1f} H{floor:.1f} V{end[1]:.1f} H{end[0]:.1f}"
            return _arrow(line, end, (-1, 0))
        bend = (start[1] + end[1]) / 2
        return _arrow(_curve(start, (start[0], bend), (end[0], bend), end), end, (0, 1))
    if floor:
        start, end = (a.x + a.width * 0.7, a.y + _BOX_PX), (b.x + b.width * 0.3, b.y + _BOX_PX + 7)
        line = f"M{start[0]:.1f},{start[1]:.1f} V{floor:.1f} H{end[0]:.1f} V{end[1]:.1f}"
        return _arrow(line, end, (0, -1))
    start, end = (a.x + a.width, a.y + _BOX_PX / 2), (b.x - 7, b.y + _BOX_PX / 2)
    bend = (start[0] + end[0]) / 2
    return _arrow(_curve(start, (bend, start[1]), (bend, end[1]), end), end, (1, 0))


def _curve(*points: tuple[float, float]) -> str:
    first, *rest = (f"{x:.1f},{y:.1f}" for x, y in points)
    return f"M{first} C{' '.join(rest)}"


def _arrow(line: str, end: tuple[float, float], towards: tuple[int, int]) -> str:
    x, y = end
    dx, dy = towards
    corners = ((6 * dx, 6 * dy), (-4 * dy - 2 * dx, -4 * dx - 2 * dy), (4 * dy - 2 * dx, 4 * dx - 2 * dy))
    head = " ".join(f"{x + right:.1f},{y + low:.1f}" for right, low in corners)
    return (
        f'<path d="{line}" fill="none" stroke="{_FILL}" stroke-width="1.4"/><polygon points="{head}" fill="{_FILL}"/>'
    )


def _middle(a: Spot, b: Spot, floor: float, down: bool, width: int) -> tuple[float, float]:
    if down:
        if floor:
            return min(floor, width - 10.0), (a.y + b.y + _BOX_PX) / 2
        return (a.x + b.x + (a.width + b.width) / 2) / 2, (a.y + _BOX_PX + b.y) / 2
    if floor:
        return (a.x + a.width * 0.7 + b.x + b.width * 0.3) / 2, floor
    return (a.x + a.width + b.x) / 2, (a.y + b.y + _BOX_PX) / 2

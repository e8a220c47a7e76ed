"""Charts: what is drawn, as plain values; colours and grid are the same on every page."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

COLOURS = {"red": "#b3261e", "orange": "#e07a1f", "yellow": "#e0b43a", "blue": "#5b9bd5", "info": "#a0aab2"}
BRAND, ACCENT, SOFT, LINE = "#0f4c5c", "#e36414", "#5a6672", "#dfe4e8"
_FONT = 'system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif'
_AXIS = {"axisLabel": {"color": SOFT, "fontSize": 11}, "axisLine": {"lineStyle": {"color": LINE}}}
_BOX, _COLUMN, _ROW, _NAME = (148, 32), 206, 46, 14
_SPLIT = {"splitLine": {"lineStyle": {"color": LINE}}}


def show(option: dict[str, Any], label: str, height: int = 260) -> ui.echart:
    """Draw a chart; `label` says what it shows to whoever does not see it."""
    whole = {"textStyle": {"fontFamily": _FONT}, "animation": False, **option}
    drawn = ui.echart(whole).classes("w-full").style(f"height:{height}px")
    return drawn.props(f"role=img aria-label={_quoted(label)}")


def radar(values: Mapping[str, float]) -> dict[str, Any]:
    """Shares in [0, 1] by name, at least three. The scale begins where differences can be seen, and says so."""
    least = min(values.values(), default=0.0)
    floor = 0.9 if least >= 0.9 else 0.5 if least >= 0.5 else 0.0
    axes = [{"name": f"{name}\n{value:.1%}", "min": floor, "max": 1} for name, value in values.items()]
    data = [{"value": [round(v, 4) for v in values.values()], "areaStyle": {"opacity": 0.22}}]
    return {
        "color": [BRAND],
        "radar": {
            "indicator": axes, "radius": "62%", "splitNumber": 4, "axisName": {"color": "#1c2530", "fontSize": 12},
            "splitArea": {"show": False}, **_SPLIT, "axisLine": {"lineStyle": {"color": LINE}},
        },
        "series": [{"type": "radar", "data": data, "symbolSize": 5}],
    }  # fmt: skip


def trend(
    names: Sequence[str],
    counts: Sequence[Mapping[str, int]],
    words: Mapping[str, str],
    score: tuple[str, Sequence[float | None]],
) -> dict[str, Any]:
    """Findings per level as stacked bars, and a share as a line on an axis of its own."""
    bars = [
        {"type": "bar", "stack": "n", "barMaxWidth": 34, "name": words[level], "itemStyle": {"color": COLOURS[level]},
         "data": [one.get(level, 0) for one in counts]}
        for level in COLOURS if any(one.get(level) for one in counts)
    ]  # fmt: skip
    known = [value for value in score[1] if value is not None]
    least = min(known, default=0.0)
    line = {
        "type": "line", "name": score[0], "yAxisIndex": 1, "symbolSize": 6, "lineStyle": {"color": BRAND, "width": 2},
        "itemStyle": {"color": BRAND}, "data": [None if v is None else round(100 * v, 2) for v in score[1]],
    }  # fmt: skip
    return {
        "xAxis": {"type": "category", "data": list(names), "axisTick": {"show": False}, **_AXIS},
        "yAxis": [
            {"type": "value", "minInterval": 1, **_AXIS, **_SPLIT},
            {"type": "value", "min": 90 if least >= 0.9 else 50 if least >= 0.5 else 0, "max": 100, **_AXIS,
             "splitLine": {"show": False}, "axisLabel": {"formatter": "{value}%", "color": SOFT, "fontSize": 11}},
        ],
        # Plain: names that do not fit go to a second line, where a scrolled legend cuts them off.
        "legend": {"bottom": 0, "itemWidth": 12, "itemHeight": 8, "itemGap": 8,
                   "textStyle": {"color": SOFT, "fontSize": 11}},
        "tooltip": {"trigger": "axis"},
        "grid": {"top": 14, "bottom": 84, "left": 36, "right": 48},
        "series": [*bars, line],
    }  # fmt: skip


def heat(columns: Sequence[str], names: Sequence[str], cells: Sequence[tuple[int, int, float]]) -> dict[str, Any]:
    """Shares of bad rows: a line for each column, a field for each time; `cells` are (time, column, share)."""
    most = max((share for *_, share in cells), default=0.0) or 0.01
    return {
        "xAxis": {"type": "category", "data": list(names), "axisTick": {"show": False}, **_AXIS},
        "yAxis": {"type": "category", "data": list(columns), "inverse": True, "axisTick": {"show": False}, **_AXIS},
        "grid": {"top": 8, "bottom": 62, "left": 8, "right": 12, "containLabel": True},
        "visualMap": {
            "dimension": 2, "min": 0, "max": round(100 * most, 2), "orient": "horizontal", "left": "center",
            "bottom": 0,
            "itemHeight": 120,
            "itemWidth": 10, "inRange": {"color": ["#e9f3ec", "#ffe08a", "#f4a261", "#e2725b"]}, "precision": 1,
            "textStyle": {"color": SOFT}, "text": [f"{100 * most:.1f}%", "0%"],
        },
        "tooltip": {":formatter": "(p) => `${p.name}<br>${p.marker}${p.data[3]}: ${p.data[2].toFixed(2)}%`"},
        "series": [{"type": "heatmap", "itemStyle": {"borderColor": "#fff", "borderWidth": 2},
                    "label": {"show": len(cells) <= 120, ":formatter": "(p) => p.data[2].toFixed(1)", "fontSize": 11,
                              "color": "#1c2530"},
                    "data": [[x, y, round(100 * share, 3), columns[y]] for x, y, share in cells]}],
    }  # fmt: skip


def lineage(
    names: Mapping[str, str], targets: Mapping[str, str], runs: set[str], links: Sequence[tuple[str, str]], here: str
) -> str:
    """A graph as SVG, from what came first at the left to what was made of it at the right; each box is a link.

    `targets` are addresses of the console by id. Drawn here and not by the chart library: its boxes can be
    reached by keyboard and read aloud.
    """
    depth = _depths(names, links)
    columns: dict[int, list[str]] = {}
    for id in sorted(names, key=lambda one: (depth[one], names[one])):
        columns.setdefault(depth[id], []).append(id)
    tallest = max((len(ids) for ids in columns.values()), default=1)
    height, width = tallest * _ROW + 16, max(columns, default=0) * _COLUMN + _BOX[0] + 8
    at = {
        id: (4 + column * _COLUMN, 8 + (tallest - len(ids)) * _ROW / 2 + place * _ROW)
        for column, ids in columns.items()
        for place, id in enumerate(ids)
    }
    drawn = [_edge(at[start], at[end]) for start, end in links if start in at and end in at]
    for id, (x, y) in at.items():
        kind = "th-node-here" if id == here else "th-node-run" if id in runs else "th-node"
        name = html.escape(names[id])
        short = html.escape(names[id] if len(names[id]) <= _NAME else names[id][: _NAME - 1] + "…")
        drawn.append(
            f'<a href="{html.escape(targets.get(id, "#"))}"><title>{name}</title>'
            f'<rect class="{kind}" x="{x:.0f}" y="{y:.0f}" '
            f'width="{_BOX[0]}" height="{_BOX[1]}" rx="{4 if id in runs else 16}"/><text class="{kind}-text" '
            f'x="{x + _BOX[0] / 2:.0f}" y="{y + _BOX[1] / 2 + 4:.0f}" text-anchor="middle">{short}</text></a>'
        )
    arrow = (
        '<defs><marker id="th-arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto">'
        '<path d="M0,0L8,4L0,8z" fill="#7b8893"/></marker></defs>'
    )
    return (
        f'<svg class="th-graph" width="{width}" height="{height:.0f}" viewBox="0 0 {width} {height:.0f}">{arrow}'
        f"{''.join(drawn)}</svg>"
    )


def _edge(start: tuple[float, float], end: tuple[float, float]) -> str:
    x, y, to_x, to_y = start[0] + _BOX[0], start[1] + _BOX[1] / 2, end[0] - 5, end[1] + _BOX[1] / 2
    way = f"M{x:.0f},{y:.0f} C{x + 34:.0f},{y:.0f} {to_x - 29:.0f},{to_y:.0f} {to_x:.0f},{to_y:.0f}"
    return f'<path class="th-edge" d="{way}" marker-end="url(#th-arrow)"/>'


def _depths(names: Mapping[str, str], links: Sequence[tuple[str, str]]) -> dict[str, int]:
    """How many steps each node stands behind the first; a circle ends after as many rounds as there are nodes."""
    depth = dict.fromkeys(names, 0)
    for _ in names:
        moved = False
        for start, end in links:
            if start in depth and end in depth and depth[end] < depth[start] + 1 <= len(names):
                depth[end], moved = depth[start] + 1, True
        if not moved:
            break
    return depth


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "").replace('"', "'") + '"'

"""Cells: what stands in a table, as markup in which every text that came from somebody is escaped.

A page of two hundred rows is one element of the page's framework instead of thousands: that is what keeps
a page of a long list small in the server and quick in the browser.
"""

from __future__ import annotations

import html
import urllib.parse
from collections.abc import Iterable, Sequence

from nicegui import ui

from taihang.core import words

LEVELS = tuple(level.value for level in words.Level)
_LONGEST = 400


class Markup(str):
    """Text that is markup already; everything else is escaped when it is put into a table."""

    __slots__ = ()


def text(value: object, classes: str = "") -> Markup:
    """A text, cut when it is very long; its own direction, whatever script it is in."""
    plain = "—" if value is None or value == "" else str(value)
    short = plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
    return Markup(f'<span dir="auto" class="{classes}">{html.escape(short)}</span>')


def link(value: object, target: str) -> Markup:
    """A link inside the console; `target` is an address whose parts are quoted."""
    return Markup(f'<a dir="auto" href="{html.escape(target)}">{html.escape(str(value)[:_LONGEST])}</a>')


def address(*parts: str, **query: str) -> str:
    """An address of the console: `address("videos", id, finding=…)`."""
    path = "/" + "/".join(urllib.parse.quote(part, safe="") for part in parts)
    return path + (f"?{urllib.parse.urlencode(query)}" if query else "")


def when(value: str) -> Markup:
    """A time or a span that stays on one line."""
    return text(value, "th-when")


def chip(value: str, classes: str) -> Markup:
    """A word on a coloured ground."""
    return Markup(f'<span class="{classes}">{html.escape(value)}</span>')


def joined(parts: Iterable[Markup], classes: str = "th-cells") -> Markup:
    """Several cells' contents beside each other."""
    return Markup(f'<span class="{classes}">{"".join(parts)}</span>')


def bar(share: float, label: str) -> Markup:
    """A share in [0, 1] as a bar with its number."""
    width = max(0.0, min(1.0, share)) * 100
    return Markup(
        f'<span class="th-share"><span class="th-share-of"><span style="width:{width:.1f}%"></span></span>'
        f"<span>{html.escape(label)}</span></span>"
    )


def spark(values: Sequence[float], label: str) -> Markup:
    """A small line of numbers in [0, 1], the last one marked."""
    if len(values) < 2:
        return text("")
    low, high = min(values), max(values)
    spread = (high - low) or 1.0
    step = 88 / (len(values) - 1)
    points = [(2 + n * step, 20 - (value - low) / spread * 16) for n, value in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup(
        f'<svg class="th-spark" viewBox="0 0 92 24" width="92" height="24" role="img" '
        f'aria-label="{html.escape(label)}">'
        f'<polyline points="{line}"/><circle cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="2.5"/></svg>'
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], label: str = "") -> ui.html:
    """A table. What is no Markup is escaped."""
    head = "".join(f'<th scope="col">{html.escape(one)}</th>' for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{_safe(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    named = f' aria-label="{html.escape(label)}"' if label else ""
    markup = f'<table class="th-table"{named}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return ui.html(markup, sanitize=False).classes("w-full th-wide")


def _safe(cell: object) -> str:
    return cell if isinstance(cell, Markup) else text(cell)

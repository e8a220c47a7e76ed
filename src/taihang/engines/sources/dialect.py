"""Dialect: how a delimited text file separates its values, and whether its first row names them."""

from __future__ import annotations

import collections
import csv
import dataclasses
import io
import re

DELIMITERS = (",", "\t", ";", "|", "\x01")
_MOST_LINES = 500
_NUMBER = re.compile(r"[-+]?[\d.,]+([eE][-+]?\d+)?%?")


@dataclasses.dataclass(frozen=True, slots=True)
class Dialect:
    """`header` says that the first row holds names; `width` is how many values most rows have."""

    delimiter: str
    header: bool
    width: int


def sniff(text: str, delimiter: str | None = None, header: bool | None = None) -> tuple[Dialect, list[str]]:
    """The dialect of the beginning of a file (at most some hundred lines are looked at), and its first row.

    The delimiter is the one with which most rows have the same number of values, more than one.
    """
    lines = text.splitlines(keepends=True)[:_MOST_LINES]
    tried = [delimiter] if delimiter else list(DELIMITERS)
    best: tuple[float, str, list[list[str]]] | None = None
    for candidate in tried:
        rows = _rows(lines, candidate)
        widths = collections.Counter(len(row) for row in rows)
        width, times = max(widths.items(), key=lambda w: (w[1], w[0])) if widths else (1, 0)
        score = (times / max(len(rows), 1)) * (1 if width > 1 else 0.01) + min(width, 50) * 1e-4
        if best is None or score > best[0]:
            best = score, candidate, rows
    assert best is not None
    _, chosen, rows = best
    first = rows[0] if rows else []
    widths = collections.Counter(len(row) for row in rows[1:] or rows)
    usual = max(widths.items(), key=lambda w: (w[1], w[0]))[0] if widths else 1
    named = header if header is not None else _names(first, rows[1:])
    width = max(len(first), 1) if named and usual < len(first) and widths[usual] * 2 < len(rows) else usual
    if named and len(first) != usual and widths[len(first)] * 10 >= len(rows):
        width = len(first)
    return Dialect(chosen, named, max(width, 1)), first


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    csv.field_size_limit(1 << 30)
    try:
        # The last line may be cut in the middle.
        return [row for row in csv.reader(io.StringIO("".join(lines)), delimiter=delimiter) if row]
    except csv.Error:
        return [line.rstrip("\r\n").split(delimiter) for line in lines if line.strip()]


def _names(first: list[str], others: list[list[str]]) -> bool:
    """True unless the first row looks like data: a number in it, or a value that its column has again."""
    if not first or not others:
        return not any(_NUMBER.fullmatch(value.strip()) for value in first)
    for place, value in enumerate(first):
        if _NUMBER.fullmatch(value.strip()):
            return False
        if value and sum(len(row) > place and row[place] == value for row in others) * 10 > len(others):
            return False
    return True

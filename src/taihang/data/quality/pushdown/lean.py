"""Lean: a pattern as a condition that PostgreSQL decides sooner, with the same answer for every text.

Its engine builds its automaton anew for each text, a state at a time, so `[0-9]{9}` costs nine states where
`[0-9]*` costs one. Where all else has one length, how often a class repeats is a length of the text, and
that is compared. A start of plain letters is a range of texts in the order of bytes. Both are exact.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from taihang.rules import pattern

_ASCII = 127
_WORTH = 3  # so many repeats cost more than a length does


@dataclasses.dataclass(frozen=True)
class Lean:
    """`pattern` must match; the length must lie between two, in bytes or else characters; and the text
    between two texts, in the order of bytes, the second left out. `enough`: that range alone decides for a match.
    """

    pattern: pattern.Node
    least: int | None = None
    most: int | None = None
    octets: bool = False
    low: str | None = None
    below: str | None = None
    enough: bool = False


def lean(node: pattern.Node) -> Lean | None:
    """The condition, or None where there is none that is cheaper."""
    parts = list(_flat(node))
    if len(parts) == 1 and isinstance(parts[0], pattern.Set):
        return _somewhere(parts[0])
    start, end = pattern.Edge(end=False), pattern.Edge(end=True)
    if len(parts) < 3 or parts[0] != start or parts[-1] != end:
        return None
    inner = parts[1:-1]
    lengths = [_length(p) for p in inner]
    chosen = max(range(len(inner)), key=lambda n: _gain(inner[n]))
    rest = [length for n, length in enumerate(lengths) if n != chosen]
    repeat = inner[chosen]
    if not isinstance(repeat, pattern.Repeat) or _gain(repeat) < _WORTH or None in rest:
        return None
    assert isinstance(repeat.of, pattern.Set)
    fixed = sum(length or 0 for length in rest)
    most = None if repeat.most is None else fixed + repeat.most
    octets = all(_plain(p) for p in inner)
    loop = pattern.Repeat(repeat.of, 0, None)
    start_of = _start(inner[:chosen], repeat.of) if chosen == len(inner) - 1 else None
    if start_of is not None:
        low, below = start_of
        return Lean(pattern.whole(loop), fixed + repeat.least, most, octets, low, below)
    again = pattern.whole(pattern.Sequence((*inner[:chosen], loop, *inner[chosen + 1 :])))
    return Lean(again, fixed + repeat.least, most, octets)


def _somewhere(wanted: pattern.Set) -> Lean | None:
    """One character anywhere: a text that begins with such a one is decided by its first byte."""
    ranges = [(max(low, 1), min(high, _ASCII - 1)) for low, high in wanted.ranges if low < _ASCII]
    low, high = max(ranges, key=lambda r: r[1] - r[0], default=(1, 0))
    return Lean(wanted, low=chr(low), below=chr(high + 1), enough=True) if high - low >= _WORTH else None


def _start(before: Sequence[pattern.Node], loop: pattern.Set) -> tuple[str, str] | None:
    """A start of letters, the last any of a range, all of the loop's class, as two texts."""
    ranges = [p.ranges for p in before if isinstance(p, pattern.Set)]
    if not before or len(ranges) < len(before) or any(len(r) != 1 for r in ranges):
        return None
    *letters, (low, high) = [r[0] for r in ranges]
    if any(a != b or not 0 < a <= _ASCII for a, b in letters) or not 0 < low <= high < _ASCII:
        return None
    if not all(any(a <= c and d <= b for a, b in loop.ranges) for c, d in (*letters, (low, high))):
        return None
    text = "".join(chr(a) for a, _ in letters)
    return text + chr(low), text + chr(high + 1)


def _flat(node: pattern.Node) -> Sequence[pattern.Node]:
    if not isinstance(node, pattern.Sequence):
        return (node,)
    return [one for part in node.parts for one in _flat(part)]


def _gain(node: pattern.Node) -> int:
    """How many states it needs that a loop does not."""
    if not isinstance(node, pattern.Repeat) or not isinstance(node.of, pattern.Set):
        return 0
    return node.least if node.most is None else node.most


def _length(node: pattern.Node) -> int | None:
    """The one length of all texts that it matches, None when they differ."""
    if isinstance(node, pattern.Set):
        return 1
    if isinstance(node, pattern.Repeat):
        one = _length(node.of)
        return None if one is None or node.least != node.most else one * node.least
    if isinstance(node, pattern.Edge):
        return None
    lengths = [_length(p) for p in node.parts]
    if None in lengths:
        return None
    if isinstance(node, pattern.Sequence):
        return sum(n or 0 for n in lengths)
    return lengths[0] if len(set(lengths)) == 1 else None


def _plain(node: pattern.Node) -> bool:
    """True when it matches ASCII alone, where a character is a byte."""
    if isinstance(node, pattern.Set):
        return all(high <= _ASCII for _, high in node.ranges)
    if isinstance(node, pattern.Repeat):
        return _plain(node.of)
    return not isinstance(node, pattern.Edge) and all(_plain(p) for p in node.parts)

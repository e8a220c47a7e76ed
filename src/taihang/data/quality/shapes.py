"""Shapes: patterns that say what stands at each place of a text, matched over Arrow's own bytes.

Codes, phone numbers and identity numbers are of a fixed length, and "not blank" is mostly told by the first
character: both cost a fraction of what a general matcher takes, which still judges everything else.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
import sqlglot.errors
from sqlglot import exp

from taihang.rules import pattern, predicate

LONGEST = 64
_ASCII = 0x80
_EDGES = (pattern.Edge(end=False), pattern.Edge(end=True))
Bytes = npt.NDArray[np.uint8]
Places = tuple[pattern.Ranges, ...]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
_NO_ROWS = np.zeros(0, np.int64)


class Texts:
    """A column's texts (n,), with what was found of them: rules ask the same of a column again and again."""

    def __init__(self, values: pa.Array) -> None:
        self.values = values
        self.starts, self.data = _bytes(values)
        self.lengths = np.diff(self.starts)
        self._rows: dict[int, Bytes] = {}
        self._good: dict[Places, Flags] = {}

    def of(self, places: Places) -> Flags:
        """Which are ASCII characters, each out of the ranges of its place, and no more."""
        if places not in self._good:
            length = len(places)
            fits = self.lengths == length
            if length not in self._rows:
                block = _of_length(self.data, self.starts, fits, length)
                self._rows[length] = np.ascontiguousarray(block.reshape(-1, length).T)
            good = np.ones(self._rows[length].shape[1], bool)
            for place, ranges in zip(self._rows[length], places, strict=True):
                good &= _within(place, ranges)
            if len(good) < len(fits):
                found = np.zeros(len(fits), bool)
                found[fits] = good
                good = found
            self._good[places] = good
        return self._good[places]

    def match(self, shape: Shape) -> pa.Array:
        """Whether each is of a shape; NULL for NULL."""
        found = shape.found(self)
        if not self.values.null_count:
            return pa.array(found)
        return pa.array(found, mask=self.values.is_null().to_numpy(zero_copy_only=False))


@dataclasses.dataclass(frozen=True)
class Fixed:
    """A whole text of ASCII characters: one of several lengths, and for each the ranges of every place."""

    column: str
    options: tuple[Places, ...]

    def found(self, texts: Texts) -> Flags:
        """Whether each text is of this shape; anything for NULL."""
        found = texts.of(self.options[0])
        for places in self.options[1:]:
            found = found | texts.of(places)
        return found


@dataclasses.dataclass(frozen=True)
class Holding:
    """A text that holds a character out of ranges anywhere; `pattern` says the same in RE2's words."""

    column: str
    ranges: pattern.Ranges
    pattern: str

    def found(self, texts: Texts) -> Flags:
        """Whether each text holds one; anything for NULL."""
        some = texts.lengths > 0
        found = np.zeros(len(some), bool)
        if len(texts.data):
            first = texts.data[np.minimum(texts.starts[:-1], len(texts.data) - 1)]
            found = _leads(self.ranges)[first] & some
            long = np.flatnonzero(found & (first >= _ASCII))
            found[long] = _whole(texts, long)
        rest = np.flatnonzero(some & ~found)
        if len(rest):
            found[rest] = pc.match_substring_regex(texts.values.take(pa.array(rest)), self.pattern).fill_null(False)
        return found


Shape = Fixed | Holding


def taken_out(tests: Sequence[str], schema: pa.Schema, taken: Collection[str]) -> tuple[list[str], dict[str, Shape]]:
    """The conditions with each pattern that is a shape as a column of its own, and what those columns are.

    Names are unlike those `taken`.
    """
    found: dict[Shape, str] = {}
    used = {name.casefold() for name in taken}
    changed = []
    for sql in tests:
        whole = tree(sql) if "REGEXP_" in sql else None
        if whole is None:
            changed.append(sql)
            continue
        nodes: list[exp.Expr] = list(whole.find_all(exp.RegexpFullMatch, exp.RegexpLike))
        for node in nodes:
            shape, rest = _shape(node, schema)
            if shape is None:
                continue
            if shape not in found:
                name = f"shape{len(found)}"
                while name.casefold() in used:
                    name = f"_{name}"
                found[shape] = name
            instead: exp.Expr = exp.column(found[shape], quoted=True)
            if rest is not None:
                left = node.copy()
                left.set("expression", exp.Literal.string(rest))
                instead = exp.paren(exp.or_(left, instead))
            whole = instead if node is whole else whole
            node.replace(instead)
        changed.append(whole.sql(dialect=predicate.DIALECT))
    return changed, {name: shape for shape, name in found.items()}


def tree(sql: str) -> exp.Expr | None:
    """A condition taken apart; None for what cannot be."""
    try:
        return sqlglot.parse_one(sql, dialect=predicate.DIALECT)
    except (sqlglot.errors.SqlglotError, RecursionError):
        return None


def _shape(node: exp.Expr, schema: pa.Schema) -> tuple[Shape | None, str | None]:
    """What a call asks of a text column, where that is a shape; and the alternatives beside it, as a pattern."""
    text, wanted = node.this, node.expression
    if isinstance(text, exp.Cast) and text.to.this in {exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR}:
        text = text.this
    plain = isinstance(text, exp.Column) and isinstance(wanted, exp.Literal) and wanted.is_string
    if not plain or text.table or node.args.get("flag") or node.args.get("options"):
        return None, None
    if text.name not in schema.names or not is_text(schema.field(text.name).type):
        return None, None
    try:
        tree = pattern.parse(wanted.this)
    except pattern.Unspeakable:
        return None, None
    anywhere = isinstance(node, exp.RegexpLike)
    while isinstance(tree, pattern.Sequence) and len(tree.parts) == 1:
        tree = tree.parts[0]
    if anywhere and isinstance(tree, pattern.Set) and tree.ranges:
        # Of a class without an end beyond ASCII, libraries know newer or older letters.
        known = tree.ranges[-1][1] in {pattern.LAST, *range(_ASCII)}
        return (Holding(text.name, tree.ranges, wanted.this) if known else None), None
    inside = _inside(tree if anywhere else pattern.whole(tree))
    parts = inside.parts if isinstance(inside, pattern.Choice) else (inside,)
    fixed = [places for part in parts if (places := _places(part))]
    rest = [part for part in parts if not _places(part)]
    if not fixed or (rest and anywhere):
        return None, None
    # Rules that differ in one alternative have the others in common, which the database then judges once.
    others = pattern.spell(pattern.Choice(tuple(rest)), "re2") if rest else None
    return Fixed(text.name, tuple(fixed)), others


def _inside(node: pattern.Node) -> pattern.Node:
    """What stands between the two edges of a text; a pattern without both is no shape and stays as it is."""
    if not isinstance(node, pattern.Sequence) or not node.parts or (node.parts[0], node.parts[-1]) != _EDGES:
        return pattern.Choice(())
    parts = node.parts[1:-1]
    inner = parts[0] if len(parts) == 1 else pattern.Sequence(parts)
    again = isinstance(inner, pattern.Sequence) and inner.parts and (inner.parts[0], inner.parts[-1]) == _EDGES
    return _inside(inner) if again else inner


def is_text(kind: pa.DataType) -> bool:
    """True for a column of texts, each with its own bytes."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _places(node: pattern.Node) -> Places | None:
    """The ranges of each place, if there is one fixed number of them and all are ASCII."""
    if isinstance(node, pattern.Set):
        return (node.ranges,) if node.ranges and node.ranges[-1][1] < _ASCII else None
    if isinstance(node, pattern.Repeat) and node.least == node.most and node.least <= LONGEST:
        inner = _places(node.of)
        return None if inner is None or len(inner) * node.least > LONGEST else inner * node.least
    if isinstance(node, pattern.Sequence):
        found: list[pattern.Ranges] = []
        for part in node.parts:
            inner = _places(part)
            if inner is None:
                return None
            found += inner
        return tuple(found) if len(found) <= LONGEST else None
    return None


def _bytes(texts: pa.Array) -> tuple[npt.NDArray[np.int64], Bytes]:
    """Where each text starts, with the end of the last (n + 1,), and the bytes of all."""
    _, offsets, data = texts.buffers()
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    if offsets is None or not len(texts):
        return np.zeros(len(texts) + 1, np.int64), np.zeros(0, np.uint8)
    starts = np.frombuffer(offsets, width)[texts.offset : texts.offset + len(texts) + 1]
    return starts, np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)  # type: ignore[return-value]


def _of_length(data: Bytes, starts: npt.NDArray[np.int64], fits: Flags, length: int) -> Bytes:
    """The bytes of the texts that fit, one after the other."""
    odd = np.flatnonzero(~fits)
    if len(odd) * 16 > len(fits):
        gathered: Bytes = data[starts[:-1][fits][:, None] + np.arange(length)]
        return gathered
    # Few do not fit: copy what lies between them.
    edges = zip([starts[0], *starts[odd + 1]], [*starts[odd], starts[-1]], strict=True)
    return np.concatenate([data[a:b] for a, b in edges])


def _within(place: Bytes, ranges: pattern.Ranges) -> Flags:
    found = np.zeros(len(place), bool)
    for low, high in ranges:
        # Below `low` it wraps round and is large.
        found |= (place - np.uint8(low)) <= np.uint8(high - low)
    return found


def _whole(texts: Texts, rows: Rows) -> Flags:
    """Whether these texts, whose first byte leads two others, have those two: a text may be cut in a character."""
    good = texts.lengths[rows] >= 3
    for n in (1, 2):
        at = np.minimum(texts.starts[rows] + n, len(texts.data) - 1)
        good &= (texts.data[at] & 0xC0) == _ASCII
    return good


@functools.cache
def _leads(ranges: pattern.Ranges) -> Flags:
    """For each byte whether every character whose UTF-8 begins with it is within the ranges.

    Only those that lead no other byte, or any two: what may follow the rest is for a general matcher to say.
    """
    spans = [(b, b) for b in range(_ASCII)]
    spans += [(0x40, 0x3F)] * (0xE1 - _ASCII)
    spans += [((b & 0x0F) << 12, ((b & 0x0F) << 12) | 0xFFF) for b in range(0xE1, 0xF0)]
    spans[0xED] = (0x40, 0x3F)  # half of what it leads are surrogates
    spans += [(0x40, 0x3F)] * (256 - len(spans))
    return np.array([first <= last and any(a <= first and last <= b for a, b in ranges) for first, last in spans])

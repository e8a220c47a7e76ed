"""Pattern: a regular expression as RE2 reads it, taken apart and spelled for other engines with the same meaning.

Only whether a text matches is asked, so greed and groups do not matter: what stays is a language over
code points. Classes become explicit ranges, so no engine's own idea of a digit, a space or a letter counts.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

Ranges = tuple[tuple[int, int], ...]
Flavour = Literal["re2", "java", "postgresql"]
LAST = 0x10FFFF
_ESCAPES = {"t": 9, "n": 10, "r": 13, "f": 12, "v": 11, "a": 7}
_DIGIT: Ranges = ((48, 57),)
_SPACE: Ranges = ((9, 10), (12, 13), (32, 32))
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_POSIX: dict[str, Ranges] = {
    "alnum": ((48, 57), (65, 90), (97, 122)), "alpha": ((65, 90), (97, 122)), "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)), "cntrl": ((0, 31), (127, 127)), "digit": _DIGIT, "graph": ((33, 126),),
    "lower": ((97, 122),), "print": ((32, 126),), "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)), "upper": ((65, 90),), "word": _WORD, "xdigit": ((48, 57), (65, 70), (97, 102)),
}  # fmt: skip
_HAN: Ranges = (
    (0x2E80, 0x2E99), (0x2E9B, 0x2EF3), (0x2F00, 0x2FD5), (0x3005, 0x3005), (0x3007, 0x3007), (0x3021, 0x3029),
    (0x3038, 0x303B), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFA6D), (0xFA70, 0xFAD9), (0x16FE2, 0x16FE3),
    (0x16FF0, 0x16FF1), (0x20000, 0x2A6DF), (0x2A700, 0x2B739), (0x2B740, 0x2B81D), (0x2B820, 0x2CEA1),
    (0x2CEB0, 0x2EBE0), (0x2EBF0, 0x2EE5D), (0x2F800, 0x2FA1D), (0x30000, 0x3134A), (0x31350, 0x323AF),
)  # fmt: skip
# To look through all of Unicode takes a third of a second, and separators have been the same since version 6.3.
_SEPARATORS: Ranges = (
    (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
    (0x205F, 0x205F), (0x3000, 0x3000),
)  # fmt: skip
_MOST_REPEATS = {"re2": 1000, "java": 1000, "postgresql": 255}
_DEEPEST = 60


class Unspeakable(ValueError):
    """A pattern that cannot be said alike elsewhere; its text says what in it."""


@dataclasses.dataclass(frozen=True)
class Set:
    """One character out of ranges."""

    ranges: Ranges


@dataclasses.dataclass(frozen=True)
class Edge:
    """The start or the end of the text."""

    end: bool


@dataclasses.dataclass(frozen=True)
class Sequence:
    """One after the other."""

    parts: tuple[Node, ...]


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several."""

    parts: tuple[Node, ...]


@dataclasses.dataclass(frozen=True)
class Repeat:
    """The same so many times; no `most` is without end."""

    of: Node
    least: int
    most: int | None


Node = Set | Edge | Sequence | Choice | Repeat


def parse(pattern: str, *, ignore_case: bool = False, dot_all: bool = False) -> Node:
    """Take an RE2 pattern apart. Raises Unspeakable for what has no equal elsewhere, and for what is no pattern."""
    reader = _Reader(pattern)
    found = reader.choice(_Flags(ignore_case, dot_all), 0)
    if reader.at < len(pattern):
        raise Unspeakable(")")
    return found


def like(pattern: str, escape: str | None = None) -> Node:
    """An SQL LIKE pattern, which speaks about the whole text."""
    parts: list[Node] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == escape:
            parts.append(_one(ord(next(letters, ""))) if letter else _one(0))
        elif letter == "%":
            parts.append(Repeat(Set(((0, LAST),)), 0, None))
        else:
            parts.append(Set(((0, LAST),)) if letter == "_" else _one(ord(letter)))
    return whole(Sequence(tuple(parts)))


def whole(node: Node) -> Node:
    """The pattern with both edges of the text around it."""
    return Sequence((Edge(end=False), node, Edge(end=True)))


def spell(node: Node, flavour: Flavour) -> str:
    """The pattern in an engine's own words. Raises Unspeakable where its limits forbid it."""
    if isinstance(node, Set):
        return _spelled_set(node.ranges, flavour)
    if isinstance(node, Edge):
        return {True: r"\Z" if flavour == "postgresql" else r"\z", False: r"\A"}[node.end]
    if isinstance(node, Sequence):
        return "".join(_grouped(p, flavour) if isinstance(p, Choice) else spell(p, flavour) for p in node.parts)
    if isinstance(node, Choice):
        return "|".join(spell(p, flavour) for p in node.parts)
    if max(node.least, node.most or 0) > _MOST_REPEATS[flavour]:
        raise Unspeakable(f"{{{node.least},{node.most or ''}}}")
    inner = spell(node.of, flavour) if isinstance(node.of, Set) else _grouped(node.of, flavour)
    signs = {(0, None): "*", (1, None): "+", (0, 1): "?"}
    most = "" if node.most is None else str(node.most)
    exact = f"{{{node.least}}}" if node.least == node.most else f"{{{node.least},{most}}}"
    return inner + signs.get((node.least, node.most), exact)


def _grouped(node: Node, flavour: Flavour) -> str:
    return f"(?:{spell(node, flavour)})"


def _spelled_set(ranges: Ranges, flavour: Flavour) -> str:
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _letter(ranges[0][0], flavour)
    if not ranges:
        return f"[^{_letter(1, flavour)}-{_letter(LAST, flavour)}]"
    rest = complement(ranges)
    negated = len(rest) < len(ranges) and bool(rest)
    inner = []
    for low, high in rest if negated else ranges:
        # A text of PostgreSQL holds no NUL, and its patterns neither.
        first = max(low, 1) if flavour == "postgresql" else low
        if first <= high:
            inner.append(_letter(first, flavour) + (f"-{_letter(high, flavour)}" if high > first else ""))
    return f"[{'^' if negated else ''}{''.join(inner)}]" if inner else _spelled_set(((1, LAST),), flavour)


def _letter(code: int, flavour: Flavour) -> str:
    letter = chr(code)
    if letter.isascii() and letter.isalnum():
        return letter
    return f"\\U{code:08X}" if flavour == "postgresql" else f"\\x{{{code:X}}}"


def complement(ranges: Ranges) -> Ranges:
    """All other code points."""
    found, at = [], 0
    for low, high in ranges:
        if low > at:
            found.append((at, low - 1))
        at = high + 1
    return (*found, (at, LAST)) if at <= LAST else tuple(found)


def _union(ranges: Iterable[tuple[int, int]]) -> Ranges:
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return tuple(found)


def _one(code: int) -> Set:
    return Set(((code, code),))


@functools.cache
def _orbits() -> dict[int, tuple[int, ...]]:
    """Code points that are one another's upper or lower case."""
    groups: dict[str, set[int]] = collections.defaultdict(set)
    for low, high in ((0x41, 0x2FFF), (0xA640, 0xABFF), (0xFB00, 0xFFFF), (0x10400, 0x10FFF), (0x118A0, 0x1E943)):
        for code in range(low, high + 1):
            folded = chr(code).casefold()
            if len(folded) == 1 and (folded != chr(code) or chr(code).upper() != chr(code)):
                groups[folded].update((code, ord(folded)))
    return {code: tuple(group) for group in groups.values() if len(group) > 1 for code in group}


def _folded(ranges: Ranges) -> Ranges:
    orbits = _orbits()
    found = list(ranges)
    for code, group in orbits.items():
        if any(low <= code <= high for low, high in ranges):
            found += [(other, other) for other in group]
    return _union(found)


@functools.cache
def _category(name: str) -> Ranges:
    if name == "Any":
        return ((0, LAST),)
    if name == "Han":
        return _HAN
    if name == "Z":
        return _SEPARATORS
    if re.fullmatch(r"[LMNPSZC]([a-z]|)", name) is None:
        raise Unspeakable(rf"\p{{{name}}}")
    found = _union((c, c) for c in range(LAST + 1) if unicodedata.category(chr(c)).startswith(name))
    if not found:
        raise Unspeakable(rf"\p{{{name}}}")
    return found


@dataclasses.dataclass(frozen=True)
class _Flags:
    ignore_case: bool = False
    dot_all: bool = False

    def set(self, ranges: Ranges) -> Set:
        return Set(_folded(ranges) if self.ignore_case else ranges)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def choice(self, flags: _Flags, depth: int) -> Node:
        if depth > _DEEPEST:
            raise Unspeakable("(")
        found, parts = [], list[Node]()
        while self.at < len(self.text) and self.text[self.at] != ")":
            if self._take("|"):
                found.append(Sequence(tuple(parts)))
                parts = []
            elif change := self._match(r"\(\?([imsU]*)(?:-([imsU]+))?\)"):
                flags = self._flags(flags, change)
            else:
                parts += self._repeated(self._atom(flags, depth))
        found.append(Sequence(tuple(parts)))
        return found[0] if len(found) == 1 else Choice(tuple(found))

    def _repeated(self, parts: list[Node]) -> list[Node]:
        while True:
            if found := self._match(r"\{([0-9]{1,4})(?:(,)([0-9]{0,4}))?\}\??"):
                least = int(found[1])
                most = (int(found[3]) if found[3] else None) if found[2] else least
                if most is not None and most < least:
                    raise Unspeakable(found.group())
            elif found := self._match(r"([*+?])\??"):
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[found[1]]
            else:
                return parts
            if not parts:
                raise Unspeakable(found.group())
            parts = [*parts[:-1], Repeat(parts[-1], least, most)]

    def _atom(self, flags: _Flags, depth: int) -> list[Node]:
        if opened := self._match(r"\((?:\?(?:([imsU]*)(?:-([imsU]+))?:|P?<\w+>))?"):
            if self.text[self.at : self.at + 1] == "?":
                raise Unspeakable("(?")
            inner = self.choice(self._flags(flags, opened), depth + 1)
            if not self._take(")"):
                raise Unspeakable("(")
            return [inner]
        if self._take("."):
            return [Set(((0, LAST),) if flags.dot_all else ((0, 9), (11, LAST)))]
        if edge := self._match(r"[\^$]"):
            return [Edge(end=edge.group() == "$")]
        if self._take("["):
            return [Set(self._class(flags))]
        if self._take("\\"):
            return self._escaped(flags)
        letter = self.text[self.at]
        self.at += 1
        return [flags.set(_one(ord(letter)).ranges)]

    def _escaped(self, flags: _Flags) -> list[Node]:
        if self._take("A"):
            return [Edge(end=False)]
        if self._take("z"):
            return [Edge(end=True)]
        if self._take("Q"):
            end = self.text.find(r"\E", self.at)
            quoted = self.text[self.at : end if end >= 0 else len(self.text)]
            self.at += len(quoted) + (2 if end >= 0 else 0)
            return [flags.set(((ord(c), ord(c)),)) for c in quoted]
        return [flags.set(self._escape())]

    def _escape(self) -> Ranges:
        """What one escape stands for, in a class or outside."""
        letter = self.text[self.at : self.at + 1]
        self.at += 1
        plain = {"d": _DIGIT, "s": _SPACE, "w": _WORD}.get(letter.lower())
        if plain is not None:
            return complement(plain) if letter.isupper() else plain
        if letter in {"p", "P"}:
            named = self._match(r"\{(\^?)([A-Za-z]+)\}|([A-Z])")
            if named is None:
                raise Unspeakable(rf"\{letter}")
            found = _category(named[2] or named[3])
            return complement(found) if (letter == "P") != (named[1] == "^") else found
        if letter == "x":
            code = self._match(r"\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2})")
            if code is None or int(code[1] or code[2], 16) > LAST:
                raise Unspeakable(r"\x")
            return _one(int(code[1] or code[2], 16)).ranges
        if letter in _ESCAPES:
            return _one(_ESCAPES[letter]).ranges
        if not letter or letter.isalnum() or not letter.isascii():
            raise Unspeakable(rf"\{letter}")
        return _one(ord(letter)).ranges

    def _class(self, flags: _Flags) -> Ranges:
        negated, found, first = self._take("^"), list[tuple[int, int]](), True
        while first or not self._take("]"):
            first = False
            if self.at >= len(self.text):
                raise Unspeakable("[")
            if posix := self._match(r"\[:(\^?)([a-z]+):\]"):
                if posix[2] not in _POSIX:
                    raise Unspeakable(posix.group())
                found += complement(_POSIX[posix[2]]) if posix[1] else _POSIX[posix[2]]
                continue
            low = self._member()
            after = self.text[self.at + 1 : self.at + 2]
            if self.text[self.at : self.at + 1] == "-" and after not in {"]", ""}:
                self.at += 1
                high = self._member()
                if len(low) + len(high) > 2 or low[0][0] != low[0][1] or high[0][0] < low[0][0]:
                    raise Unspeakable("[-]")
                found.append((low[0][0], high[0][1]))
            else:
                found += low
        ranges = flags.set(_union(found)).ranges
        return complement(ranges) if negated else ranges

    def _member(self) -> Ranges:
        if self._take("\\"):
            return self._escape()
        letter = self.text[self.at]
        self.at += 1
        return _one(ord(letter)).ranges

    def _flags(self, flags: _Flags, found: re.Match[str]) -> _Flags:
        on, off = found[1] or "", found[2] or ""
        if "m" in on:
            raise Unspeakable("(?m)")
        return _Flags(
            (flags.ignore_case or "i" in on) and "i" not in off, (flags.dot_all or "s" in on) and "s" not in off
        )

    def _take(self, letter: str) -> bool:
        found = self.text.startswith(letter, self.at)
        self.at += len(letter) if found else 0
        return found

    def _match(self, pattern: str) -> re.Match[str] | None:
        found = re.compile(pattern).match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

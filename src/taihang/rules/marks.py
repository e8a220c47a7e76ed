"""A strict YAML reader that remembers where everything stood.

Built on PyYAML's event stream instead of its composer: no recursion, so depth is refused before any
stack is used, and anchors, aliases and tags are refused as they appear, before they can be expanded.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, NoReturn

import yaml

from taihang.core import errors, words

LARGEST_BYTES = 8 << 20
DEEPEST = 24
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,3})?")


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; line and column count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """A text with the name it is known by."""

    name: str
    text: str

    def mark(self, index: int) -> Mark:
        """The place of the character at `index`."""
        before = self.text.rfind("\n", 0, index)
        return Mark(self.name, self.text.count("\n", 0, index) + 1, index - before)


@dataclasses.dataclass(frozen=True, slots=True)
class Scalar:
    """A text; `plain` when it stood without quotes, so that it may also be a number, a boolean or null."""

    text: str
    plain: bool
    mark: Mark
    source: Source
    start: int
    end: int

    def inside(self, word: str, offset: int) -> Mark:
        """Where `word`, found at `offset` of the text, stands in the file; the scalar's place if it cannot be told.

        Folding and escapes move characters, so the word is found by counting, not by adding.
        """
        if not word:
            return self.mark
        index = self.start - 1
        for _ in range(self.text.count(word, 0, offset + len(word)) or 1):
            index = self.source.text.find(word, index + 1, self.end)
            if index < 0:
                return self.mark
        return self.source.mark(index)

    def value(self) -> words.Scalar:
        """The value by YAML 1.2's core schema, dates staying texts."""
        if not self.plain:
            return self.text
        if self.text in _NULLS:
            return None
        if self.text in _BOOLEANS:
            return _BOOLEANS[self.text]
        if _INTEGER.fullmatch(self.text):
            return int(self.text)
        return float(self.text) if _NUMBER.fullmatch(self.text) else self.text


@dataclasses.dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    items: list[Node]
    mark: Mark


@dataclasses.dataclass(frozen=True, slots=True)
class Mapping:
    """Nodes by key, in the order of the file, and where each key stood."""

    items: dict[str, Node]
    keys: dict[str, Mark]
    mark: Mark

    def over(self, base: Mapping, deep: frozenset[str] = frozenset()) -> Mapping:
        """This mapping laid over `base`; values under the `deep` keys are laid over in turn."""
        items = dict(base.items)
        for key, node in self.items.items():
            under = items.get(key)
            both = key in deep and isinstance(node, Mapping) and isinstance(under, Mapping)
            items[key] = node.over(under) if both else node  # type: ignore[union-attr,arg-type]
        return Mapping(items, {**base.keys, **self.keys}, self.mark)


Node = Scalar | Sequence | Mapping


def read(data: bytes, name: str) -> Mapping:
    """The one mapping that a YAML file holds.

    Raises errors.UserError with file, line and column for: not UTF-8, over 8 MiB, nested over 24
    deep, an anchor, alias or tag, a key that stands twice or is not a text, more than one document,
    a top that is no mapping, and whatever is not YAML.
    """
    if len(data) > LARGEST_BYTES:
        raise errors.UserError("rules:yaml.large", file=name, limit=LARGEST_BYTES >> 20)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise errors.UserError("rules:yaml.encoding", file=name, line=line) from None
    source = Source(name, text)
    try:
        top = _Tree(source).build(yaml.parse(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        line, column = (at.line + 1, at.column + 1) if at else (1, 1)
        where = Mark(name, line, column)
        raise errors.UserError("rules:yaml.syntax", where=where, reason=error.problem or error.context) from None
    except yaml.YAMLError as error:
        position = getattr(error, "position", None)
        where = source.mark(position) if isinstance(position, int) else Mark(name, 1, 1)
        reason = getattr(error, "reason", None) or str(error).split("\n", 1)[0]
        raise errors.UserError("rules:yaml.syntax", where=where, reason=reason) from None
    if not isinstance(top, Mapping):
        raise errors.UserError("rules:yaml.top", where=top.mark if top else Mark(name, 1, 1))
    return top


class _Tree:
    """Nodes from events, with an explicit stack."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.top: Node | None = None
        self.stack: list[Sequence | Mapping] = []
        self.key: list[tuple[str, Mark] | None] = []
        self.documents = 0

    def build(self, events: Any) -> Node | None:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self._refuse("rules:yaml.documents", event)
            elif isinstance(event, yaml.AliasEvent):
                self._refuse("rules:yaml.alias", event)
            elif isinstance(event, yaml.NodeEvent):
                self._node(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self.stack.pop()
                self.key.pop()
        return self.top

    def _node(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse("rules:yaml.alias", event)
        if event.tag is not None:
            self._refuse("rules:yaml.tag", event, tag=event.tag)
        mark = self._mark(event)
        if isinstance(event, yaml.ScalarEvent):
            scalar = Scalar(
                event.value, event.style is None or event.style == "", mark, self.source, *self._extent(event)
            )
            if self._is_key():
                self._take_key(scalar)
            else:
                self._place(scalar)
            return
        if self._is_key():
            self._refuse("rules:yaml.key", event)
        if len(self.stack) >= DEEPEST:
            self._refuse("rules:yaml.deep", event, limit=DEEPEST)
        node: Sequence | Mapping = (
            Mapping({}, {}, mark) if isinstance(event, yaml.MappingStartEvent) else Sequence([], mark)
        )
        self._place(node)
        self.stack.append(node)
        self.key.append(None)

    def _is_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1], Mapping) and self.key[-1] is None

    def _take_key(self, scalar: Scalar) -> None:
        holder = self.stack[-1]
        assert isinstance(holder, Mapping)
        if scalar.text in holder.items:
            first = holder.keys[scalar.text].line
            raise errors.UserError("rules:yaml.twice", where=scalar.mark, key=scalar.text, line=first)
        self.key[-1] = (scalar.text, scalar.mark)

    def _place(self, node: Node) -> None:
        if not self.stack:
            self.top = node
            return
        holder = self.stack[-1]
        if isinstance(holder, Sequence):
            holder.items.append(node)
            return
        key = self.key[-1]
        assert key is not None
        holder.items[key[0]] = node
        holder.keys[key[0]] = key[1]
        self.key[-1] = None

    def _extent(self, event: Any) -> tuple[int, int]:
        return event.start_mark.index, event.end_mark.index

    def _mark(self, event: Any) -> Mark:
        return Mark(self.source.name, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse(self, key: str, event: Any, **values: Any) -> NoReturn:
        raise errors.UserError(key, where=self._mark(event), **values)

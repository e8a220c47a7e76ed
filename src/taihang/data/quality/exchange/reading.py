"""Reading: a YAML or JSON file of somebody else's, as plain values that know their line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from taihang.core import errors

LARGEST_BYTES = 16 << 20
_MOST_NODES = 500_000
_DEEPEST = 60
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Mapping(dict[str, Any]):
    """A mapping; `line` counts from 1, `lines` are those of its keys."""

    line = 1
    lines: dict[str, int]

    def at(self, key: str) -> int:
        """The line of a key, or of the mapping."""
        return self.lines.get(key, self.line)


class Sequence(list[Any]):
    """A list; `lines` are those of its items."""

    line = 1
    lines: list[int]


def read(path: Path) -> Any:
    """The file's one document. Raises errors.UserError, in one line, for whatever cannot be used."""
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise errors.UserError("data.quality:exchange.unreadable", path=path, reason=reason) from None
    return parse(data, str(path))


def parse(data: bytes | str, name: str) -> Any:
    """The one document of a text; aliases are followed while they stay small."""
    if len(data) > LARGEST_BYTES:
        raise errors.UserError("data.quality:exchange.large", path=name, limit=LARGEST_BYTES >> 20)
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError:
        raise errors.UserError("data.quality:exchange.encoding", path=name) from None
    try:
        loader = _Loader(text)
        try:
            _shallow(text, name)
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark is not None else name
        reason = getattr(error, "problem", None) or str(error).partition("\n")[0] or type(error).__name__
        raise errors.UserError("data.quality:exchange.syntax", path=where, reason=reason) from None
    if node is None:
        raise errors.UserError("data.quality:exchange.empty", path=name)
    return _Plain(name).value(node, 0)


def _shallow(text: str, name: str) -> None:
    """Refuse what nests too deep before a recursive parser meets it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > _DEEPEST:
                raise errors.UserError("data.quality:exchange.deep", path=name, limit=_DEEPEST)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1


class _Plain:
    """Nodes to values; every node that an alias repeats counts again, so a bomb is met early."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen = 0

    def value(self, node: yaml.Node, depth: int) -> Any:
        self.seen += 1
        if self.seen > _MOST_NODES or depth > _DEEPEST:
            raise errors.UserError("data.quality:exchange.bomb", path=self.name, limit=_MOST_NODES)
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, line, depth)
        if isinstance(node, yaml.SequenceNode):
            made = Sequence(self.value(one, depth + 1) for one in node.value)
            made.line, made.lines = line, [one.start_mark.line + 1 for one in node.value]
            return made
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, line)

    def _mapping(self, node: yaml.MappingNode, line: int, depth: int) -> Mapping:
        made = Mapping()
        made.line, made.lines = line, {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                at = f"{self.name}:{key.start_mark.line + 1}"
                raise errors.UserError("data.quality:exchange.key", path=at)
            if key.tag == "tag:yaml.org,2002:merge":
                below = self.value(value, depth + 1)
                for one in below if isinstance(below, list) else [below]:
                    merged = {**(one if isinstance(one, dict) else {}), **merged}
                continue
            made[key.value] = self.value(value, depth + 1)
            made.lines[key.value] = key.start_mark.line + 1
        for name, one in merged.items():
            made.setdefault(name, one)
        return made

    def _scalar(self, node: yaml.ScalarNode, line: int) -> Any:
        constructor = yaml.constructor.SafeConstructor()
        try:
            value: Any = constructor.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            raise errors.UserError(
                "data.quality:exchange.value", path=f"{self.name}:{line}", value=node.value[:80]
            ) from None
        return value


def mapping(value: Any, name: str, what: str) -> Mapping:
    """The value as a mapping. Raises errors.UserError that names what it should have been."""
    if not isinstance(value, Mapping):
        raise errors.UserError("data.quality:exchange.form", path=name, what=what)
    return value

"""Book: a strictly read YAML file that says which kinds of events may bring about which, and within what time.

Every constraint takes candidates away and none adds any. `order` lists groups: a cause stands in the group of its
effect or in an earlier one. Orders that contradict each other are a loop and are refused.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import importlib.resources
import itertools
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from taihang.core import errors, i18n, ids, words
from taihang.rules import form, marks

FORMAT = "causes/1"
SUFFIX = ".causes.yaml"
DEFAULT = "mine"
_SHIPPED = "taihang.rulebooks"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_MOST = 2000
Same = Literal["any", "place", "actor"]
Pattern = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=200)]
Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]


class Lag(words.Word):
    """Seconds from the start of a cause to the start of its effect."""

    least_s: float = pydantic.Field(default=0.5, gt=0, le=86_400, allow_inf_nan=False)
    most_s: float = pydantic.Field(default=60.0, gt=0, le=86_400, allow_inf_nan=False)

    @pydantic.model_validator(mode="after")
    def _forward(self) -> Lag:
        if self.least_s >= self.most_s:
            raise ValueError("least_s must be below most_s")
        return self


class Forbid(words.Word):
    """Kinds that never bring about others. A pattern is a kind's name, with `*` and `?`, or `group:NAME`."""

    cause: Pattern
    effect: Pattern
    why: i18n.Text | None = None


class Within(words.Word):
    """A narrower lag, or a common place or actor, for some pairs."""

    cause: Pattern
    effect: Pattern
    lag: Lag | None = None
    same: Same | None = None


class Needs(words.Word):
    """An effect that only these can bring about."""

    effect: Pattern
    cause: Annotated[tuple[Pattern, ...], pydantic.Field(min_length=1, max_length=_MOST)]


class Book(words.Word):
    """What may cause what. `missed` is the share of events that the observer is taken to miss."""

    taihang: Literal["causes/1"]
    id: Name
    version: Annotated[str, pydantic.StringConstraints(min_length=1, max_length=40)]
    title: i18n.Text
    lag: Lag = Lag()
    same: Same = "any"
    missed: float = pydantic.Field(default=0.2, ge=0, le=0.5, allow_inf_nan=False)
    fdr: float = pydantic.Field(default=0.05, gt=0, le=0.2, allow_inf_nan=False)
    dependence: Literal["any", "positive"] = "positive"
    groups: Annotated[dict[Name, tuple[Pattern, ...]], pydantic.Field(max_length=_MOST)] = {}
    order: Annotated[tuple[tuple[Name, ...], ...], pydantic.Field(max_length=_MOST)] = ()
    forbid: Annotated[tuple[Forbid, ...], pydantic.Field(max_length=_MOST)] = ()
    within: Annotated[tuple[Within, ...], pydantic.Field(max_length=_MOST)] = ()
    needs: Annotated[tuple[Needs, ...], pydantic.Field(max_length=_MOST)] = ()

    @functools.cached_property
    def before(self) -> dict[str, frozenset[str]]:
        """Each group with all that stand before it."""
        return _closure(self.order)

    def matches(self, pattern: str, kind: str) -> bool:
        """True when a kind is meant by a pattern."""
        if pattern.startswith("group:"):
            return any(fnmatch.fnmatchcase(kind, one) for one in self.groups.get(pattern[6:], ()))
        return fnmatch.fnmatchcase(kind, pattern)

    def grouped(self, kind: str) -> frozenset[str]:
        """The groups that a kind stands in."""
        return frozenset(name for name in self.groups if self.matches(f"group:{name}", kind))


@dataclasses.dataclass(frozen=True, slots=True)
class Read:
    """A book with the SHA-256 of the file that it was read from."""

    book: Book
    sha256: str


def load(path_or_name: str | os.PathLike[str]) -> Read:
    """A file, or the name of a shipped book. Raises errors.UserError with file, line and column."""
    given = os.fspath(path_or_name)
    path = Path(given)
    if not path.suffix and _NAME.fullmatch(given) and not path.exists():
        held = importlib.resources.files(_SHIPPED) / f"{given}{SUFFIX}"
        if not held.is_file():
            raise errors.UserError("model.causes:book.unknown", name=given, known=", ".join(shipped()))
        return read(held.read_bytes(), f"{given}{SUFFIX}")
    try:
        if path.is_file() and path.stat().st_size > marks.LARGEST_BYTES:
            raise errors.UserError("rules:yaml.large", file=path, limit=marks.LARGEST_BYTES >> 20)
        return read(path.read_bytes(), str(path))
    except OSError as error:
        raise errors.UserError("model.causes:book.file", path=path, reason=error.strerror or error) from None


def shipped() -> list[str]:
    """Names of the books that come along."""
    held = importlib.resources.files(_SHIPPED).iterdir()
    return sorted(one.name.removesuffix(SUFFIX) for one in held if one.name.endswith(SUFFIX))


def read(data: bytes, name: str) -> Read:
    """A book from bytes. Raises errors.UserError with the place of the first thing wrong."""
    tree = marks.read(data, name)
    places = form.Places(tree)
    try:
        made = Book.model_validate(_plain(tree))
    except pydantic.ValidationError as error:
        raise _told(error.errors(include_url=False)[0], places) from None
    _named(made, places)
    loop = _loop(made.order)
    if loop:
        raise errors.UserError("model.causes:book.loop", where=places.text(("order",)), loop=" → ".join(loop))
    return Read(made, ids.digest(data))


def _plain(node: marks.Node, path: tuple[str, ...] = ()) -> Any:
    if isinstance(node, marks.Mapping):
        return {key: _plain(value, (*path, key)) for key, value in node.items.items()}
    if isinstance(node, marks.Sequence):
        return [_plain(value, path) for value in node.items]
    value = node.value()
    # What is a number is decided by where it stands: `version: 1.0` is a text.
    numeric = path[-1:] in (("missed",), ("fdr",)) or path[-1:] in (("least_s",), ("most_s",))
    return value if numeric or value is None else node.text


def _told(fault: Any, places: form.Places) -> errors.UserError:
    path = tuple(part for part in fault["loc"] if part != "[key]")
    name = ".".join(str(part) for part in path) or "-"
    if fault["type"] == "extra_forbidden":
        known = _fields(path[:-1])
        return errors.UserError(
            "model.causes:book.key",
            where=_key(places, path),
            key=str(path[-1]),
            near=form.nearest(str(path[-1]), known),
        )
    if fault["type"] == "missing":
        return errors.UserError("model.causes:book.missing", where=places.text(path), key=name)
    return errors.UserError("model.causes:book.value", where=places.text(path), key=name, reason=str(fault["msg"]))


def _key(places: form.Places, path: tuple[str | int, ...]) -> str:
    holder = places.node(path[:-1])
    mark = holder.keys.get(str(path[-1])) if isinstance(holder, marks.Mapping) else None
    return str(mark) if mark else places.text(path)


def _fields(path: tuple[str | int, ...]) -> list[str]:
    below: dict[str, type[words.Word]] = {"forbid": Forbid, "within": Within, "needs": Needs, "lag": Lag}
    model: type[pydantic.BaseModel] = Book
    for part in path:
        if isinstance(part, str):
            model = below.get(part, model)
            if part in {"title", "why"}:
                return ["zh", "en"]
    return list(model.model_fields)


def _named(book: Book, places: form.Places) -> None:
    """Every group that is spoken of is there."""
    spoken: list[tuple[str, tuple[str | int, ...]]] = [
        (name, ("order", n, m)) for n, line in enumerate(book.order) for m, name in enumerate(line)
    ]
    for field in ("forbid", "within", "needs"):
        for n, one in enumerate(getattr(book, field)):
            causes = one.cause if isinstance(one.cause, tuple) else (one.cause,)
            spoken += [(pattern[6:], (field, n)) for pattern in (*causes, one.effect) if pattern.startswith("group:")]
    for name, path in spoken:
        if name not in book.groups:
            near = form.nearest(name, book.groups) or "-"
            raise errors.UserError("model.causes:book.group", where=places.text(path), name=name, near=near)
    for name, patterns in book.groups.items():
        if any(pattern.startswith("group:") for pattern in patterns):
            raise errors.UserError("model.causes:book.nested", where=places.text(("groups", name)), name=name)


def _edges(order: Sequence[Sequence[str]]) -> dict[str, set[str]]:
    after: dict[str, set[str]] = {}
    for line in order:
        for earlier, later in itertools.pairwise(line):
            after.setdefault(earlier, set()).add(later)
            after.setdefault(later, set())
    return after


def _loop(order: Sequence[Sequence[str]]) -> list[str]:
    """Groups that stand before themselves, in order; empty when there is no loop."""
    after = _edges(order)
    state: dict[str, int] = {}
    for first in sorted(after):
        stack = [(first, iter(sorted(after[first])))] if first not in state else []
        path = [first] if stack else []
        state.setdefault(first, 1)
        while stack:
            name, rest = stack[-1]
            below = next(rest, None)
            if below is None:
                state[name] = 2
                stack.pop()
                path.pop()
            elif state.get(below) == 1:
                return [*path[path.index(below) :], below]
            elif below not in state:
                state[below] = 1
                path.append(below)
                stack.append((below, iter(sorted(after[below]))))
    return []


def _closure(order: Sequence[Sequence[str]]) -> dict[str, frozenset[str]]:
    after = _edges(order)
    before: dict[str, set[str]] = {name: set() for name in after}
    for first in after:
        seen: set[str] = set()
        stack = list(after[first])
        while stack:
            name = stack.pop()
            if name not in seen:
                seen.add(name)
                stack += after[name]
        for name in seen:
            before[name].add(first)
    return {name: frozenset(held) for name, held in before.items()}


def producer(read_: Read) -> words.Producer:
    """The book as a report names it."""
    return words.Producer(name=f"causes:{read_.book.id}", version=read_.book.version, sha256=read_.sha256)


OPEN: Mapping[str, Any] = {"taihang": FORMAT, "id": "open", "version": "1", "title": {"zh": "无约束", "en": "Open"}}
"""The least that a book says; a start for tests and notebooks."""

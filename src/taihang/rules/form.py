"""Form: a rulebook's tree checked against the model, each fault told at its place in the file."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable
from typing import Any

import pydantic

from taihang.core import errors, i18n, words
from taihang.rules import marks
from taihang.rules import rule as ruling

# Parts whose scalars have a type of their own; everywhere else the model decides what a text means.
_FREE = {"scope", "parameters", "check"}
# Reasons of the catalogue, and the model's own names for them.
_KINDS = {
    "text": {"string_type"},
    "whole": {"int_parsing", "int_type", "int_from_float", "int_parsing_size"},
    "number": {"float_parsing", "float_type", "finite_number"},
    "boolean": {"bool_parsing", "bool_type"},
    "date": {"date_parsing", "date_from_datetime_parsing", "date_type"},
    "list": {"tuple_type", "list_type"},
    "mapping": {"dict_type", "model_type", "model_attributes_type"},
    "empty": {"string_too_short"},
    "pattern": {"string_pattern_mismatch"},
}
_Path = tuple[str | int, ...]


@dataclasses.dataclass(frozen=True)
class Places:
    """Where the parts of a tree stand; `base` is the path of the part that it speaks about."""

    tree: marks.Node | None = None
    base: _Path = ()
    name: str = ""

    def under(self, *path: str | int) -> Places:
        """Places of a part below this one."""
        return Places(self.tree, (*self.base, *path), self.name)

    def node(self, path: _Path = ()) -> marks.Node | None:
        """The node at a path below the base, or the last one above it that exists."""
        node = self.tree
        for step in (*self.base, *path):
            below = _step(node, step)
            if below is None:
                break
            node = below
        return node

    def mark(self, path: _Path = ()) -> marks.Mark | None:
        """The mark of a part, None when it came from no file."""
        node = self.node(path)
        return node.mark if node is not None else None

    def inside(self, word: str, offset: int) -> str:
        """Where a word of the scalar at the base stands."""
        node = self.node()
        return str(node.inside(word, offset)) if isinstance(node, marks.Scalar) else self.text()

    def text(self, path: _Path = ()) -> str:
        """A part's place as file:line:column, or its path."""
        mark = self.mark(path)
        return str(mark) if mark else ".".join(str(s) for s in (self.name, *self.base, *path) if s != "")


def book(tree: marks.Mapping) -> ruling.Book:
    """The model of a rulebook. Raises errors.UserError with the place of the first fault."""
    try:
        return ruling.Book.model_validate(_plain(tree))
    except pydantic.ValidationError as error:
        raise _told(error.errors(include_url=False), tree) from None


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word most like this one, or all of them when none is like it."""
    known = sorted(known)
    close = difflib.get_close_matches(word[:100], known, n=1, cutoff=0.6)
    return close[0] if close else ", ".join(known[:40]) + ("…" if len(known) > 40 else "")


def _plain(tree: marks.Mapping) -> Any:
    def convert(node: marks.Node, free: bool) -> Any:
        if isinstance(node, marks.Mapping):
            return {key: convert(value, free or key in _FREE) for key, value in node.items.items()}
        if isinstance(node, marks.Sequence):
            return [convert(value, free) for value in node.items]
        value: words.Scalar = node.value()
        return value if free or value is None else node.text

    return convert(tree, False)


def _step(node: marks.Node | None, step: str | int) -> marks.Node | None:
    if isinstance(node, marks.Mapping) and isinstance(step, str):
        return node.items.get(step)
    if isinstance(node, marks.Sequence) and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    return None


def _told(found: list[Any], tree: marks.Mapping) -> errors.UserError:
    first = min(found, key=lambda e: e["type"] != "extra_forbidden")
    path = first["loc"]
    places = Places(tree)
    name = ".".join(str(p) for p in path if not isinstance(p, int) and _is_name(p))
    kind = first["type"]
    if kind == "extra_forbidden":
        holder = places.node(path[:-1])
        key = str(path[-1])
        mark = holder.keys.get(key) if isinstance(holder, marks.Mapping) else None
        known = _known(path[:-1])
        return errors.UserError(
            "rules:form.key", where=mark or places.text(path), key=key, near=nearest(key, known) if known else "-"
        )
    if kind == "missing":
        return errors.UserError("rules:form.missing", where=places.text(path), key=name)
    context = first.get("ctx", {})
    if kind in {"enum", "literal_error"}:
        return errors.UserError("rules:form.choice", where=places.text(path), key=name, known=context["expected"])
    if kind == "string_too_long":
        return errors.UserError("rules:form.long", where=places.text(path), key=name, limit=context["max_length"])
    return errors.UserError("rules:form.value", where=places.text(path), key=name or "-", reason=_reason(first))


def _reason(fault: Any) -> i18n.Message | str:
    """Why a value does not fit, in both languages where the catalogue has it."""
    key = "reason." + next((k for k, kinds in _KINDS.items() if fault["type"] in kinds), fault["type"])
    if key not in i18n.catalogue("rules"):
        return str(fault["msg"])
    return i18n.Message(key=f"rules:{key}", values={k: v for k, v in fault.get("ctx", {}).items() if k != "error"})


def _is_name(part: object) -> bool:
    # Pydantic puts the tried branch of a union into the path: such parts are no keys of the file.
    return str(part) not in {"str", "int", "float", "bool", "[key]"}


def _known(path: _Path) -> list[str]:
    model: Any = ruling.Book
    below: list[Any] = []
    for step in path:
        if isinstance(step, int):
            continue
        field = next((f for n, f in model.model_fields.items() if step in {n, f.alias}), None)
        # Of a choice of forms, Pydantic names the one that was tried by its kind.
        below = _models(field.annotation) if field else [m for m in below if _of_kind(m, step)]
        if not below:
            return []
        model = below[-1]
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(annotation: Any) -> list[Any]:
    """The forms that a field may take."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return [annotation]
    return [one for part in getattr(annotation, "__args__", ()) for one in _models(part)]


def _of_kind(model: Any, kind: str) -> bool:
    field = model.model_fields.get("kind")
    return field is not None and kind in getattr(field.annotation, "__args__", ())

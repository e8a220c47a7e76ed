"""Books: the rulebooks that are shipped, a check of any, and the published schemas."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Literal

from taihang.core import errors, i18n
from taihang.data.quality.exchange import importing, odcs_export
from taihang.model.causes import graph
from taihang.report import json as reporting
from taihang.rules import difference, lock, rulebook
from taihang.use.video import scope, walk
from taihang.use.video.observe import tables


@dataclasses.dataclass(frozen=True, slots=True)
class Book:
    """What a list of rulebooks shows."""

    id: str
    version: str
    title: i18n.Text
    rules: int
    templates: int = 0


def shipped() -> list[Book]:
    """The rulebooks that come with Taihang."""
    return [checked(name) for name in rulebook.shipped()]


def checked(path_or_name: str) -> Book:
    """One rulebook, read and checked. Raises errors.UserError for the first thing wrong with it."""
    book = rulebook.load(path_or_name)
    # What a book says of a standard is for the reader of tables, the rest for that of films.
    scope.read({name: part for name, part in book.scope.items() if name != "standard"}, book.id)
    # Tables of a customer may bear the names of a film's: what only assess judges is no rule about a film.
    if any(c.rule.table in tables.KEYS for c in book.rules) and not any(
        c.rule.check or c.rule.tolerate for c in book.rules
    ):
        walk.check(book)
    return Book(book.id, book.version, book.title, len(book.rules), len(book.templates))


def imported(file: Path, form: importing.Format, out: Path, table: str | None = None) -> list[str]:
    """Import another tool's rules into a rulebook file; lines that say what came, and each thing that did not.

    Raises errors.UserError for a file that cannot be used, and for an `out` that is there already.
    """
    found = importing.load(file, form, table)
    _put(out, found.text)
    lines = [str(one) for one in found.unmapped]
    told = {"path": out, "rules": found.rules, "unmapped": len(found.unmapped)}
    return [*lines, i18n.text("app:rules.imported", None, **told)]


def exported(path_or_name: str, out: Path) -> list[str]:
    """Write a rulebook as an ODCS contract. Raises errors.UserError as `imported` does."""
    book = rulebook.load(path_or_name)
    _put(out, odcs_export.dump(book))
    return [i18n.text("app:made", None, path=out)]


def compared(before: str, after: str) -> list[str]:
    """What changed from one rulebook to the other, a line a rule and a field; empty when nothing did."""
    one, other = rulebook.load(before), rulebook.load(after)
    lines = []
    if one.version != other.version:
        lines.append(i18n.text("app:rules.version", None, before=one.version, after=other.version))
    for change in difference.difference(one, other):
        lines.append(i18n.text(f"app:rules.{change.kind}", None, rule=change.rule))
        for field in change.fields:
            values = {n: json.dumps(v, ensure_ascii=False) for n, v in (("b", field.before), ("a", field.after))}
            lines.append(i18n.text("app:rules.field", None, field=field.name, before=values["b"], after=values["a"]))
    return lines


def locked(path: Path) -> str:
    """Lock a rulebook file as it is."""
    made = lock.lock(path)
    last = made.versions[-1]
    return i18n.text("app:rules.locked", None, path=lock.path_of(path), version=last.version, sha256=last.sha256[:16])


def rolled_back(path: Path, version: str) -> str:
    """Put a locked version of a rulebook file back in place."""
    lock.roll_back(path, version)
    return i18n.text("app:rules.rolled_back", None, path=path, version=version)


def _put(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise errors.UserError("app:rules.exists", path=path) from None
    except OSError as error:
        raise errors.UserError("app:gate.path", path=path) from error


def schema(what: Literal["report", "rulebook", "causes"]) -> str:
    """A JSON Schema as text."""
    made = {"report": reporting.schema, "rulebook": rulebook.schema, "causes": graph.schema}[what]()
    return json.dumps(made, ensure_ascii=False, indent=1)

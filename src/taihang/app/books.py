"""Books: the rulebooks that are shipped, a check of any, and the published schemas."""

from __future__ import annotations

import dataclasses
import json
from typing import Literal

from taihang.core import i18n
from taihang.report import json as reporting
from taihang.rules import rulebook
from taihang.use.video import scope, walk
from taihang.use.video.observe import tables


@dataclasses.dataclass(frozen=True, slots=True)
class Book:
    """What a list of rulebooks shows."""

    id: str
    version: str
    title: i18n.Text
    rules: int


def shipped() -> list[Book]:
    """The rulebooks that come with Taihang."""
    return [checked(name) for name in rulebook.shipped()]


def checked(path_or_name: str) -> Book:
    """One rulebook, read and checked. Raises errors.UserError for the first thing wrong with it."""
    book = rulebook.load(path_or_name)
    scope.read(book.scope, book.id)
    if any(c.rule.table in tables.KEYS for c in book.rules):
        walk.check(book)
    return Book(book.id, book.version, book.title, len(book.rules))


def schema(what: Literal["report", "rulebook"]) -> str:
    """A JSON Schema as text."""
    made = reporting.schema() if what == "report" else rulebook.schema()
    return json.dumps(made, ensure_ascii=False, indent=1)

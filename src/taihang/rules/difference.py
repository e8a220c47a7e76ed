"""Difference: what changed from one rulebook to another, rule by rule and field by field."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from taihang.rules import rulebook, spelling


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """A field of a rule before and after; None where it was left out."""

    name: str
    before: Any
    after: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """A rule that came, went, or says something else."""

    rule: str
    kind: Literal["added", "removed", "changed"]
    fields: tuple[Field, ...] = ()


def difference(before: rulebook.Rulebook, after: rulebook.Rulebook) -> tuple[Change, ...]:
    """Changes from one book to the other, in the order of the later one, what went last."""
    old = {c.rule.id: spelling.fields(c.rule) for c in before.rules}
    new = {c.rule.id: spelling.fields(c.rule) for c in after.rules}
    made = []
    for name, fields in new.items():
        if name not in old:
            made.append(Change(name, "added"))
            continue
        was = old[name]
        names = [n for n in dict.fromkeys([*fields, *was]) if fields.get(n) != was.get(n)]
        if names:
            made.append(Change(name, "changed", tuple(Field(n, was.get(n), fields.get(n)) for n in names)))
    return (*made, *(Change(name, "removed") for name in old if name not in new))

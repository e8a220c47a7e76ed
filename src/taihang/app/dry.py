"""Dry run: what a rulebook says of a few rows that somebody typed; nothing is written but a folder that goes away."""

from __future__ import annotations

import dataclasses
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from taihang.core import errors, i18n
from taihang.data.quality import assessment, target
from taihang.rules import rulebook

_SHOWN = 100
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """One rule: how many rows it judged and could not judge, how many are bad, and the first of those by position."""

    rule: str
    title: str
    level: str
    judged: int
    bad: int
    unknown: int
    rows: list[int]


def run(text: str, tables: Mapping[str, Sequence[Mapping[str, object]]]) -> list[Outcome]:
    """The outcome of every rule on these rows. Raises errors.UserError for the book or rows that do not fit it."""
    book = rulebook.loads(text, "rulebook")
    with tempfile.TemporaryDirectory(prefix="taihang-dry-") as folder:
        names = []
        for name, rows in tables.items():
            if not _NAME.fullmatch(name):
                raise errors.UserError("app.api:table_name", name=name)
            path = Path(folder) / f"{name}.jsonl"
            path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
            names.append(f"{name}={path}")
        found = assessment.assess(book, target.open_all(names))
        return [_outcome(one) for one in found.outcomes]


def _outcome(one: assessment.Outcome) -> Outcome:
    rule = one.compiled.rule
    return Outcome(
        rule=rule.id,
        title=(rule.title or i18n.Text(zh=rule.id, en=rule.id)).in_(),
        level=str(rule.level),
        judged=one.judged,
        bad=one.violated,
        unknown=one.unknown,
        rows=[int(n) for n in one.rows[:_SHOWN]],
    )

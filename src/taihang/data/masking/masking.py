"""Masking: rows in, the same rows without what they said of anybody out."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from taihang.data.masking import methods, planning, secrets
from taihang.engines.sources import plain


@dataclasses.dataclass
class Seen:
    """What was found in a row and what it became, for whoever checks; `counts` are by column and kind."""

    found: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    made: set[str] = dataclasses.field(default_factory=set)


class Masker:
    """Masks batches by a plan. Equal values become equal ones, within a file and between files of one secret."""

    def __init__(self, plan: planning.Plan, schema: pa.Schema, secret: secrets.Secret | None) -> None:
        self.plan, self.secret = plan, secret
        self.counts: collections.Counter[tuple[str, str]] = collections.Counter()
        self.schema = pa.schema([self._field(schema.field(t.column), t) for t in plan.treatments])
        self._made: dict[tuple[str, str, str], str | None] = {}

    def _field(self, field: pa.Field, treatment: planning.Treatment) -> pa.Field:
        if treatment.method in {"keep", "text", "shift"}:
            return pa.field(field.name, field.type)
        if treatment.method == "format" and treatment.kind and pa.types.is_integer(field.type):
            return pa.field(field.name, pa.int64())
        return pa.field(field.name, pa.string())

    def batch(self, data: pa.RecordBatch) -> pa.RecordBatch:
        """The batch masked. Raises errors.UserError for a value that a policy's method cannot work on."""
        rows, _ = self.rows(data)
        arrays = []
        for field, values in zip(self.schema, rows, strict=True):
            if self.plan.by_column[field.name].method == "keep":
                arrays.append(data.column(field.name))
                continue
            arrays.append(pa.array(_typed(values, field.type), field.type))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def rows(self, data: pa.RecordBatch, *, noting: bool = False) -> tuple[list[list[Any]], list[Seen]]:
        """Columns of masked values, and, with `noting`, what was found in each row."""
        columns = {t.column: plain.listed(data.column(t.column)) for t in self.plan.treatments}
        people = [columns[name] for name in self.plan.people]
        known = [tuple(str(v[row]).strip() for v in people if v[row]) for row in range(data.num_rows)]
        who = columns.get(self.plan.policy.person or "")
        seen = [Seen() for _ in range(data.num_rows)] if noting else []
        made = []
        for treatment in self.plan.treatments:
            values = columns[treatment.column]
            if treatment.method == "keep":
                made.append(values)
                continue
            made.append(
                [
                    self._cell(treatment, value, known[row], who[row] if who else None, seen[row] if noting else None)
                    for row, value in enumerate(values)
                ]
            )
        return made, seen

    def _cell(
        self, treatment: planning.Treatment, value: Any, known: Sequence[str], who: Any, seen: Seen | None
    ) -> Any:
        if value is None:
            return None
        if treatment.kind is not None:
            return self._whole(treatment, str(value), known, seen)
        if treatment.method == "text":
            return self._deep(treatment.column, value, known, seen)
        if treatment.method in {"drop", "hash", "format"}:
            return methods.other(str(value), treatment.method, self.secret)
        return self._coarse(treatment, value, who)

    def _coarse(self, treatment: planning.Treatment, value: Any, who: Any) -> Any:
        """A number or a day that says less, or another day."""
        try:
            if treatment.method == "generalise":
                return methods.ranged(value, treatment.step)
            # Without a column of persons all dates move together.
            person = "everybody" if who is None else str(who)
            return methods.shifted(value, methods.needed(self.secret).days(person, self.plan.policy.shift_days))
        except (ValueError, OverflowError):
            if isinstance(value, str) and value.strip().casefold() in methods.PLACEHOLDERS:
                return value
            # What is neither number nor day in such a column is not let through.
            return "***" if isinstance(value, str) else None

    def _whole(self, treatment: planning.Treatment, value: str, known: Sequence[str], seen: Seen | None) -> str | None:
        kind = treatment.kind or ""
        plain = value.strip()
        if plain.casefold() in methods.PLACEHOLDERS:
            return value
        if not methods.fits(kind, plain):
            # A longer text in a column of numbers, or a mistyped one.
            if len(plain) > 40 and planning.mentions(plain, known):
                return self._text(treatment.column, plain, known, seen)
            self._note(treatment.column, kind, plain, seen)
            made = methods.other(plain, treatment.method, self.secret)
        else:
            self._note(treatment.column, kind, plain, seen)
            made = self._one(kind, treatment.method, plain)
        if seen is not None and made is not None:
            seen.made.add(made)
        return made

    def _one(self, kind: str, method: Any, value: str) -> str | None:
        key = (kind, method, value)
        if key not in self._made:
            if len(self._made) > 100_000:
                self._made.clear()
            self._made[key] = methods.one(kind, method, value, self.secret)
        return self._made[key]

    def _deep(self, column: str, value: Any, known: Sequence[str], seen: Seen | None) -> Any:
        if isinstance(value, str):
            return self._text(column, value, known, seen)
        if isinstance(value, list):
            return [self._deep(column, one, known, seen) for one in value]
        if isinstance(value, tuple):  # an entry of a map
            return tuple(self._deep(column, one, known, seen) for one in value)
        if isinstance(value, dict):
            return {name: self._deep(column, one, known, seen) for name, one in value.items()}
        return value

    def _text(self, column: str, text: str, known: Sequence[str], seen: Seen | None) -> str:
        made, at = [], 0
        for span in planning.mentions(text, known):
            method = self.plan.policy.of_kind(span.kind, secret=self.secret is not None)
            value = text[span.start : span.end]
            if method == "keep":
                continue
            self._note(column, span.kind, value, seen)
            shown = self._one(span.kind, method, value)
            shown = methods.tag(span.kind) if shown is None else shown
            if seen is not None:
                seen.made.add(shown)
            made += [text[at : span.start], shown]
            at = span.end
        return "".join([*made, text[at:]]) if made else text

    def _note(self, column: str, kind: str, value: str, seen: Seen | None) -> None:
        if seen is None:
            self.counts[column, kind] += 1
        else:
            seen.found.append((kind, value))


def _typed(values: list[Any], kind: pa.DataType) -> list[Any]:
    """Values as a column of this type takes them: numbers of digits where it holds whole numbers."""
    if pa.types.is_integer(kind):
        return [int(v) if isinstance(v, str) and v.isascii() and v.isdigit() and len(v) < 19 else
                v if isinstance(v, int) else None for v in values]  # fmt: skip
    if pa.types.is_temporal(kind):
        # A time that Python cannot hold came as a text: it cannot be moved, and is not let through.
        return [None if isinstance(v, str) else v for v in values]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [v if v is None or isinstance(v, str) else str(v) for v in values]
    return values

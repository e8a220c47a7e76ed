"""Planning: which column is masked how, found out from its first rows and its name unless the policy says it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pyarrow as pa

from taihang.core import errors
from taihang.data.masking import policy
from taihang.data.profile.semantic import kinds, spans
from taihang.engines.sources import plain
from taihang.engines.sources import source as sourcing
from taihang.trust.access import masking

LOOK_AT = 10_000
_OF_NUMBERS = frozenset({"id-card", "bank-card", "phone"})


@dataclasses.dataclass(frozen=True, slots=True)
class Treatment:
    """What happens to a column: the whole value is of a `kind`, or is searched as a text (`kind` None)."""

    column: str
    method: policy.Method
    kind: str | None = None
    step: float | str | None = None
    said: bool = False

    @property
    def whole(self) -> bool:
        """True when its values are masked as they are, not searched."""
        return self.kind is not None or self.method in {"generalise", "shift", "drop", "hash"}


@dataclasses.dataclass(frozen=True)
class Plan:
    """A treatment for each column, in the source's order; `people` are the columns of names."""

    treatments: tuple[Treatment, ...]
    policy: policy.Policy

    @property
    def people(self) -> tuple[str, ...]:
        """Columns that hold names of people."""
        return tuple(one.column for one in self.treatments if one.kind == "name")

    @property
    def by_column(self) -> Mapping[str, Treatment]:
        """Treatments by column."""
        return {one.column: one for one in self.treatments}


def plan(source: sourcing.Source, given: policy.Policy, *, secret: bool) -> Plan:
    """A plan for a source. Raises errors.UserError for a column that the policy names and the source lacks."""
    names = {c.original: c.name for c in source.columns} | {c.name: c.name for c in source.columns}
    wanted = {*given.columns, *given.quasi, *filter(None, (given.person, given.sensitive))}
    unknown = sorted(wanted - set(names))
    if unknown:
        known = ", ".join(c.name for c in source.columns[:40])
        raise errors.UserError("engines.sources:column", path=source.name, column=unknown[0], known=known)
    head = _head(source)
    said = {names[name]: one for name, one in given.columns.items()}
    made = [_treatment(c, plain.listed(head.column(c.name)), said.get(c.name), given, secret) for c in source.columns]
    return Plan(tuple(made), given)


def for_reader(made: Plan, reader: masking.Masker, *, secret: bool) -> Plan:
    """The plan for one reader: what the guard lets the reader see in clear is kept."""
    clear = {kind for kind in policy.KINDS if reader.clear(kind.replace("-", "_"))}
    kinds_ = {kind: made.policy.of_kind(kind, secret=secret) for kind in policy.KINDS} | dict.fromkeys(clear, "keep")
    treatments = tuple(
        dataclasses.replace(one, method="keep") if one.kind in clear and not one.said else one
        for one in made.treatments
    )
    return Plan(treatments, made.policy.model_copy(update={"kinds": kinds_}))


def _treatment(
    column: sourcing.Column,
    values: Sequence[object],
    said: policy.Column | None,
    given: policy.Policy,
    secret: bool,
) -> Treatment:
    kind = said.kind if said is not None and said.kind else _kind(column, values)
    if said is not None:
        if said.method in {"format", "hash", "drop", "generalise"} and kind is not None:
            return Treatment(column.name, said.method, kind, said.step, said=True)
        return Treatment(column.name, said.method, None, said.step, said=True)
    if kind is not None:
        return Treatment(column.name, given.of_kind(kind, secret=secret), kind)
    return Treatment(column.name, "text" if _texts(column.type) else "keep")


def _kind(column: sourcing.Column, values: Sequence[object]) -> str | None:
    present = [str(v) for v in values if v is not None and str(v).strip() and not isinstance(v, (list, dict))]
    numbers = pa.types.is_integer(column.type)
    if pa.types.is_floating(column.type) and present:
        found = kinds.degrees(min(map(float, present)), max(map(float, present)), column.original)
        return found.name if found else None
    if not present or not (numbers or pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    meaning = kinds.meaning(present[:4000], column.original)
    if meaning is not None and meaning.kind.pii and (not numbers or meaning.kind.name in _OF_NUMBERS):
        return str(meaning.kind.name)
    # A name that says so is enough where the values do not speak against it.
    for kind in kinds.KINDS:
        named = (
            kind.named.fullmatch(column.original.lower()) if kind.name == "name" else kinds.named(kind, column.original)
        )
        if kind.pii and not numbers and named and sum(kind.check(v.strip()) for v in present) * 5 >= len(present):
            return str(kind.name)
    return None


def _texts(type_: pa.DataType) -> bool:
    """True for what may hold texts, lists and structures of them too."""
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return True
    if pa.types.is_dictionary(type_):
        return _texts(type_.value_type)
    if pa.types.is_struct(type_):
        return any(_texts(type_.field(n).type) for n in range(type_.num_fields))
    if pa.types.is_map(type_):
        return _texts(type_.key_type) or _texts(type_.item_type)
    return hasattr(type_, "value_type") and _texts(type_.value_type)


def _head(source: sourcing.Source) -> pa.Table:
    batches: list[pa.RecordBatch] = []
    rows = 0
    for chunk in source.chunks(rows=LOOK_AT):
        batches.append(chunk.data.slice(0, LOOK_AT - rows))
        rows += batches[-1].num_rows
        if rows >= LOOK_AT:
            break
    return pa.Table.from_batches(batches, schema=source.schema)


def mentions(text: str, known: Sequence[str] = ()) -> list[spans.Span]:
    """What is found in a text of a searched column."""
    return spans.spans(text, known)

"""Masking: personal values of sampled rows are hidden unless somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from taihang.data.profile import meanings
from taihang.data.profile.semantic import checks, kinds, spans
from taihang.data.quality import assessment, target
from taihang.rules import kinds as ruling

_LOOK_AT = 500
_PERSONAL = frozenset({"id-card", "bank-card", "mobile", "email", "plate", "ipv4"})


def personal(found: assessment.Assessment, name: str) -> frozenset[str]:
    """Columns of a table that hold personal data: by what a rule says of them, by name, or by their first values."""
    on = found.targets[name]
    said = {
        check.column
        for outcome in found.outcomes
        if isinstance(check := outcome.compiled.rule.check, ruling.Semantic)
        and outcome.compiled.rule.table == name
        and check.is_ in _PERSONAL
    }
    head = _head(on)
    return frozenset(said | {c for c, values in head.items() if _is_personal(c, values)})


def shown(value: Any, column: str, hidden: Iterable[str]) -> Any:
    """A value as it may be shown: masked in a personal column, and where it mentions personal data itself."""
    if value is None or isinstance(value, bool):
        return value
    if column in hidden:
        return meanings.mask(value if isinstance(value, (int, float, str)) else str(value))
    if isinstance(value, (str, bytes)) or not isinstance(value, (int, float)):
        text = str(value)
        return meanings.mask(text) if checks.mentions(text[:20_000]) else value
    return value


def excerpt(text: str) -> str:
    """The beginning of a text on one line, with the personal data in it masked."""
    made, at = "", 0
    for span in spans.spans(text):
        made += text[at : span.start] + str(meanings.mask(text[span.start : span.end]))
        at = span.end
    return " ".join((made + text[at:]).split())


def _is_personal(column: str, values: list[str]) -> bool:
    # A name that says so is enough: the rows to be shown are the odd ones.
    for kind in kinds.KINDS:
        # "product_name" is none of a person, "name" and "customer_name" are.
        by_name = kind.named.fullmatch(column.lower()) if kind.name == "name" else kinds.named(kind, column)
        if kind.pii and by_name:
            return True
    found = kinds.meaning(values, column)
    return found is not None and found.kind.pii


def _head(on: target.Target) -> Mapping[str, list[str]]:
    for chunk in on.source.chunks(rows=_LOOK_AT):
        data = chunk.data.slice(0, _LOOK_AT)
        return {
            field.name: [str(v) for v in data.column(field.name).to_pylist() if v is not None]
            if pa.types.is_string(field.type) or pa.types.is_large_string(field.type) or pa.types.is_integer(field.type)
            else []
            for field in data.schema
        }
    return {}

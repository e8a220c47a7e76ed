"""Meanings: what the sample says about a column's values, and what of it may be shown."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from taihang.data.profile import patterns, profile, tally
from taihang.data.profile.semantic import kinds

_MOST_VALUES = 4000
_MOST_CHARACTERS = 500
_MASKED = "•••"
# Whole numbers may be any of these; that they are dates or coordinates takes more than digits.
_OF_NUMBERS = frozenset({"id-card", "bank-card", "phone"})


def described(column: profile.Column, sample: pa.Table | None) -> profile.Column:
    """The column with its patterns, its meaning and what its texts mention, from sampled values."""
    if sample is None:
        return column
    if column.kind == "number":
        return column.model_copy(update={"semantic": _of_numbers(column, sample)})
    if column.kind != "text":
        return column
    values = _texts(sample.column(column.name))
    if not values:
        return column
    found = kinds.meaning(values, column.original)
    semantic = None
    if found is not None:
        semantic = profile.Semantic(kind=found.kind.name, pii=found.kind.pii, share=found.share, named=found.named)
    mentions: dict[str, float] = {}
    if semantic is None or not semantic.pii:  # what is personal itself need not mention anything
        mentions = {k: share for k, share in kinds.mentioned(values).items() if semantic is None or k != semantic.kind}
    return column.model_copy(update={"patterns": patterns.patterns(values), "semantic": semantic, "mentions": mentions})


def _texts(values: pa.ChunkedArray) -> list[str]:
    present = values.drop_null()
    waiting = pc.is_in(present, tally.PLACEHOLDERS.cast(present.type))
    # The sample stands in a random order: its beginning is a smaller sample.
    kept = present.filter(pc.invert(waiting)).slice(0, _MOST_VALUES).to_pylist()
    return [value[:_MOST_CHARACTERS] for value in kept if value and not value.isspace()]


def _of_numbers(column: profile.Column, sample: pa.Table) -> profile.Semantic | None:
    found = column.numbers
    if found is None or found.low is None or found.high is None:
        return None
    degrees = kinds.degrees(found.low, found.high, column.original)
    if degrees is not None:
        return profile.Semantic(kind=degrees.name, pii=degrees.pii, share=1.0, named=True)
    values = sample.column(column.name)
    if not pa.types.is_integer(values.type) or found.high < 10**10:
        return None
    texts = [str(v) for v in values.drop_null().slice(0, _MOST_VALUES).to_pylist()]
    meaning = kinds.meaning(texts, column.original)
    if meaning is None or meaning.kind.name not in _OF_NUMBERS:
        return None
    return profile.Semantic(kind=meaning.kind.name, pii=meaning.kind.pii, share=meaning.share, named=meaning.named)


def personal(columns: Sequence[profile.Column]) -> tuple[profile.Personal, ...]:
    """Columns that hold personal data, or texts that mention some."""
    found = []
    for column in columns:
        if column.semantic is not None and column.semantic.pii:
            found.append(
                profile.Personal(column=column.name, kind=column.semantic.kind, share=column.semantic.share, whole=True)
            )
        for kind, share in column.mentions.items():
            found.append(profile.Personal(column=column.name, kind=kind, share=share, whole=False))
    return tuple(found)


def masked(column: profile.Column) -> profile.Column:
    """The column without any whole value of personal data: a profile travels further than its table."""
    is_personal = column.mentions or (column.semantic is not None and column.semantic.pii)
    if not is_personal:
        return column
    top = tuple(one.model_copy(update={"value": mask(one.value)}) for one in column.top)
    changes: dict[str, object] = {"top": top}
    if column.kind == "text":
        changes |= {"min": mask(column.min), "max": mask(column.max)}
    return column.model_copy(update=changes)


def mask(value: profile.Value) -> profile.Value:
    """The first character and the last of a longer text; nothing of a short one."""
    if value is None:
        return None
    text = str(value)
    if len(text) <= 4:
        return text[:1] + _MASKED
    return text[:1] + _MASKED + (text[-1] if len(text) > 8 else "")

"""Names: what columns are called when a file repeats a name or gives none."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_LONGEST = 200


def unique(given: Sequence[str]) -> tuple[str, ...]:
    """One usable name a column, different without regard to case.

    A repeated name gets a number (`name_2`), an empty one its place (`column_3`); control characters
    and what is longer than 200 characters go.
    """
    taken: set[str] = set()
    found = []
    reserved = {_clean(name).casefold() for name in given}
    for place, raw in enumerate(given, 1):
        base = _clean(raw) or f"column_{place}"
        name, number = base, 2
        while name.casefold() in taken or (name is not base and name.casefold() in reserved):
            name = f"{base}_{number}"
            number += 1
        taken.add(name.casefold())
        found.append(name)
    return tuple(found)


def _clean(raw: str) -> str:
    plain = "".join(c for c in raw if unicodedata.category(c) not in {"Cc", "Cf", "Cs"})
    return plain.strip()[:_LONGEST]

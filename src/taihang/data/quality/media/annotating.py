"""Annotating: what several annotators said of the same items, pair by pair and all together."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterator
from typing import Any

from taihang.core import errors
from taihang.data.quality.media import layout, records
from taihang.data.quality.metrics import agreement

Row = dict[str, Any]
_MOST_ANNOTATORS = 64


def rows(found: layout.Layout) -> Iterator[Row]:
    """Rows of the table `agreement`: each pair of annotators, then all of them, where records name any.

    A record names an `item`, an `annotator` and a `label`; of two labels by one annotator the last counts.
    Pairs without an item in common have NULL for every measure: nothing can be told of them.
    """
    said: dict[str, dict[str, str]] = collections.defaultdict(dict)
    for name in found.labels if found.kind in {"alpaca", "jsonl", "media"} else ():
        try:
            for _, value in records.read(found, name):
                if not isinstance(value, dict) or not {"item", "annotator", "label"} <= set(value):
                    break
                said[str(value["annotator"])][str(value["item"])] = str(value["label"])
        except errors.UserError:
            continue
    names = sorted(said)[:_MOST_ANNOTATORS]
    for a, b in itertools.combinations(names, 2):
        yield _pair(a, b, said)
    if len(names) > 2:
        yield _all(names, said)


def _pair(a: str, b: str, said: dict[str, dict[str, str]]) -> Row:
    shared = sorted(said[a].keys() & said[b].keys())
    first, second = ([said[n][item] for item in shared] for n in (a, b))
    row: Row = {"annotators": f"{a}, {b}", "items": len(said[a].keys() | said[b].keys()), "shared": len(shared)}
    if shared:
        row |= {
            "agreed": sum(x == y for x, y in zip(first, second, strict=True)) / len(shared),
            "cohen_kappa": agreement.cohen_kappa((first, second)),
            "krippendorff_alpha": agreement.krippendorff_alpha([first, second]),
        }
    return row


def _all(names: list[str], said: dict[str, dict[str, str]]) -> Row:
    items = sorted(set().union(*(said[n] for n in names)))
    table = [[said[n].get(item) for item in items] for n in names]
    whole = [list(c) for c in zip(*table, strict=True) if None not in c]
    row: Row = {"annotators": ", ".join(names), "items": len(items), "shared": len(whole)}
    row["krippendorff_alpha"] = agreement.krippendorff_alpha(table)
    if whole:
        row["agreed"] = sum(len(set(c)) == 1 for c in whole) / len(whole)
        row["fleiss_kappa"] = agreement.fleiss_kappa(agreement.counted(whole))
    return row

"""Diff: what is different between two profiles of one table, the graver first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np

from taihang.core import i18n, words
from taihang.data.profile import profile

What = Literal[
    "column-gone", "column-new", "type", "meaning", "rows", "nulls", "distinct", "key-lost", "key-new", "shift",
    "values", "range", "lengths", "dependency-lost",
]  # fmt: skip
_ORDER: tuple[What, ...] = (
    "column-gone", "type", "key-lost", "dependency-lost", "meaning", "nulls", "shift", "values", "range", "lengths",
    "distinct", "rows", "column-new", "key-new",
)  # fmt: skip


class Change(words.Word):
    """One difference. `size` compares changes of one kind: a share, a distance in [0, 1] or a ratio."""

    what: What
    column: str | None
    old: profile.Value
    new: profile.Value
    size: float
    text: i18n.Text


def diff(old: profile.Profile, new: profile.Profile) -> tuple[Change, ...]:
    """Changes from `old` to `new`; nothing for two profiles of equal rows.

    A shift is the Kolmogorov–Smirnov distance between the distributions that the stored quantiles
    draw, from 0.1 on; changed values are half the sum of the differences of the shares of the most
    frequent values, from 0.1 on; nulls, distinct counts and rows from 1% of all, 10% and 1% on.
    """
    before, after = ({c.name: c for c in one.columns} for one in (old, new))
    found = [_change("column-gone", name, name, None, 1.0) for name in before if name not in after]
    found += [_change("column-new", name, None, name, 1.0) for name in after if name not in before]
    if abs(new.rows - old.rows) > 0.01 * max(old.rows, 1):
        found.append(_change("rows", None, old.rows, new.rows, abs(new.rows - old.rows) / max(old.rows, 1)))
    for name in before:
        if name in after:
            found += _column(before[name], after[name])
    found += _relations(old, new)
    return tuple(sorted(found, key=lambda c: (_ORDER.index(c.what), -c.size, c.column or "")))


def _column(old: profile.Column, new: profile.Column) -> Iterator[Change]:
    if old.type != new.type:
        yield _change("type", old.name, old.type, new.type, 1.0)
    meant = tuple(one.semantic.kind if one.semantic else None for one in (old, new))
    if meant[0] != meant[1]:
        yield _change("meaning", old.name, meant[0], meant[1], 1.0)
    if not old.rows or not new.rows:
        return
    shares = tuple(one.nulls / one.rows for one in (old, new))
    if abs(shares[1] - shares[0]) >= 0.01 or (not old.nulls and new.nulls):
        yield _change("nulls", old.name, shares[0], shares[1], abs(shares[1] - shares[0]))
    if old.kind != new.kind:
        return
    apart = _distance(old.numbers, new.numbers)
    if apart >= 0.1:
        middle = tuple(one.numbers.quantiles.get("0.5") if one.numbers else None for one in (old, new))
        yield _change("shift", old.name, middle[0], middle[1], apart)
    elif old.kind == "number" and old.numbers and new.numbers:
        yield from _range(old, new)
    moved = _moved(old, new)
    if moved >= 0.1:
        fresh = sorted({str(t.value) for t in new.top} - {str(t.value) for t in old.top})
        yield _change("values", old.name, str(old.top[0].value), ", ".join(fresh[:5]) or str(new.top[0].value), moved)
    if old.lengths and new.lengths and (old.lengths.max != new.lengths.max or old.lengths.min != new.lengths.min):
        ratio = abs(math.log((new.lengths.max + 1) / (old.lengths.max + 1)))
        spans = tuple(f"{one.min}–{one.max}" for one in (old.lengths, new.lengths))
        yield _change("lengths", old.name, spans[0], spans[1], ratio)
    if old.distinct and new.distinct:
        parts = tuple(d.count / max(one.rows - one.nulls, 1) for d, one in ((old.distinct, old), (new.distinct, new)))
        noise = 3 * (old.distinct.error + new.distinct.error)
        if abs(parts[1] - parts[0]) > 0.1 + noise:
            yield _change("distinct", old.name, old.distinct.count, new.distinct.count, abs(parts[1] - parts[0]))


def _range(old: profile.Column, new: profile.Column) -> Iterator[Change]:
    a, b = old.numbers, new.numbers
    if a is None or b is None or None in (a.low, a.high, b.low, b.high):
        return
    spread = max((a.high or 0.0) - (a.low or 0.0), 1e-300)
    beyond = max((a.low or 0.0) - (b.low or 0.0), (b.high or 0.0) - (a.high or 0.0), 0.0) / spread
    if beyond > 0.5:
        yield _change("range", old.name, f"{a.low:g}–{a.high:g}", f"{b.low:g}–{b.high:g}", beyond)


def _relations(old: profile.Profile, new: profile.Profile) -> Iterator[Change]:
    keys = tuple({", ".join(k.columns): k for k in one.keys} for one in (old, new))
    undecided = {c.name for c in new.columns if c.distinct is not None and c.distinct.error}
    for name, key in keys[0].items():
        if name not in keys[1] and not undecided & set(key.columns):
            yield _change("key-lost", name, name, None, 1.0)
    for name in keys[1].keys() - keys[0].keys():
        yield _change("key-new", name, None, name, 1.0)
    left = {(d.determinant, d.dependent) for d in new.dependencies}
    for one in old.dependencies:
        if (one.determinant, one.dependent) not in left and new.rows >= 100:
            yield _change("dependency-lost", one.dependent, f"{one.determinant} → {one.dependent}", None, 1.0)


def _distance(old: profile.Numbers | None, new: profile.Numbers | None) -> float:
    """The largest gap between two distribution functions, each drawn through its quantiles."""
    if old is None or new is None or not old.quantiles or not new.quantiles:
        return 0.0
    curves = []
    for one in (old, new):
        points = [(one.low, 0.0), *((v, float(s)) for s, v in one.quantiles.items()), (one.high, 1.0)]
        known = sorted((float(v), s) for v, s in points if v is not None)
        curves.append((np.array([v for v, _ in known]), np.array([s for _, s in known])))
    at = np.unique(np.concatenate([curves[0][0], curves[1][0]]))
    gaps = []
    for side in ("left", "right"):
        # Where many rows have one value the function jumps: both ends of the jump count.
        both = [_drawn(values, shares, at, side) for values, shares in curves]
        gaps.append(float(np.max(np.abs(both[0] - both[1]))))
    return min(gaps)


def _drawn(values: np.ndarray, shares: np.ndarray, at: np.ndarray, side: str) -> np.ndarray:
    chosen: dict[float, float] = {}
    for value, share in zip(values.tolist(), shares.tolist(), strict=True):
        chosen[value] = share if side == "right" or value not in chosen else chosen[value]
    return np.asarray(np.interp(at, list(chosen), list(chosen.values()), left=0.0, right=1.0))


def _moved(old: profile.Column, new: profile.Column) -> float:
    """Half the sum of the differences of shares; 0 for columns of so many values that the top says little."""
    if not old.top or not new.top or old.semantic != new.semantic or old.mentions or new.mentions:
        return 0.0
    if old.semantic is not None and old.semantic.pii:
        return 0.0
    shares = [{str(t.value): t.count / max(one.rows - one.nulls, 1) for t in one.top} for one in (old, new)]
    if min(sum(one.values()) for one in shares) < 0.5:
        return 0.0
    return sum(abs(shares[0].get(v, 0.0) - shares[1].get(v, 0.0)) for v in {*shares[0], *shares[1]}) / 2


def _change(what: What, column: str | None, old: profile.Value, new: profile.Value, size: float) -> Change:
    values = {"column": column or "", "old": _said(old), "new": _said(new), "size": f"{size:.3g}"}
    text = i18n.Message(key=f"data.profile:change.{what.replace('-', '_')}", values=values).both()
    return Change(what=what, column=column, old=old, new=new, size=size, text=text)


def _said(value: profile.Value) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

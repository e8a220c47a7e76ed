"""Metrics: what can be measured, listed for people and for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from taihang.core import i18n
from taihang.data.quality.metrics import registry


def metrics(name: str | None = None) -> Mapping[str, registry.Metric]:
    """Every metric; those of a modality; or the one of that id. Raises errors.UserError."""
    if name is None:
        return registry.load()
    if name in registry.MODALITIES:
        return registry.of(name)
    return {name: registry.get(name)}


def told(name: str | None = None, *, as_json: bool = False) -> Iterator[str]:
    """Lines for the terminal: a line a metric, all about a single one; or one JSON text."""
    found = metrics(name)
    if as_json:
        yield json.dumps([described(one) for one in found.values()], ensure_ascii=False, indent=1)
    elif len(found) == 1:
        yield from _whole(next(iter(found.values())))
    else:
        for one in found.values():
            bound = i18n.text(f"app:metrics.{one.direction}", bound=_bound(one))
            yield i18n.text("app:metrics.line", id=one.id, name=one.name.in_(), bound=bound)
        yield i18n.text("app:metrics.count", count=len(found))


def described(one: registry.Metric) -> dict[str, Any]:
    """A metric as a JSON value; an open end of its bound is null."""
    return {
        "id": one.id,
        "name": one.name.model_dump(),
        "modality": one.modality,
        "dimension": one.dimension,
        "formula": one.formula.model_dump(),
        "source": one.source,
        "unit": one.unit,
        "direction": one.direction,
        "bound": [b if math.isfinite(b) else None for b in one.bound],
        "cost": one.cost,
        "examples": {
            "failing": one.compute(one.failing()),
            "passing": one.compute(one.passing()),
        },
    }


def _whole(one: registry.Metric) -> Iterator[str]:
    yield i18n.text("app:metrics.head", id=one.id, name=one.name.in_())
    bound = i18n.text(f"app:metrics.{one.direction}", bound=_bound(one))
    cost = i18n.text(f"app:metrics.cost.{one.cost}")
    rows = {
        "formula": one.formula.in_(),
        "dimension": one.dimension,
        "source": one.source,
        "bound": bound,
        "cost": cost,
        "failing": _value(one, one.compute(one.failing())),
        "passing": _value(one, one.compute(one.passing())),
    }
    for key, value in rows.items():
        yield i18n.text("app:metrics.row", label=i18n.text(f"app:metrics.label.{key}"), value=value)


def _bound(one: registry.Metric) -> str:
    ends = [f"{end:g}" for end in one.bound if math.isfinite(end)]
    return f"{'–'.join(ends)} {one.unit}".strip()


def _value(one: registry.Metric, value: float | None) -> str:
    return "–" if value is None else f"{value:.4g} {one.unit}".strip()

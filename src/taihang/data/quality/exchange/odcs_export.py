"""ODCS export: a rulebook as the quality sections of a data contract."""

from __future__ import annotations

import re
from typing import Any

import yaml

from taihang.data.quality.exchange import odcs
from taihang.rules import kinds, rule, rulebook, spelling

Body = dict[str, Any]
API = "v3.1.0"
_SEVERITY = {"red": "error", "orange": "error", "yellow": "warning", "blue": "info", "info": "info"}
_DIMENSIONS = frozenset({"accuracy", "completeness", "consistency", "coverage", "timeliness", "uniqueness"})


def dump(book: rulebook.Rulebook) -> str:
    """A rulebook as a contract: a check of the library where that says the same, else one of engine `taihang`."""
    objects: dict[str, Body] = {}
    for compiled in book.rules:
        own = compiled.rule
        table = objects.setdefault(
            own.table, {"name": own.table, "logicalType": "object", "properties": {}, "quality": []}
        )
        column, quality = _exported(own)
        if column is None:
            table["quality"].append(quality)
        else:
            prop = table["properties"].setdefault(column, {"name": column, "quality": []})
            prop["quality"].append(quality)
    schema = [
        {k: v for k, v in {**t, "properties": list(t["properties"].values())}.items() if v} for t in objects.values()
    ]
    contract = {
        "apiVersion": API, "kind": "DataContract", "id": book.id, "name": book.id, "version": book.version,
        "status": "active", "description": {"purpose": book.title.en}, "schema": schema,
    }  # fmt: skip
    text: str = yaml.safe_dump(contract, allow_unicode=True, sort_keys=False, width=110)
    return text


def _exported(own: rule.Rule) -> tuple[str | None, Body]:
    given = spelling.fields(own)
    common: Body = {"id": own.id, "name": own.title.en[:200], "description": own.title.zh[:500],
                    "severity": _SEVERITY[own.level]}  # fmt: skip
    dimension = "conformity" if own.dimension == "validity" else own.dimension
    if dimension in _DIMENSIONS or dimension == "conformity":
        common["dimension"] = dimension
    if not re.fullmatch(r"[A-Za-z0-9_-]+", own.id):
        del common["id"]
    library = _to_library(own) if not {"filter", "where", "parameters", "enabled"} & set(given) else None
    if library is None:
        return None, {**common, "type": "custom", "engine": "taihang", "implementation": given}
    rest = {k: v for k, v in given.items() if k not in {"check", "tolerate", "table"}}
    column, quality = library
    properties = [{"property": odcs.FIELDS, "value": rest}]
    return column, {**common, "type": "library", **quality, "customProperties": properties}


def _to_library(  # noqa: PLR0911, PLR0912 - a case a metric
    own: rule.Rule,
) -> tuple[str | None, Body] | None:
    check, tolerate = own.check, own.tolerate
    if tolerate is not None and tolerate.change is not None:
        return None
    allowed: Body = {"mustBe": 0, "unit": "rows"}
    if tolerate is not None and tolerate.count is not None:
        allowed = {"mustBeLessOrEqualTo": tolerate.count, "unit": "rows"} if tolerate.count else allowed
    elif tolerate is not None and tolerate.rate is not None:
        percent = tolerate.rate * 100
        # A share that a percentage does not give back exactly stays ours.
        if round(percent / 100, 15) != tolerate.rate or not percent:
            return None
        allowed = {"mustBeLessOrEqualTo": percent, "unit": "percent"}
    if tolerate is not None and "mustBe" in allowed:
        return None
    if isinstance(check, kinds.NotNull):
        return check.column, {"metric": "nullValues", **allowed}
    if isinstance(check, kinds.InSet):
        return check.column, {"metric": "invalidValues", "arguments": {"validValues": list(check.values)}, **allowed}
    if isinstance(check, kinds.Regex) and not check.anywhere:
        return check.column, {"metric": "invalidValues", "arguments": {"pattern": check.pattern}, **allowed}
    if isinstance(check, kinds.Unique) and tolerate is None:
        return None, {"metric": "duplicateValues", "arguments": {"properties": list(check.columns)}, "mustBe": 0}
    if isinstance(check, kinds.RowCount) and tolerate is None and not check.strict:
        low, high = check.min, check.max
        if isinstance(low, int) and isinstance(high, int) and low != high:
            return None, {"metric": "rowCount", "mustBeBetween": [low, high]}
        if isinstance(low, int) and high is None:
            return None, {"metric": "rowCount", "mustBeGreaterOrEqualTo": low}
        if isinstance(high, int) and low is None:
            return None, {"metric": "rowCount", "mustBeLessOrEqualTo": high}
    return None

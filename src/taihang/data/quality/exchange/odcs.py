"""ODCS: the quality sections of data contracts (Open Data Contract Standard 3.x, bitol.io), both ways."""

from __future__ import annotations

import math
import re
from typing import Any

from taihang.core import errors
from taihang.data.quality.exchange import draft, great_expectations, reading, soda
from taihang.data.quality.exchange.draft import Refusal
from taihang.rules import kinds

Body = dict[str, Any]
_LEVELS = {"error": "orange", "critical": "red", "warning": "yellow", "info": "blue"}
_OPERATORS = ("mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan",
              "mustBeLessOrEqualTo", "mustBeBetween", "mustNotBeBetween")  # fmt: skip
_OLD = {"nullCheck": "nullValues", "duplicateCount": "duplicateValues", "rowCount": "rowCount",
        "validValues": "invalidValues", "unique": "duplicateValues"}  # fmt: skip
_COUNT = re.compile(
    r"^\s*SELECT\s+COUNT\s*\(\s*\*\s*\)\s+FROM\s+(?:\$?\{(?:object|table|model|schema)\}|(?P<table>[\w\".]+))"
    r"\s+WHERE\s+(?P<where>.+?);?\s*$",
    re.IGNORECASE | re.DOTALL,
)
FIELDS = "taihang.fields"


def load(data: bytes, file: str, table: str) -> draft.Imported:
    """The rules of a contract: quality sections, and what its properties promise (required, unique, options)."""
    tree = reading.mapping(reading.parse(data, file), file, "kind: DataContract")
    version = str(tree.get("apiVersion", ""))
    if not version.lstrip("v").startswith("3."):
        raise errors.UserError("data.quality:exchange.version", path=file, version=version or "?")
    objects = tree.get("schema")
    if not isinstance(objects, reading.Sequence):
        raise errors.UserError("data.quality:exchange.form", path=file, what="schema")
    made = draft.Draft("odcs", file)
    for one in objects:
        if isinstance(one, reading.Mapping):
            _object(made, file, one)
    return made.finished(str(tree.get("name") or tree.get("id") or table)[:100])


def _object(made: draft.Draft, file: str, one: reading.Mapping) -> None:
    table = str(one.get("name") or one.get("physicalName") or "table")
    _qualities(made, file, one, table, None)
    properties = one.get("properties")
    for column in properties if isinstance(properties, list) else []:
        if isinstance(column, reading.Mapping):
            name = str(column.get("name") or column.get("physicalName") or "?")
            _promises(made, file, column, table, name)
            _qualities(made, file, column, table, name)
            _nested(made, file, column, f"{table}.{name}")


def _nested(made: draft.Draft, file: str, holder: reading.Mapping, name: str) -> None:
    """Parts of a structure are no columns: what is asked of them is listed."""
    items = holder.get("items")
    below = holder.get("properties")
    for one in [*(below if isinstance(below, list) else []), *([items] if items else [])]:
        if isinstance(one, reading.Mapping):
            if one.get("quality"):
                made.refuse(f"{file}:{one.at('quality')}", f"{name}.{one.get('name', '')}", Refusal("nested"))
            _nested(made, file, one, f"{name}.{one.get('name', '')}")


def _promises(made: draft.Draft, file: str, column: reading.Mapping, table: str, name: str) -> None:
    def add(key: str, check: Body) -> None:
        made.add(f"{file}:{column.at(key)}", f"{name} {key}", table, {"check": check})

    if column.get("required") is True or column.get("primaryKey") is True:
        add("required" if column.get("required") else "primaryKey", {"kind": "not_null", "column": name})
    if column.get("unique") is True or (
        column.get("primaryKey") is True and column.get("primaryKeyPosition", 1) in {1, -1}
    ):
        add("unique" if column.get("unique") else "primaryKey", {"kind": "unique", "columns": [name]})
    options = column.get("logicalTypeOptions")
    if not isinstance(options, reading.Mapping):
        return
    known: dict[str, tuple[str, str, bool]] = {
        "minimum": ("range", "min", False), "maximum": ("range", "max", False),
        "exclusiveMinimum": ("range", "min", True), "exclusiveMaximum": ("range", "max", True),
        "minLength": ("length", "min", False), "maxLength": ("length", "max", False),
    }  # fmt: skip
    for key, value in options.items():
        place, what = f"{file}:{options.at(key)}", f"{name} {key}: {value}"
        if key in known and isinstance(value, (int, float, str)) and not isinstance(value, bool):
            kind, end, strict = known[key]
            strictness = {"strict": True} if strict else {}
            made.add(place, what, table, {"check": {"kind": kind, "column": name, end: value, **strictness}})
        elif key == "pattern":
            try:
                check = {"kind": "regex", "column": name, "pattern": draft.pattern(value), "anywhere": True}
                made.add(place, what, table, {"check": check})
            except Refusal as refusal:
                made.refuse(place, what, refusal)
        else:
            made.refuse(place, what, Refusal("option", name=key))


def _qualities(made: draft.Draft, file: str, holder: reading.Mapping, table: str, column: str | None) -> None:
    listed = holder.get("quality")
    if listed is None:
        return
    if not isinstance(listed, reading.Sequence):
        raise errors.UserError("data.quality:exchange.form", path=f"{file}:{holder.at('quality')}", what="quality")
    for line, one in zip(listed.lines, listed, strict=True):
        place = f"{file}:{line}"
        what = (
            f"{column or table}: {one.get('name') or one.get('metric') or one.get('type')}"
            if isinstance(one, dict)
            else "?"
        )
        try:
            if not isinstance(one, reading.Mapping):
                raise Refusal("form")
            if _elsewhere(made, place, one, table, column):
                continue
            body = _body(one, column)
        except Refusal as refusal:
            made.refuse(place, what, refusal)
            continue
        fields = _fields(one)
        level = _LEVELS.get(str(one.get("severity", "")).casefold())
        own = bool(fields) or "id" in body
        body = {**({"level": level} if level else {}), **fields, **body}
        title = body.pop("_title", None) or (str(one["name"]) if one.get("name") and not own else None)
        made.add(place, what, table, body, title=title if not own else None)
        if own:
            _untag(made)


def _untag(made: draft.Draft) -> None:
    """A rule that came from here goes back as it was."""
    body = made.rules[-1][2]
    body["tags"] = [t for t in body["tags"] if t != "from.odcs"]
    if not body["tags"]:
        del body["tags"]


def _elsewhere(made: draft.Draft, place: str, one: reading.Mapping, table: str, column: str | None) -> bool:
    """Checks of another tool inside the contract go to that tool's reader."""
    if one.get("type") != "custom":
        return False
    engine = str(one.get("engine", "")).casefold().replace("-", "").replace("_", "").replace(" ", "")
    given = one.get("implementation")
    if engine == "taihang":
        return False
    if isinstance(given, str) and engine in {"soda", "greatexpectations"}:
        given = reading.parse(given, place)
    if engine == "greatexpectations" and isinstance(given, dict):
        kwargs = dict(given.get("kwargs") or {})
        if (
            column is not None
            and "column" not in kwargs
            and "column" in str(given.get("type") or given.get("expectation_type"))
        ):
            kwargs["column"] = column
        great_expectations.add(made, place, {**given, "kwargs": kwargs}, table)
        return True
    if engine == "soda" and isinstance(given, reading.Mapping):
        if any(key.startswith("checks for ") for key in given):
            for key, checks in given.items():
                if key.startswith("checks for ") and isinstance(checks, reading.Sequence):
                    soda.add(made, place, checks, key.split()[2])
                else:
                    made.refuse(place, key, Refusal("section"))
        else:
            lone = reading.Sequence([given])
            lone.lines = [given.line]
            soda.add(made, place, lone, table)
        return True
    raise Refusal("engine", engine=one.get("engine"))


def _body(one: reading.Mapping, column: str | None) -> Body:
    kind = one.get("type", "library")
    if kind == "text":
        raise Refusal("prose")
    if kind == "custom":
        given = one.get("implementation")
        given = reading.parse(given, "implementation") if isinstance(given, str) else given
        if not isinstance(given, dict):
            raise Refusal("form")
        return {k: v for k, v in given.items() if k != "table"}
    operators = {name: one[name] for name in _OPERATORS if name in one}
    if len(operators) != 1:
        raise Refusal("threshold", threshold=", ".join(operators) or "-")
    operator, value = next(iter(operators.items()))
    if kind == "sql":
        return _sql(one, operator, value)
    if kind != "library":
        raise Refusal("kind", kind=kind)
    metric = str(one.get("metric") or _OLD.get(str(one.get("rule")), one.get("rule")))
    arguments = one.get("arguments") or {}
    arguments = dict(arguments) if isinstance(arguments, dict) else {}
    if one.get("validValues") is not None:
        arguments["validValues"] = one["validValues"]
    return _library(metric, arguments, column, operator, value, str(one.get("unit", "rows")))


def _library(  # noqa: PLR0911, PLR0917 - a case a metric
    metric: str, arguments: Body, column: str | None, operator: str, value: Any, unit: str
) -> Body:
    if metric == "rowCount" and not arguments:
        return {"check": {"kind": "row_count", **_bounds(operator, value)}}
    if metric == "duplicateValues":
        listed = arguments.get("properties")
        columns = (
            [str(c) for c in draft.values(listed, "properties")] if listed is not None else [column] if column else []
        )
        if not columns or (operator, value) not in {("mustBe", 0), ("mustBeLessThan", 1), ("mustBeLessOrEqualTo", 0)}:
            raise Refusal("duplicates")
        return {"check": {"kind": "unique", "columns": columns}}
    if column is None:
        raise Refusal("argument", name="column")
    tolerated = _tolerated(operator, value, unit)
    if metric == "nullValues" and not arguments:
        return {"check": {"kind": "not_null", "column": column}, **tolerated}
    if metric == "missingValues":
        listed = [v for v in draft.values(
            [v for v in arguments.get("missingValues") or [] if v is not None] or ["\x00"], "missingValues"
        ) if v != "\x00"]  # fmt: skip
        if not listed:
            return {"check": {"kind": "not_null", "column": column}, **tolerated}
        q = kinds.quoted(column)
        told = ", ".join(kinds.literal(str(v)) for v in listed)
        where = f"{q} IS NULL OR CAST({q} AS VARCHAR) IN ({told})"
        return {"where": where, "dimension": "completeness", **tolerated}
    if metric == "invalidValues" and set(arguments) == {"validValues"}:
        values = draft.values(arguments["validValues"], "validValues")
        return {"check": {"kind": "in_set", "column": column, "values": values}, **tolerated}
    if metric == "invalidValues" and set(arguments) == {"pattern"}:
        return {
            "check": {"kind": "regex", "column": column, "pattern": draft.pattern(arguments["pattern"])},
            **tolerated,
        }
    raise Refusal("kind", kind=metric)


def _sql(one: reading.Mapping, operator: str, value: Any) -> Body:
    match = _COUNT.match(str(one.get("query", "")))
    if match is None or operator not in {"mustBe", "mustBeLessThan", "mustBeLessOrEqualTo"}:
        raise Refusal("query")
    where = match["where"]
    if "${" in where or "{" in where:
        raise Refusal("query")
    return {"where": where, **_tolerated(operator, value, "rows"), "_title": str(one.get("name") or where)}


def _tolerated(operator: str, value: Any, unit: str) -> Body:
    number = float(draft.number(value, operator))
    if operator == "mustBe" and number == 0:
        return {}
    if operator not in {"mustBeLessThan", "mustBeLessOrEqualTo"} or number < 0:
        raise Refusal("threshold", threshold=operator)
    below = operator == "mustBeLessThan"
    if unit == "percent":
        if not 0 < number < 100 or (below and number <= 0):
            if number == 0 and not below:
                return {}
            raise Refusal("threshold", threshold=f"{number}%")
        share = round(number / 100, 15)
        return {"tolerate": {"rate": math.nextafter(share, 0) if below else share}}
    if unit != "rows":
        raise Refusal("option", name="unit")
    count = math.ceil(number) - 1 if below else math.floor(number)
    if count < 0:
        raise Refusal("threshold", threshold=operator)
    return {"tolerate": {"count": count}} if count else {}


def _bounds(operator: str, value: Any) -> Body:
    if operator == "mustBeBetween" and isinstance(value, list) and len(value) == 2:
        return {"min": draft.number(value[0], operator), "max": draft.number(value[1], operator)}
    number = draft.number(value, operator)
    known: dict[str, Body] = {
        "mustBe": {"min": number, "max": number}, "mustBeGreaterThan": {"min": math.floor(number) + 1},
        "mustBeGreaterOrEqualTo": {"min": number}, "mustBeLessThan": {"max": math.ceil(number) - 1},
        "mustBeLessOrEqualTo": {"max": number},
    }  # fmt: skip
    if operator not in known:
        raise Refusal("threshold", threshold=operator)
    return known[operator]


def _fields(one: reading.Mapping) -> Body:
    """What a rule of ours had beside the check that the contract's own words say."""
    listed = one.get("customProperties")
    for prop in listed if isinstance(listed, list) else []:
        if isinstance(prop, dict) and prop.get("property") == FIELDS and isinstance(prop.get("value"), dict):
            return {k: v for k, v in prop["value"].items() if k not in {"check", "where", "table", "tolerate"}}
    return {}

"""dbt: the tests of schema files, built in and those of dbt_utils and dbt_expectations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from taihang.core import errors
from taihang.data.quality.exchange import draft, great_expectations, reading
from taihang.data.quality.exchange.draft import Refusal, quoted
from taihang.rules import duration

Body = dict[str, Any]
_REF = re.compile(r"""^\s*(?:ref|source)\(\s*(?:['"][^'"]+['"]\s*,\s*)?['"]([^'"]+)['"]\s*\)\s*$""")
_LIMIT = re.compile(r"^\s*(>|>=|!=)\s*([0-9]+)\s*$")
_CONFIG = frozenset({"name", "description", "config", "severity", "where", "error_if", "warn_if", "enabled", "tags",
                     "limit", "store_failures", "store_failures_as", "meta", "arguments", "test_name", "alias",
                     "column_name", "model"})  # fmt: skip
_PARTS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1, "week": 7 * 86400}


def load(data: bytes, file: str, table: str) -> draft.Imported:
    """The rules of a schema file, over all its models, sources, seeds and snapshots."""
    tree = reading.mapping(reading.parse(data, file), file, "models")
    made = draft.Draft("dbt", file)
    holders = list(_holders(tree))
    if not holders:
        raise errors.UserError("data.quality:exchange.form", path=file, what="models, sources, seeds, snapshots")
    for holder in holders:
        name = str(holder.get("identifier") or holder.get("name") or "?")
        _tests(made, file, holder, name, None)
        columns = holder.get("columns")
        for column in columns if isinstance(columns, list) else []:
            if isinstance(column, reading.Mapping):
                _tests(made, file, column, name, str(column.get("name") or "?"))
    return made.finished(table)


def _holders(tree: reading.Mapping) -> Iterator[reading.Mapping]:
    for key in ("models", "seeds", "snapshots"):
        listed = tree.get(key)
        yield from (one for one in (listed if isinstance(listed, list) else []) if isinstance(one, reading.Mapping))
    sources = tree.get("sources")
    for source in sources if isinstance(sources, list) else []:
        listed = source.get("tables") if isinstance(source, dict) else None
        yield from (one for one in (listed if isinstance(listed, list) else []) if isinstance(one, reading.Mapping))


def _tests(made: draft.Draft, file: str, holder: reading.Mapping, table: str, column: str | None) -> None:
    for key in ("tests", "data_tests"):
        listed = holder.get(key)
        if listed is None:
            continue
        if not isinstance(listed, reading.Sequence):
            raise errors.UserError("data.quality:exchange.form", path=f"{file}:{holder.at(key)}", what=key)
        for line, test in zip(listed.lines, listed, strict=True):
            place, what = f"{file}:{line}", f"{table}{f'.{column}' if column else ''}: {_shown(test)}"
            try:
                body = _body(test, column)
            except Refusal as refusal:
                made.refuse(place, what, refusal)
            else:
                title = body.pop("_title", None)
                made.add(place, what, table, body, title=title)


def _shown(test: Any) -> str:
    return (test if isinstance(test, str) else str(dict(test) if isinstance(test, dict) else test))[:160]


def _body(test: Any, column: str | None) -> Body:
    name, given = (test, {}) if isinstance(test, str) else (None, test)
    if name is None:
        if not isinstance(given, dict) or not given:
            raise Refusal("form")
        if "test_name" in given:
            name, given = str(given["test_name"]), dict(given)
        else:
            name = next(iter(given))
            beside = {k: v for k, v in given.items() if k != name}
            inside = given[name]
            if inside is not None and not isinstance(inside, dict):
                raise Refusal("form")
            given = {**(inside or {}), **beside}
    given = dict(given)
    more = given.get("config")
    if more is not None and not isinstance(more, dict):
        raise Refusal("form")
    config = {**{k: given[k] for k in _CONFIG if k in given}, **(more or {})}
    arguments = {k: v for k, v in given.items() if k not in _CONFIG}
    if isinstance(given.get("arguments"), dict):
        arguments |= given["arguments"]
    told = str(list(arguments.values())) + str(config.get("where", ""))
    if ("{{" in told or "{%" in told) and name != "relationships":
        raise Refusal("jinja")
    return {**_mapped(str(name), arguments, column), **_configured(config)}


def _configured(config: Body) -> Body:
    found: Body = {"level": "orange"}
    if config.get("enabled") is False:
        found["enabled"] = False
    if str(config.get("severity", "error")).casefold() == "warn":
        found["level"] = "yellow"
    if config.get("where") is not None:
        found["filter"] = draft.text(config["where"], "where")
    limit = config.get("error_if" if found["level"] == "orange" else "warn_if")
    if limit is not None:
        match = _LIMIT.match(str(limit))
        if match is None:
            raise Refusal("option", name="error_if")
        count = int(match[2]) - (match[1] == ">=")
        if match[1] == "!=" and count:
            raise Refusal("option", name="error_if")
        found |= {"tolerate": {"count": count}} if count > 0 else {}
    if isinstance(config.get("description"), str):
        found["_title"] = config["description"]
    return found


def _mapped(name: str, given: Body, column: str | None) -> Body:
    package, _, test = name.rpartition(".")
    if package == "dbt_expectations":
        kwargs = {k: v for k, v in given.items() if k != "group_by" or v}
        if column is not None:
            kwargs.setdefault("column", column)
        if "compare_model" in kwargs:
            raise Refusal("option", name="compare_model")
        return great_expectations.mapped(test, kwargs)
    known = _COLUMN if column is not None else _TABLE
    function = known.get((package, test))
    if function is None:
        raise Refusal("kind", kind=name)
    body: Body = function(dict(given), column or "")
    return body


def _done(given: Body) -> None:
    if given:
        raise Refusal("option", name=sorted(given)[0])


def _check(kind: str, given: Body, **fields: Any) -> Body:
    _done(given)
    return {"check": {"kind": kind, **fields}}


def _relationships(given: Body, column: str) -> Body:
    match = _REF.match(str(given.pop("to", "")).replace("{{", "").replace("}}", ""))
    if match is None:
        raise Refusal("reference")
    field = draft.text(given.pop("field", None), "field")
    return _check("foreign_key", given, columns=[column], other=match[1], other_columns=[field])


def _accepted(kind: str) -> Any:
    def made(given: Body, column: str) -> Body:
        values = draft.values(given.pop("values", None), "values")
        if given.pop("quote", True) is False:
            values = [_number(v) for v in values]
        return _check(kind, given, column=column, values=values)

    return made


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        raise Refusal("argument", name="values") from None


def _range(given: Body, column: str) -> Body:
    ends = {e: draft.number(given.pop(n), n) for e, n in (("min", "min_value"), ("max", "max_value"))
            if given.get(n) is not None}  # fmt: skip
    for name in ("min_value", "max_value"):
        given.pop(name, None)
    if not ends:
        raise Refusal("bounds")
    strict = {} if given.pop("inclusive", True) else {"strict": True}
    return _check("range", given, column=column, **ends, **strict)


def _proportion(given: Body, column: str) -> Body:
    share = 1 - float(draft.number(given.pop("at_least", None), "at_least"))
    if given.pop("at_most", 1.0) not in {1}:
        raise Refusal("option", name="at_most")
    return {**_check("not_null", given, column=column), **draft.rate(share)}


def _true(given: Body, column: str) -> Body:
    expression = draft.text(given.pop("expression", None), "expression")
    _done(given)
    # A dbt test fails on rows where the expression is false; where it is NULL too, unlike NOT alone.
    return {"where": f"({f'{quoted(column)} ' if column else ''}{expression}) IS NOT TRUE"}


def _not_empty(given: Body, column: str) -> Body:
    trim = given.pop("trim_whitespace", True)
    _done(given)
    text = f"CAST({quoted(column)} AS VARCHAR)"
    return {"where": f"{f'trim({text})' if trim else text} = ''", "dimension": "completeness"}


def _combination(given: Body, column: str) -> Body:
    columns = draft.values(given.pop("combination_of_columns", None), "combination_of_columns")
    given.pop("quote_columns", None)
    return _check("unique", given, columns=[str(c) for c in columns])


def _recency(given: Body, column: str) -> Body:
    part, count = str(given.pop("datepart", "")), draft.number(given.pop("interval", None), "interval")
    if part not in _PARTS:
        raise Refusal("argument", name="datepart")
    field = draft.text(given.pop("field", None), "field")
    given.pop("ignore_time_component", None)
    return _check("freshness", given, column=field, within=duration.text(float(count) * _PARTS[part]))


def _at_least_one(given: Body, column: str) -> Body:
    return _check("aggregate", given, function="count", column=column, min=1)


_COLUMN: dict[tuple[str, str], Any] = {
    ("", "not_null"): lambda given, column: _check("not_null", given, column=column),
    ("", "unique"): lambda given, column: _check("unique", given, columns=[column]),
    ("", "accepted_values"): _accepted("in_set"),
    ("", "relationships"): _relationships,
    ("dbt_utils", "accepted_range"): _range,
    ("dbt_utils", "not_null_proportion"): _proportion,
    ("dbt_utils", "not_accepted_values"): _accepted("not_in_set"),
    ("dbt_utils", "not_empty_string"): _not_empty,
    ("dbt_utils", "at_least_one"): _at_least_one,
    ("dbt_utils", "expression_is_true"): _true,
}
_TABLE: dict[tuple[str, str], Any] = {
    ("dbt_utils", "unique_combination_of_columns"): _combination,
    ("dbt_utils", "expression_is_true"): _true,
    ("dbt_utils", "recency"): _recency,
}

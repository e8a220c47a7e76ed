"""Great Expectations: suites as JSON, of the 0.x and the 1.x form."""

from __future__ import annotations

import datetime
import itertools
import json
import math
from collections.abc import Callable
from typing import Any

from taihang.core import errors
from taihang.data.quality.exchange import conditions, draft
from taihang.data.quality.exchange.draft import Refusal, quoted
from taihang.rules import kinds

Body = dict[str, Any]
_LEVELS = {"critical": "red", "warning": "yellow", "info": "info"}
# They change how a result is shown or found, not what is asked.
_IDLE = frozenset({
    "column", "mostly", "result_format", "include_config", "catch_exceptions", "meta", "batch_id", "notes",
    "description", "id", "rendered_content", "severity", "parse_strings_as_datetimes", "windows",
    "row_condition", "condition_parser",  # these become the rule's filter
})  # fmt: skip
_FUNCTIONS: dict[str, tuple[Callable[[Body], Body], frozenset[str]]] = {}
_LARGEST = 64 << 20
_WIDEST = 32


def load(data: bytes, file: str, table: str) -> draft.Imported:
    """The rules of a suite, for the table that it is about. Raises errors.UserError for what is no suite."""
    if len(data) > _LARGEST:
        raise errors.UserError("data.quality:exchange.large", path=file, limit=_LARGEST >> 20)
    try:
        suite = json.loads(data)
    except (ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise errors.UserError("data.quality:exchange.syntax", path=file, reason=reason) from None
    given = suite.get("expectations") if isinstance(suite, dict) else None
    if not isinstance(given, list):
        raise errors.UserError("data.quality:exchange.form", path=file, what="expectations")
    made = draft.Draft("great-expectations", file)
    for number, one in enumerate(given):
        add(made, f"{file} expectations[{number}]", one, table)
    name = suite.get("name") or suite.get("expectation_suite_name") or table
    return made.finished(str(name)[:100])


def add(made: draft.Draft, place: str, one: Any, table: str, more: Body | None = None) -> None:
    """Map one expectation, `{type, kwargs}`; `more` are fields that the rule gets besides."""
    one = one if isinstance(one, dict) else {}
    kind = str(one.get("type") or one.get("expectation_type") or "?")
    kwargs = one.get("kwargs") or {}
    what = f"{kind}({json.dumps(kwargs, ensure_ascii=False, default=str)[:120]})"
    try:
        if not isinstance(kwargs, dict):
            raise Refusal("argument", name="kwargs")
        body = {**mapped(kind, kwargs), **(more or {})}
    except Refusal as refusal:
        made.refuse(place, what, refusal)
        return
    level = _LEVELS.get(str(one.get("severity") or (one.get("meta") or {}).get("severity") or "").casefold())
    if level and "level" not in body:
        body["level"] = level
    made.add(place, what, table, body, title=None)


def mapped(kind: str, kwargs: Body) -> Body:
    """The rule's check and tolerance. Raises Refusal."""
    if kind not in _FUNCTIONS:
        raise Refusal("kind", kind=kind)
    function, known = _FUNCTIONS[kind]
    extra = sorted(k for k, v in kwargs.items() if k not in known and k not in _IDLE and v not in (None, False))
    if extra:
        raise Refusal("option", name=extra[0])
    body = function(kwargs)
    if kwargs.get("row_condition") is not None:
        body["filter"] = conditions.sql(kwargs["row_condition"], kwargs.get("condition_parser"))
    mostly = kwargs.get("mostly")
    if mostly is not None and "tolerate" not in body:
        share = float(draft.number(mostly, "mostly"))
        if "check" in body and body["check"]["kind"] in _WHOLE and share < 1:
            raise Refusal("option", name="mostly")
        body |= draft.rate(1 - share)
    return body


_WHOLE = frozenset({"row_count", "aggregate"})


def _kind(name: str, *known: str) -> Callable[[Callable[[Body], Body]], Callable[[Body], Body]]:
    def keep(function: Callable[[Body], Body]) -> Callable[[Body], Body]:
        _FUNCTIONS[name] = function, frozenset(known)
        return function

    return keep


def _check(kind: str, **fields: Any) -> Body:
    return {"check": {"kind": kind, **fields}}


def _column(kwargs: Body) -> str:
    return draft.text(kwargs.get("column"), "column")


@_kind("expect_column_values_to_not_be_null")
def _not_null(kwargs: Body) -> Body:
    return _check("not_null", column=_column(kwargs))


@_kind("expect_column_values_to_be_null")
def _null(kwargs: Body) -> Body:
    return {"where": f"{quoted(_column(kwargs))} IS NOT NULL"}


@_kind("expect_column_values_to_be_unique")
def _unique(kwargs: Body) -> Body:
    return _check("unique", columns=[_column(kwargs)])


@_kind("expect_compound_columns_to_be_unique", "column_list", "ignore_row_if")
def _compound(kwargs: Body) -> Body:
    return _check("unique", columns=draft.values(kwargs.get("column_list"), "column_list"))


@_kind("expect_column_values_to_be_in_set", "value_set")
def _in_set(kwargs: Body) -> Body:
    return _check("in_set", column=_column(kwargs), values=draft.values(kwargs.get("value_set"), "value_set"))


@_kind("expect_column_distinct_values_to_be_in_set", "value_set")
def _distinct_in_set(kwargs: Body) -> Body:
    return _in_set(kwargs)


@_kind("expect_column_values_to_not_be_in_set", "value_set")
def _not_in_set(kwargs: Body) -> Body:
    return _check("not_in_set", column=_column(kwargs), values=draft.values(kwargs.get("value_set"), "value_set"))


def bounds(kwargs: Body) -> Body:
    """min, max and strict of a check. Raises Refusal without a bound, or with one end strict and the other not."""
    low, high = (_bound(kwargs.get(name), name) for name in ("min_value", "max_value"))
    if low is None and high is None:
        raise Refusal("bounds")
    if low is not None and high is not None and isinstance(low, str) is isinstance(high, str) and low > high:
        raise Refusal("order", low=low, high=high)
    ends = [bool(kwargs.get(f"strict_{n}")) for n, value in (("min", low), ("max", high)) if value is not None]
    ends = [bool(kwargs.get("strictly"))] * len(ends) if kwargs.get("strictly") else ends
    if len(set(ends)) > 1:
        raise Refusal("half_strict")
    found = {name: value for name, value in (("min", low), ("max", high)) if value is not None}
    return {**found, **({"strict": True} if ends[0] else {})}


def _bound(value: Any, name: str) -> Any:
    if value is None or (isinstance(value, float) and math.isinf(value)):
        return None
    if isinstance(value, str):
        try:
            datetime.datetime.fromisoformat(value)
        except ValueError:
            raise Refusal("argument", name=name) from None
        return value
    return draft.number(value, name)


_STRICT = ("min_value", "max_value", "strict_min", "strict_max", "strictly")


@_kind("expect_column_values_to_be_between", *_STRICT)
def _between(kwargs: Body) -> Body:
    try:
        return _check("range", column=_column(kwargs), **bounds(kwargs))
    except Refusal as refusal:
        if not refusal.message.key.endswith("half_strict"):
            raise
    column = quoted(_column(kwargs))
    low = f"{column} {'<=' if kwargs.get('strict_min') else '<'} {kinds.literal(kwargs['min_value'])}"
    high = f"{column} {'>=' if kwargs.get('strict_max') else '>'} {kinds.literal(kwargs['max_value'])}"
    return {"where": f"{low} OR {high}"}


@_kind("expect_column_value_lengths_to_be_between", *_STRICT)
def _lengths(kwargs: Body) -> Body:
    return _check("length", column=_column(kwargs), **bounds(kwargs))


@_kind("expect_column_value_lengths_to_equal", "value")
def _length(kwargs: Body) -> Body:
    value = draft.number(kwargs.get("value"), "value")
    return _check("length", column=_column(kwargs), min=value, max=value)


@_kind("expect_column_values_to_match_regex", "regex")
def _regex(kwargs: Body) -> Body:
    return _check("regex", column=_column(kwargs), pattern=draft.pattern(kwargs.get("regex")), anywhere=True)


@_kind("expect_column_values_to_not_match_regex", "regex")
def _no_regex(kwargs: Body) -> Body:
    column, found = quoted(_column(kwargs)), kinds.literal(draft.pattern(kwargs.get("regex")))
    return {"where": f"regexp_matches(CAST({column} AS VARCHAR), {found})"}


def _patterns(kwargs: Body) -> list[str]:
    column = quoted(_column(kwargs))
    given = [draft.pattern(p) for p in draft.values(kwargs.get("regex_list"), "regex_list")]
    return [f"regexp_matches(CAST({column} AS VARCHAR), {kinds.literal(p)})" for p in given]


@_kind("expect_column_values_to_match_regex_list", "regex_list", "match_on")
def _regexes(kwargs: Body) -> Body:
    joint = " AND " if kwargs.get("match_on") == "all" else " OR "
    return {"where": f"NOT ({joint.join(_patterns(kwargs))})"}


@_kind("expect_column_values_to_not_match_regex_list", "regex_list")
def _no_regexes(kwargs: Body) -> Body:
    return {"where": " OR ".join(_patterns(kwargs))}


@_kind("expect_table_row_count_to_be_between", *_STRICT)
def _rows(kwargs: Body) -> Body:
    return _check("row_count", **bounds(kwargs))


@_kind("expect_table_row_count_to_equal", "value")
def _rows_equal(kwargs: Body) -> Body:
    value = draft.number(kwargs.get("value"), "value")
    return _check("row_count", min=value, max=value)


def _aggregate(name: str, function: str) -> None:
    @_kind(name, *_STRICT)
    def made(kwargs: Body) -> Body:
        return _check("aggregate", function=function, column=_column(kwargs), **bounds(kwargs))


for _name, _function in (
    ("min", "min"), ("max", "max"), ("mean", "mean"), ("median", "median"), ("stdev", "stddev"), ("sum", "sum"),
    ("unique_value_count", "distinct"),
):  # fmt: skip
    _aggregate(f"expect_column_{_name}_to_be_between", _function)


@_kind("expect_column_proportion_of_non_null_values_to_be_between", "min_value", "max_value")
def _non_null(kwargs: Body) -> Body:
    found = bounds(kwargs)
    turned = {n: round(1 - float(found[o]), 12) for n, o in (("min", "max"), ("max", "min")) if o in found}
    return _check("aggregate", function="null_rate", column=_column(kwargs), **turned)


@_kind("expect_column_to_exist")
def _exists(kwargs: Body) -> Body:
    # Where the column is missing the rule cannot run, which is an error and never a pass.
    return _check("aggregate", function="count", column=_column(kwargs), min=0)


@_kind("expect_column_values_to_match_like_pattern", "like_pattern")
def _like(kwargs: Body) -> Body:
    return {"where": f"NOT {_likes(kwargs, [kwargs.get('like_pattern')])[0]}"}


@_kind("expect_column_values_to_not_match_like_pattern", "like_pattern")
def _no_like(kwargs: Body) -> Body:
    return {"where": _likes(kwargs, [kwargs.get("like_pattern")])[0]}


@_kind("expect_column_values_to_match_like_pattern_list", "like_pattern_list", "match_on")
def _like_list(kwargs: Body) -> Body:
    joint = " AND " if kwargs.get("match_on") == "all" else " OR "
    return {"where": f"NOT ({joint.join(_likes(kwargs, kwargs.get('like_pattern_list')))})"}


@_kind("expect_column_values_to_not_match_like_pattern_list", "like_pattern_list")
def _no_like_list(kwargs: Body) -> Body:
    return {"where": " OR ".join(_likes(kwargs, kwargs.get("like_pattern_list")))}


def _likes(kwargs: Body, given: Any) -> list[str]:
    column = quoted(_column(kwargs))
    patterns = [draft.text(one, "like_pattern") for one in draft.values(given, "like_pattern")]
    if any("\\" in one for one in patterns):  # which engine reads it as an escape differs
        raise Refusal("argument", name="like_pattern")
    return [f"(CAST({column} AS VARCHAR) LIKE {kinds.literal(one)})" for one in patterns]


@_kind("expect_column_pair_values_a_to_be_greater_than_b", "column_A", "column_B", "or_equal", "ignore_row_if")
def _pair_greater(kwargs: Body) -> Body:
    one, other = quoted(kwargs.get("column_A")), quoted(kwargs.get("column_B"))
    return _pair(kwargs, f"{one} {'<' if kwargs.get('or_equal') else '<='} {other}")


@_kind("expect_column_pair_values_to_be_equal", "column_A", "column_B", "ignore_row_if")
def _pair_equal(kwargs: Body) -> Body:
    return _pair(kwargs, f"{quoted(kwargs.get('column_A'))} <> {quoted(kwargs.get('column_B'))}")


@_kind("expect_column_pair_values_to_be_in_set", "column_A", "column_B", "value_pairs_set", "ignore_row_if")
def _pair_in_set(kwargs: Body) -> Body:
    one, other = quoted(kwargs.get("column_A")), quoted(kwargs.get("column_B"))
    given = kwargs.get("value_pairs_set")
    if not isinstance(given, list) or not given or not all(isinstance(p, list) and len(p) == 2 for p in given):
        raise Refusal("argument", name="value_pairs_set")
    pairs = [draft.values(pair, "value_pairs_set") for pair in given]
    found = " OR ".join(f"({one} = {kinds.literal(a)} AND {other} = {kinds.literal(b)})" for a, b in pairs)
    return _pair(kwargs, f"NOT coalesce({found}, FALSE)")


def _pair(kwargs: Body, where: str) -> Body:
    """By default a row with one value missing breaks the pair, and one with both is left out."""
    one, other = quoted(kwargs.get("column_A")), quoted(kwargs.get("column_B"))
    ignored = kwargs.get("ignore_row_if") or "both_values_are_missing"
    if ignored == "either_value_is_missing":
        return {"where": f"CASE WHEN {one} IS NOT NULL AND {other} IS NOT NULL THEN {where} END"}
    if ignored != "both_values_are_missing":
        raise Refusal("pair_nulls")
    missing = f"WHEN {one} IS NULL OR {other} IS NULL THEN TRUE"
    return {"where": f"CASE WHEN {one} IS NULL AND {other} IS NULL THEN NULL {missing} ELSE {where} END"}


@_kind("expect_select_column_values_to_be_unique_within_record", "column_list", "ignore_row_if")
def _within_record(kwargs: Body) -> Body:
    columns = [quoted(c) for c in draft.values(kwargs.get("column_list"), "column_list")]
    ignored = kwargs.get("ignore_row_if") or "all_values_are_missing"
    if ignored not in {"all_values_are_missing", "any_value_is_missing"} or not 2 <= len(columns) <= _WIDEST:
        raise Refusal("argument", name="ignore_row_if" if 2 <= len(columns) <= _WIDEST else "column_list")
    same = " OR ".join(f"{a} IS NOT DISTINCT FROM {b}" for a, b in itertools.combinations(columns, 2))
    joint = " AND " if ignored == "all_values_are_missing" else " OR "
    return {"where": f"CASE WHEN NOT ({joint.join(f'{c} IS NULL' for c in columns)}) THEN {same} END"}


@_kind("expect_multicolumn_sum_to_equal", "column_list", "sum_total", "ignore_row_if")
def _sum(kwargs: Body) -> Body:
    columns = [quoted(c) for c in draft.values(kwargs.get("column_list"), "column_list")]
    return {"where": f"{' + '.join(columns)} <> {kinds.literal(draft.number(kwargs.get('sum_total'), 'sum_total'))}"}

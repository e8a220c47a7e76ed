"""The rows, the rules and the brute-force answers that every engine is held to."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import math
import re
import statistics
from collections.abc import Callable
from typing import Any

import pyarrow as pa

Row = dict[str, Any]
NAN, INF = math.nan, math.inf
D, DAY, AT = decimal.Decimal, datetime.date, datetime.datetime
UTC = datetime.UTC

# ruff: noqa: E501
SCHEMA = pa.schema([
    ("id", pa.int64()), ("i", pa.int64()), ("j", pa.int32()), ("f", pa.float64()), ("g", pa.float32()),
    ("d", pa.decimal128(38, 4)), ("s", pa.string()), ("n", pa.string()), ("b", pa.bool_()), ("day", pa.date32()),
    ("at", pa.timestamp("us")), ("z", pa.timestamp("us", "UTC")), ("k", pa.int32()), ("v", pa.string()),
    ("空 列", pa.string()), ("none", pa.string()),
])  # fmt: skip
_I = [0, 1, -1, 5, 5, None, 2**63 - 1, -(2**63), 7, -7, 100, None]
_F = [NAN, INF, -INF, -0.0, 0.0, 1.5, None, 1e308, -2.5, NAN, 0.1, 2.0]
_G = [0.1, NAN, None, 1.5, -0.0, 0.0, INF, 0.3]
_D = [D("1.5000"), D("12345678901234567890123456789.1234"), None, D("-0.0001"), D("99999999999999999999.9999"), D("0")]
_S = ["", " ", "a", "A", "太行", "é", "e\u0301", "👷", "b'", "a\\b", "x\n", "\u3000", "AB12", None, "a b", "%_", "ß",
      "Z", "\t", "ab", "abab", '"q"', "\u00a0x\u00a0", "京A12345", "$1", "a.b"]  # fmt: skip
_N = ["11010519491231002X", "110105194912310021", "91350100M000100Y43", "91350100M000100Y44", "4111111111111111",
      "4111111111111112", "13812345678", "12812345678", "a.b@c.cn", "a@b", "https://a.cn/x", "京AD12345", "1.2.3.255",
      "1.2.3.256", "123e4567-e89b-12d3-a456-426614174000", "2024-02-29", "2023-02-29", "9223372036854775808", "-12",
      "1e5", "true", "23:59", "2024-02-29T23:59:59Z", "", None, "99999999999999999999", "11010519490231002X"]  # fmt: skip
_DAY = [DAY(2020, 1, 1), DAY(2024, 2, 29), None, DAY(1999, 12, 31), DAY(1950, 6, 1)]
_AT = [AT(2020, 1, 1), AT(2020, 1, 1, 23, 59, 59, 999999), None, AT(1999, 12, 31, 16), AT(2024, 2, 29, 12, 30)]
_Z = [AT(2019, 12, 31, 16, tzinfo=UTC), AT(2020, 1, 1, tzinfo=UTC), None, AT(2024, 2, 29, 23, 59, 59, 1, tzinfo=UTC)]
COUNT = 78


def _turn(values: list[Any], n: int) -> Any:
    return values[n % len(values)]


ROWS: list[Row] = [
    {
        "id": n, "i": _turn(_I, n), "j": _turn([1, 2, None, 3, 3], n), "f": _turn(_F, n * 7), "g": _turn(_G, n),
        "d": _turn(_D, n), "s": _turn(_S, n), "n": _turn(_N, n * 5), "b": _turn([True, False, None], n),
        "day": _turn(_DAY, n), "at": _turn(_AT, n * 3), "z": _turn(_Z, n), "k": _turn([1, 2, 3, 4, None, 9], n),
        "v": _turn(["x", "y", "x", "太", None, "z", "x"], n), "空 列": _turn(["是", "否"], n), "none": None,
    }
    for n in range(COUNT)
]  # fmt: skip
OTHER_SCHEMA = pa.schema([("k", pa.int64()), ("v", pa.string()), ("f", pa.float64()), ("id", pa.int64())])
OTHER: list[Row] = [
    {"k": 1, "v": "x", "f": NAN, "id": 0}, {"k": 2, "v": "太", "f": 0.0, "id": 7}, {"k": None, "v": "y", "f": 1.5, "id": 14},
    {"k": 3, "v": None, "f": None, "id": 21}, {"k": 3, "v": "x", "f": -2.5, "id": 3},
]  # fmt: skip


def table() -> pa.Table:
    return pa.Table.from_pylist(ROWS, schema=SCHEMA)


def other() -> pa.Table:
    return pa.Table.from_pylist(OTHER, schema=OTHER_SCHEMA)


@dataclasses.dataclass(frozen=True)
class Case:
    """A rule and its answer: bad rows, and how many could not be judged; for totals the value."""

    id: str
    rule: dict[str, Any]
    bad: list[int]
    unknown: int = 0
    value: Any = None
    broken: bool | None = None


Truth = Callable[[Row], bool | None]


def _row(name: str, rule: dict[str, Any], truth: Truth) -> Case:
    values = [truth(row) for row in ROWS]
    return Case(name, rule, [n for n, v in enumerate(values) if v is True], sum(v is None for v in values))


def _where(name: str, sql: str, truth: Truth, **more: Any) -> Case:
    text = {"zh": name, "en": name}
    rule = {"where": sql, "title": text, "message": text, "level": "yellow", "dimension": "validity", **more}
    return _row(name, rule, truth)


def _check(name: str, truth: Truth, **check: Any) -> Case:
    return _row(name, {"check": check}, truth)


def _on(column: str, test: Callable[[Any], bool]) -> Truth:
    return lambda row: None if row[column] is None else test(row[column])


def key(value: Any) -> Any:
    """Values that are one to a database: all NaN, and both zeros."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value + 0.0
    return value


def above(a: float, b: float) -> bool:
    """NaN is above all numbers."""
    return not math.isnan(b) if math.isnan(a) else not math.isnan(b) and a > b


def _matches(pattern: str, column: str = "s", *, whole: bool = True) -> Truth:
    compiled = re.compile(pattern, re.ASCII)
    return _on(column, lambda v: (compiled.fullmatch(v) if whole else compiled.search(v)) is None)


def _unique(name: str, *columns: str, only: Callable[[Row], bool] | None = None, sql: str | None = None) -> Case:
    judged = [r for r in ROWS if all(r[c] is not None for c in columns) and (only is None or only(r))]
    counts = collections.Counter(tuple(key(r[c]) for c in columns) for r in judged)
    bad = [r["id"] for r in judged if counts[tuple(key(r[c]) for c in columns)] > 1]
    rule: dict[str, Any] = {"check": {"kind": "unique", "columns": list(columns)}}
    if sql is not None:
        rule["filter"] = sql
    return Case(name, rule, bad, len(ROWS) - len(judged))


def _foreign(name: str, columns: list[str], others: list[str]) -> Case:
    there = {tuple(key(r[c]) for c in others) for r in OTHER if all(r[c] is not None for c in others)}
    judged = [r for r in ROWS if all(r[c] is not None for c in columns)]
    bad = [r["id"] for r in judged if tuple(key(r[c]) for c in columns) not in there]
    check = {"kind": "foreign_key", "columns": columns, "other": "u", "other_columns": others}
    return Case(name, {"check": check}, bad, len(ROWS) - len(judged))


def _dependency(name: str, columns: list[str], dependent: str) -> Case:
    judged = [r for r in ROWS if all(r[c] is not None for c in (*columns, dependent))]
    groups = collections.defaultdict(set)
    for r in judged:
        groups[tuple(key(r[c]) for c in columns)].add(key(r[dependent]))
    bad = [r["id"] for r in judged if len(groups[tuple(key(r[c]) for c in columns)]) > 1]
    check = {"kind": "functional_dependency", "columns": columns, "dependent": dependent}
    return Case(name, {"check": check}, bad, len(ROWS) - len(judged))


def _reconcile(name: str, columns: list[str]) -> Case:
    by = {r["id"]: r for r in OTHER}
    bad = [r["id"] for r in ROWS if r["id"] not in by or any(key(by[r["id"]][c]) != key(r[c]) for c in columns)]
    return Case(name, {"check": {"kind": "reconcile", "keys": ["id"], "other": "u", "columns": columns}}, bad)


def _total(name: str, function: str, column: str, value: Any, **bounds: Any) -> Case:
    rule = {"check": {"kind": "aggregate", "function": function, "column": column, "min": -1e300, **bounds}}
    return Case(name, rule, [], value=value)


def _known(column: str) -> list[Any]:
    return [r[column] for r in ROWS if r[column] is not None]


ROW_CASES = [
    _check("not_null", lambda r: r["s"] is None, kind="not_null", column="s"),
    _check("not_null_all_null", lambda r: True, kind="not_null", column="none"),
    _check("not_blank", lambda r: r["s"] is None or not r["s"].strip(), kind="not_blank", column="s"),
    _check("in_set_text", _on("s", lambda v: v not in {"a", "b'", "太行", "a\\b"}), kind="in_set", column="s",
           values=["a", "b'", "太行", "a\\b"]),
    _check("in_set_whole", _on("i", lambda v: v not in {5, -7, 2**63 - 1}), kind="in_set", column="i",
           values=[5, -7, 2**63 - 1]),
    _check("in_set_float", _on("f", lambda v: v not in {0.0, 1.5, 0.1}), kind="in_set", column="f",
           values=[0, 1.5, 0.1]),
    _check("in_set_date", _on("day", lambda v: v != DAY(2020, 1, 1)), kind="in_set", column="day",
           values=["2020-01-01"]),
    _check("in_set_boolean", _on("b", lambda v: v is not True), kind="in_set", column="b", values=[True]),
    _check("not_in_set", _on("s", lambda v: v in {"", "ß"}), kind="not_in_set", column="s", values=["", "ß"]),
    _check("range_nan_and_infinity", _on("f", lambda v: above(-1.0, v) or above(v, 2.0)), kind="range", column="f",
           min=-1, max=2),
    _check("range_strict_at_nan", _on("f", lambda v: not above(2.0, v)), kind="range", column="f", max=2.0, strict=True),
    _check("range_single_precision", _on("g", lambda v: above(v, 0.1)), kind="range", column="g", max=0.1),
    _check("range_whole", _on("i", lambda v: v < -7 or v > 100), kind="range", column="i", min=-7, max=100),
    _check("range_whole_by_fraction", _on("i", lambda v: v > 4.5), kind="range", column="i", max=4.5),
    _check("range_decimal_beyond_int64", _on("d", lambda v: v > D("99999999999999999999.9998")), kind="range",
           column="d", max="99999999999999999999.9998"),
    _check("range_decimal_by_whole", _on("d", lambda v: v < 0 or v > 1), kind="range", column="d", min=0, max=1),
    _check("range_text_by_bytes", _on("s", lambda v: v.encode() < b"A" or v.encode() > b"a"), kind="range", column="s",
           min="A", max="a"),
    _check("range_date", _on("day", lambda v: v < DAY(1999, 12, 31)), kind="range", column="day", min="1999-12-31"),
    _check("range_time", _on("at", lambda v: v > AT(2020, 1, 1)), kind="range", column="at", max="2020-01-01"),
    _check("range_zoned", _on("z", lambda v: v > AT(2019, 12, 31, 16, tzinfo=UTC)), kind="range", column="z",
           max="2020-01-01T00:00:00+08:00"),
    _check("range_zoned_without_zone", _on("z", lambda v: v < AT(2020, 1, 1, tzinfo=UTC)), kind="range", column="z",
           min="2020-01-01"),
    _check("length_code_points", _on("s", lambda v: not 1 <= len(v) <= 2), kind="length", column="s", min=1, max=2),
    _check("length_of_number", _on("i", lambda v: len(str(v)) > 2), kind="length", column="i", max=2),
    _check("regex_whole", _matches("[a-z]+"), kind="regex", column="s", pattern="[a-z]+"),
    _check("regex_part", _matches("[A-Z][0-9]", whole=False), kind="regex", column="s", pattern="[A-Z][0-9]",
           anywhere=True),
    _check("regex_dot_is_no_newline", _matches(".*"), kind="regex", column="s", pattern=".*"),
    _check("regex_end_is_the_end", _matches(r"x\Z", whole=False), kind="regex", column="s", pattern="x$",
           anywhere=True),
    _check("regex_classes_are_ascii", _matches(r"\w+"), kind="regex", column="s", pattern=r"\w+"),
    _check("regex_ignores_case", _matches(r"(?i)a.*"), kind="regex", column="s", pattern="(?i)a.*"),
    _check("regex_space", _matches(r"[\t\n\f\r ]", whole=False), kind="regex", column="s", pattern=r"\s",
           anywhere=True),
    _check("regex_han", _on("s", lambda v: not any("\u4e00" <= c <= "\u9fff" for c in v)), kind="regex", column="s",
           pattern=r"\p{Han}", anywhere=True),
    _check("regex_letters_of_any_script", _on("s", lambda v: not v or not all(c.isalpha() for c in v)), kind="regex",
           column="s", pattern=r"\p{L}+"),
    _check("regex_beyond_the_plane", _matches("[\U0001f300-\U0001faff]"), kind="regex", column="s",
           pattern=r"[\x{1F300}-\x{1FAFF}]"),
    _check("regex_quote_and_backslash", _matches(r"a\\b|b'"), kind="regex", column="s", pattern=r"a\\b|b'"),
    _check("regex_lazy_and_counted", _matches("(ab){2,}?"), kind="regex", column="s", pattern="(ab){2,}?"),
    _check("regex_empty_choice", _matches("|a"), kind="regex", column="s", pattern="|a"),
    *(_check(f"castable_{kind.lower()}", _on("n", lambda v, t=test: not t(v)), kind="castable", column="n", type=kind)
      for kind, test in {
          "BIGINT": lambda v: bool(re.fullmatch(r"[+-]?\d+", v, re.ASCII)) and -(2**63) <= int(v) < 2**63,
          "INT": lambda v: bool(re.fullmatch(r"[+-]?\d+", v, re.ASCII)) and -(2**31) <= int(v) < 2**31,
          "DOUBLE": lambda v: bool(re.fullmatch(r"[+-]?\d+(e\d+)?", v, re.ASCII)),
          "BOOLEAN": lambda v: v == "true",
          "DATE": lambda v: v == "2024-02-29",
          "TIME": lambda v: v == "23:59",
          "TIMESTAMP": lambda v: v in {"2024-02-29", "2024-02-29T23:59:59Z"},
      }.items()),
    _check("finite", _on("f", lambda v: not math.isfinite(v)), kind="finite", column="f"),
    _check("finite_single", _on("g", lambda v: not math.isfinite(v)), kind="finite", column="g"),
    *(_check(f"semantic_{name}", _on("n", lambda v, g=good: v not in g), kind="semantic", column="n", **{"is": name})
      for name, good in {
          "id-card": {"11010519491231002X"}, "credit-code": {"91350100M000100Y43"}, "bank-card": {"4111111111111111"},
          "mobile": {"13812345678"}, "email": {"a.b@c.cn"}, "url": {"https://a.cn/x"}, "plate": {"京AD12345"},
          "ipv4": {"1.2.3.255"}, "uuid": {"123e4567-e89b-12d3-a456-426614174000"},
      }.items()),
    _check("date_order", lambda r: None if None in {r["day"], r["at"]} else
           AT.combine(r["day"], datetime.time()) > r["at"], kind="date_order", first="day", then="at"),
    _check("named_in_chinese", lambda r: r["空 列"] == "否", kind="in_set", column="空 列", values=["是"]),
]  # fmt: skip


def _or3(*values: bool | None) -> bool | None:
    return True if True in values else None if None in values else False


def _lower(value: Any, than: Any) -> bool | None:
    return None if value is None else value < than


WHERE_CASES = [
    _where("three_values", "i > 4 OR b", lambda r: _or3(_on("i", lambda v: v > 4)(r), r["b"])),
    _where("not_of_unknown", "NOT (j = 3 AND b)",
           lambda r: None if (x := _or3(_on("j", lambda v: v != 3)(r), None if r["b"] is None else not r["b"])) is None
           else x),
    _where("nan_equals_nan", "f = CAST('NaN' AS DOUBLE)", _on("f", math.isnan)),
    _where("zero_equals_zero", "f = 0", _on("f", lambda v: v == 0)),
    _where("float_between", "f BETWEEN 0 AND 2", _on("f", lambda v: not math.isnan(v) and 0 <= v <= 2)),
    _where("whole_against_float", "i < f", lambda r: None if None in {r["i"], r["f"]} else above(r["f"], float(r["i"]))),
    _where("divide_by_zero", "1 / f > 0.5", _on("f", lambda v: (math.copysign(INF, v) if v == 0 else 1 / v) > 0.5
                                                  or math.isnan(v))),
    _where("whole_division", "i // 2 = -3", _on("i", lambda v: math.trunc(v / 2) == -3 if abs(v) < 1e9 else False)),
    _where("remainder_has_the_sign_of_the_first", "i % 2 = -1", _on("i", lambda v: math.fmod(v, 2) == -1
                                                                  if abs(v) < 1e9 else False)),
    _where("decimal_arithmetic", "d * 2 > 3.0", _on("d", lambda v: v * 2 > 3)),
    _where("mixed_numbers", "j + 0.5 > 2.5", _on("j", lambda v: v > 2)),
    _where("is_distinct_from", "s IS DISTINCT FROM v", lambda r: r["s"] != r["v"]),
    _where("is_true", "b IS TRUE", lambda r: r["b"] is True),
    _where("is_not_false", "NOT (b IS FALSE)", lambda r: r["b"] is not False),
    _where("null_in_a_list", "v NOT IN ('x', NULL)", lambda r: False if r["v"] == "x" else None),
    _where("like_has_no_escape", "s LIKE 'a\\%'", _on("s", lambda v: v.startswith("a\\"))),
    _where("like_one", "s LIKE 'a_b'", _on("s", lambda v: re.fullmatch("a.b", v, re.DOTALL) is not None)),
    _where("like_any_spans_lines", "s LIKE 'x%'", _on("s", lambda v: v.startswith("x"))),
    _where("like_with_escape", "s LIKE '!%%' ESCAPE '!'", _on("s", lambda v: v.startswith("%"))),
    _where("length_of_trimmed", "length(trim(s)) = 1", _on("s", lambda v: len(v.strip(
        " \u00a0\u3000\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f")) == 1)),
    _where("lower", "lower(s) = 'a'", _on("s", lambda v: v in {"a", "A"})),
    _where("upper_accent", "upper(s) = 'É'", _on("s", lambda v: v == "é")),
    _where("parts_of_text", "substring(s, 2, 1) = 'b' OR left(s, 1) = '太' OR right(s, 2) = '12'",
           _on("s", lambda v: v[1:2] == "b" or v[:1] == "太" or v[-2:] == "12")),
    _where("found_in_text", "contains(s, 'b') AND NOT starts_with(s, 'a') AND strpos(s, 'b') = 1",
           _on("s", lambda v: v.startswith("b"))),
    _where("ends_with", "ends_with(s, '行') OR suffix(s, 'b')", _on("s", lambda v: v.endswith(("行", "b")))),
    _where("replaced", "replace(s, 'b', '') = 'a'", _on("s", lambda v: v.replace("b", "") == "a")),
    _where("joined", "s || v = 'ax'", lambda r: None if None in {r["s"], r["v"]} else r["s"] + r["v"] == "ax"),
    _where("concat_passes_over_null", "concat(v, 'x') = 'x'", lambda r: (r["v"] or "") + "x" == "x"),
    _where("coalesce_nullif", "coalesce(nullif(v, 'x'), '-') = '-'", lambda r: r["v"] in {None, "x"}),
    _where("case", "CASE WHEN j = 3 THEN b WHEN j = 2 THEN NULL ELSE i > 4 END",
           lambda r: r["b"] if r["j"] == 3 else None if r["j"] == 2 else _on("i", lambda v: v > 4)(r)),
    _where("parts_of_time", "hour(at) = 16 OR extract(year FROM at) = 2024 OR minute(at) = 59",
           _on("at", lambda v: v.hour == 16 or v.year == 2024 or v.minute == 59)),
    _where("hour_of_a_moment_is_utc", "hour(z) = 16", _on("z", lambda v: v.hour == 16)),
    _where("weekday_and_quarter", "isodow(day) = 3 OR quarter(day) = 4",
           _on("day", lambda v: v.isoweekday() == 3 or v.month > 9)),
    _where("day_as_text", "CAST(day AS VARCHAR) < '2000'", _on("day", lambda v: v.isoformat() < "2000")),
    _where("decimal_as_text", "CAST(d AS VARCHAR) = '1.5000'", _on("d", lambda v: v == D("1.5"))),
    _where("day_against_moment", "day <= at", lambda r: None if None in {r["day"], r["at"]} else
           AT.combine(r["day"], datetime.time()) <= r["at"]),
    _where("filtered", "s <> 'a'", lambda r: (None if r["s"] is None else r["s"] != "a") if r["b"] else False,
           filter="b"),
    _where("parameters", "s = $word", _on("s", lambda v: v == "b'"), parameters={"word": "b'"}),
    _where("absolute", "abs(j) >= 3 AND isfinite(f)", lambda r: (
        False if (r["j"] is not None and abs(r["j"]) < 3) or (r["f"] is not None and not math.isfinite(r["f"]))
        else None if None in {r["j"], r["f"]} else True)),
    _where("rounded", "round(f) = 2", _on("f", lambda v: v in {1.5, 2.0})),
    _where("float_as_text", "CAST(f AS VARCHAR) = '1.5'", _on("f", lambda v: v == 1.5)),
    _where("days_between", "date_diff('day', day, at) > 1",
           lambda r: None if None in {r["day"], r["at"]} else (r["at"].date() - r["day"]).days > 1),
    _where("word_boundary", r"regexp_matches(s, '\ba\b')", _on("s", lambda v: re.search(r"\ba\b", v, re.ASCII) is not None)),
    _where("cast_of_text", "TRY_CAST(n AS DOUBLE) > 0",
           lambda r: None if r["n"] is None or re.fullmatch(r"[+-]?\d+(e\d+)?", r["n"], re.ASCII) is None
           else float(r["n"]) > 0),
]  # fmt: skip

SET_CASES = [
    _unique("unique_whole", "i"), _unique("unique_float_nan_zero", "f"), _unique("unique_single", "g"),
    _unique("unique_decimal", "d"), _unique("unique_text", "s"), _unique("unique_date", "day"),
    _unique("unique_moment", "z"), _unique("unique_together", "k", "v"), _unique("unique_holds", "id"),
    _unique("unique_filtered", "s", only=lambda r: r["b"] is True, sql="b"),
    _unique("unique_all_null", "none"),
    _foreign("foreign_key", ["k"], ["k"]), _foreign("foreign_key_text", ["v"], ["v"]),
    _foreign("foreign_key_float", ["f"], ["f"]), _foreign("foreign_key_two", ["k", "v"], ["k", "v"]),
    _dependency("dependency", ["k"], "v"), _dependency("dependency_on_float", ["f"], "j"),
    _dependency("dependency_of_float", ["j"], "f"),
    _reconcile("reconcile", ["v", "f"]),
]  # fmt: skip

TOTAL_CASES = [
    _total("sum_beyond_int64", "sum", "i", sum(_known("i"))), _total("sum_decimal", "sum", "d", sum(_known("d"))),
    _total("mean_whole", "mean", "j", statistics.fmean(_known("j"))),
    _total("min_float", "min", "f", None), _total("max_float_is_nan", "max", "f", None),
    _total("max_text", "max", "s", max(_known("s"), key=str.encode), min=""),
    _total("min_date", "min", "day", "1950-06-01", min="1900-01-01"),
    _total("median", "median", "j", statistics.median(_known("j"))),
    _total("stddev", "stddev", "j", statistics.stdev(_known("j"))),
    _total("count", "count", "s", len(_known("s"))),
    _total("distinct_float", "distinct", "f", len({key(v) for v in _known("f")})),
    _total("distinct_text", "distinct", "s", len(set(_known("s")))),
    _total("null_rate", "null_rate", "s", 1 - len(_known("s")) / COUNT),
    _total("count_of_nothing", "count", "none", 0),
    Case("row_count", {"check": {"kind": "row_count", "min": COUNT, "max": COUNT}}, [], value=COUNT),
    Case("row_count_filtered", {"check": {"kind": "row_count", "min": 1}, "filter": "b"}, [],
         value=sum(r["b"] is True for r in ROWS)),
    Case("freshness", {"check": {"kind": "freshness", "column": "z", "within": "30d"}}, [], broken=True),
    Case("aggregate_equals", {"check": {"kind": "aggregate_equals", "function": "count", "column": "k", "other": "u"}},
         [], value=len(_known("k")), broken=True),
]  # fmt: skip

CASES = [*ROW_CASES, *WHERE_CASES, *SET_CASES, *TOTAL_CASES]
BY_ID = {case.id: case for case in CASES}

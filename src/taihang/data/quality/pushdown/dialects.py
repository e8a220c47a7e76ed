"""Dialects: the words in which each engine says what DuckDB says.

Each phrase is a template in the engine's own SQL, read once by SQLGlot; operands are put in as trees,
never as text. What has no phrase here is refused, not guessed.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import sqlglot
from sqlglot import exp

from taihang.data.quality.pushdown import trees
from taihang.rules import pattern

# Characters that DuckDB's trim takes for spaces: the separators of Unicode.
SPACES = "\u0020\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"


@dataclasses.dataclass(frozen=True)
class Dialect:
    """One engine's words. `phrases` are templates over _a_, _b_, _c_; `types` spell DuckDB's type names.

    `orders_nan`: NaN equals itself and is above all numbers, as in DuckDB. `collate` is put after
    texts that are ordered. `zeros`: both zeros and all NaN are one key as they are.
    """

    name: str
    sql: str
    flavour: pattern.Flavour
    types: Mapping[str, str]
    phrases: Mapping[str, str]
    orders_nan: bool = True
    one_zero: bool = True

    def phrase(self, name: str, *operands: trees.Tree) -> trees.Tree | None:
        """A phrase with its operands, or None when this engine has none."""
        template = self.phrases.get(name)
        if template is None:
            return None
        return fill(template, self.sql, operands)

    def render(self, tree: trees.Tree) -> str:
        """The tree as this engine's SQL."""
        return str(tree.sql(dialect=self.sql, comments=False))


def fill(template: str, dialect: str, operands: tuple[trees.Tree, ...]) -> trees.Tree:
    """A template with trees put in for _a_, _b_, _c_ …"""
    holder = exp.Paren(this=_read(template, dialect).copy())
    for column in list(holder.find_all(exp.Column)):
        name = column.name
        if len(name) == 3 and name[0] == name[2] == "_":
            operand = operands[ord(name[1]) - ord("a")].copy()
            column.replace(operand if isinstance(operand, _TIGHT) else exp.Paren(this=operand))
    return holder


_TIGHT = (exp.Column, exp.Literal, exp.Paren, exp.Anonymous, exp.Cast, exp.Boolean, exp.Null)


@functools.cache
def _read(template: str, dialect: str) -> trees.Tree:
    return sqlglot.parse_one(template, dialect=dialect)


_COMMON = {
    "isnan": "isnan(_a_)", "length": "char_length(_a_)", "left": "left(_a_, _b_)", "right": "right(_a_, _b_)",
    "contains": "strpos(_a_, _b_) > 0", "replace": "replace(_a_, _b_, _c_)", "abs": "abs(_a_)",
    "greatest": "greatest(_a_, _b_)", "least": "least(_a_, _b_)",
    "year": "extract(year FROM _a_)", "month": "extract(month FROM _a_)", "day": "extract(day FROM _a_)",
    "hour": "extract(hour FROM _a_)", "minute": "extract(minute FROM _a_)", "quarter": "extract(quarter FROM _a_)",
}  # fmt: skip

POSTGRESQL = Dialect(
    "postgresql",
    "postgres",
    "postgresql",
    {
        "BOOLEAN": "BOOLEAN", "TINYINT": "SMALLINT", "SMALLINT": "SMALLINT", "INTEGER": "INT", "BIGINT": "BIGINT",
        "HUGEINT": "NUMERIC", "FLOAT": "REAL", "DOUBLE": "DOUBLE PRECISION", "VARCHAR": "TEXT", "DATE": "DATE",
        "TIME": "TIME", "TIMESTAMP": "TIMESTAMP", "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ", "DECIMAL": "NUMERIC",
    },
    {
        **_COMMON,
        "isnan": "_a_ = 'NaN'", "octets": "octet_length(_a_)", "like": "_a_ COLLATE \"C\" LIKE _b_ ESCAPE ''",
        # NaN is above all numbers; two comparisons cost less than a list of three.
        "isfinite": "_a_ BETWEEN CAST('-1.7976931348623157e308' AS DOUBLE PRECISION) "
        "AND CAST('1.7976931348623157e308' AS DOUBLE PRECISION)",
        "isinf": "_a_ IN ('Infinity', '-Infinity')", "matches": "_a_ ~ _b_", "ordered": '_a_ COLLATE "C"',
        "strpos": "strpos(_a_, _b_)", "substring": "substring(_a_, _b_, _c_)", "substring_from": "substring(_a_, _b_)",
        "starts_with": "starts_with(_a_, _b_)", "ends_with": "right(_a_, char_length(_b_)) = _b_",
        "lower": 'lower(_a_ COLLATE "und-x-icu")', "upper": 'upper(_a_ COLLATE "und-x-icu")',
        "trim": "btrim(_a_, _b_)", "intdiv": "_a_ / _b_", "mod": "_a_ % _b_",
        "divide": "CASE WHEN _b_ = 0 THEN CASE WHEN _a_ IS NULL THEN NULL WHEN _a_ = 0 OR _a_ = 'NaN' THEN "
        "CAST('NaN' AS DOUBLE PRECISION) WHEN (_a_ > 0) = (CAST(_b_ AS TEXT) <> '-0') THEN "
        "CAST('Infinity' AS DOUBLE PRECISION) ELSE CAST('-Infinity' AS DOUBLE PRECISION) END ELSE _a_ / _b_ END",
        "isodow": "extract(isodow FROM _a_)", "dayofyear": "extract(doy FROM _a_)",
        "median": "percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(_a_ AS DOUBLE PRECISION))",
        "stddev": "CAST(stddev_samp(_a_) AS DOUBLE PRECISION)",
        "sum_whole": "CAST(sum(_a_) AS NUMERIC)", "sum": "sum(_a_)", "distinct": "count(DISTINCT _a_)",
        "mean": "avg(CAST(_a_ AS DOUBLE PRECISION))", "min": "min(_a_)", "max": "max(_a_)", "count": "count(_a_)",
        "mean_exact": "CAST(avg(_a_) AS DOUBLE PRECISION)",
    },
)  # fmt: skip

SPARK = Dialect(
    "spark",
    "spark",
    "java",
    {
        "BOOLEAN": "BOOLEAN", "TINYINT": "TINYINT", "SMALLINT": "SMALLINT", "INTEGER": "INT", "BIGINT": "BIGINT",
        "HUGEINT": "DECIMAL(38, 0)", "UTINYINT": "INT", "USMALLINT": "INT", "UINTEGER": "BIGINT",
        "UBIGINT": "DECIMAL(20, 0)", "FLOAT": "FLOAT", "DOUBLE": "DOUBLE", "VARCHAR": "STRING", "DATE": "DATE",
        "TIMESTAMP": "TIMESTAMP_NTZ", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP", "DECIMAL": "DECIMAL",
    },
    {
        **_COMMON,
        "isfinite": "NOT isnan(_a_) AND abs(_a_) <> CAST('Infinity' AS DOUBLE)",
        "isinf": "abs(_a_) = CAST('Infinity' AS DOUBLE)", "matches": "regexp_like(_a_, _b_)",
        "strpos": "instr(_a_, _b_)", "substring": "substring(_a_, _b_, _c_)", "substring_from": "substring(_a_, _b_)",
        "contains": "contains(_a_, _b_)", "starts_with": "startswith(_a_, _b_)", "ends_with": "endswith(_a_, _b_)",
        "lower": "lower(_a_)", "upper": "upper(_a_)", "trim": "btrim(_a_, _b_)", "intdiv": "_a_ DIV _b_",
        "mod": "_a_ % _b_",
        "divide": "CASE WHEN _b_ = 0 THEN CASE WHEN _a_ IS NULL THEN NULL WHEN _a_ = 0 OR isnan(_a_) THEN "
        "CAST('NaN' AS DOUBLE) WHEN (_a_ > 0) = (CAST(_b_ AS STRING) <> '-0.0') THEN CAST('Infinity' AS DOUBLE) "
        "ELSE CAST('-Infinity' AS DOUBLE) END ELSE _a_ / _b_ END",
        "isodow": "extract(DAYOFWEEK_ISO FROM _a_)", "dayofyear": "extract(DOY FROM _a_)",
        "median": "percentile(CAST(_a_ AS DOUBLE), 0.5)", "stddev": "stddev_samp(_a_)",
        "sum_whole": "sum(CAST(_a_ AS DECIMAL(20, 0)))", "sum": "sum(_a_)", "distinct": "count(DISTINCT _a_)",
        "mean": "avg(CAST(_a_ AS DOUBLE))", "min": "min(_a_)", "max": "max(_a_)", "count": "count(_a_)",
        "mean_exact": "CAST(sum(CAST(_a_ AS DECIMAL(20, 0))) AS DOUBLE) / count(_a_)",
    },
)  # fmt: skip

CLICKHOUSE = Dialect(
    "clickhouse",
    "clickhouse",
    "re2",
    {
        "BOOLEAN": "toBool(_a_)", "TINYINT": "toInt8(_a_)", "SMALLINT": "toInt16(_a_)", "INTEGER": "toInt32(_a_)",
        "BIGINT": "toInt64(_a_)", "HUGEINT": "toInt256(_a_)", "UTINYINT": "toUInt8(_a_)",
        "USMALLINT": "toUInt16(_a_)", "UINTEGER": "toUInt32(_a_)", "UBIGINT": "toUInt64(_a_)",
        "FLOAT": "toFloat32(_a_)", "DOUBLE": "toFloat64(_a_)", "VARCHAR": "toString(_a_)", "DATE": "toDate32(_a_)",
        "TIMESTAMP": "toDateTime64(_a_, 6, 'UTC')", "TIMESTAMP WITH TIME ZONE": "toDateTime64(_a_, 6, 'UTC')",
        "DECIMAL": "toDecimal256(_a_, _b_)",
    },
    {
        "isnan": "isNaN(_a_)", "isfinite": "isFinite(_a_)", "isinf": "isInfinite(_a_)", "matches": "match(_a_, _b_)",
        "length": "lengthUTF8(_a_)", "left": "leftUTF8(_a_, _b_)", "right": "rightUTF8(_a_, _b_)",
        "strpos": "positionUTF8(_a_, _b_)", "substring": "substringUTF8(_a_, _b_, _c_)",
        "substring_from": "substringUTF8(_a_, _b_)", "contains": "position(_a_, _b_) > 0",
        "starts_with": "startsWith(_a_, _b_)", "ends_with": "endsWith(_a_, _b_)", "lower": "lowerUTF8(_a_)",
        "upper": "upperUTF8(_a_)", "replace": "replaceAll(_a_, _b_, _c_)",
        "trim": "replaceRegexpAll(_a_, _b_, '')", "intdiv": "intDiv(_a_, _b_)", "mod": "modulo(_a_, _b_)",
        "divide": "_a_ / _b_", "abs": "abs(_a_)",
        "year": "toYear(_a_)", "month": "toMonth(_a_)", "day": "toDayOfMonth(_a_)", "hour": "toHour(_a_)",
        "minute": "toMinute(_a_)", "quarter": "toQuarter(_a_)", "isodow": "toDayOfWeek(_a_)",
        "dayofyear": "toDayOfYear(_a_)",
        "median": "quantileExactInclusiveOrNull(0.5)(toFloat64(_a_))", "stddev": "stddevSampStableOrNull(_a_)",
        "sum_whole": "sumOrNull(toInt256(_a_))", "sum": "sumOrNull(_a_)", "distinct": "uniqExact(_a_)",
        "mean": "avgOrNull(toFloat64(_a_))", "min": "minOrNull(_a_)", "max": "maxOrNull(_a_)", "count": "count(_a_)",
        "mean_exact": "toFloat64(sumOrNull(toInt256(_a_))) / nullIf(count(_a_), 0)",
    },
    orders_nan=False,
    one_zero=False,
)  # fmt: skip

TRINO = Dialect(
    "trino",
    "trino",
    "java",
    {
        "BOOLEAN": "BOOLEAN", "TINYINT": "TINYINT", "SMALLINT": "SMALLINT", "INTEGER": "INTEGER", "BIGINT": "BIGINT",
        "HUGEINT": "DECIMAL(38, 0)", "FLOAT": "REAL", "DOUBLE": "DOUBLE", "VARCHAR": "VARCHAR", "DATE": "DATE",
        "TIME": "TIME(6)", "TIMESTAMP": "TIMESTAMP(6)", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP(6) WITH TIME ZONE",
        "DECIMAL": "DECIMAL",
    },
    {
        **_COMMON,
        "isnan": "is_nan(_a_)", "isfinite": "is_finite(_a_)", "isinf": "is_infinite(_a_)", "length": "length(_a_)",
        "matches": "regexp_like(_a_, _b_)", "strpos": "strpos(_a_, _b_)", "substring": "substr(_a_, _b_, _c_)",
        "substring_from": "substr(_a_, _b_)", "left": "substr(_a_, 1, _b_)",
        "right": "substr(_a_, greatest(length(_a_) - _b_ + 1, 1))",
        "starts_with": "starts_with(_a_, _b_)", "ends_with": "substr(_a_, -length(_b_)) = _b_",
        "lower": "lower(_a_)", "upper": "upper(_a_)", "intdiv": "_a_ / _b_", "mod": "_a_ % _b_", "divide": "_a_ / _b_",
        "isodow": "day_of_week(_a_)", "dayofyear": "day_of_year(_a_)", "stddev": "stddev_samp(_a_)",
        "sum_whole": "sum(CAST(_a_ AS DECIMAL(38, 0)))", "sum": "sum(_a_)", "distinct": "count(DISTINCT _a_)",
        "mean": "avg(CAST(_a_ AS DOUBLE))", "min": "min(_a_)", "max": "max(_a_)", "count": "count(_a_)",
        "mean_exact": "CAST(sum(CAST(_a_ AS DECIMAL(38, 0))) AS DOUBLE) / count(_a_)",
    },
    orders_nan=False,
    one_zero=False,
)  # fmt: skip

ALL = {d.name: d for d in (POSTGRESQL, SPARK, CLICKHOUSE, TRINO)}

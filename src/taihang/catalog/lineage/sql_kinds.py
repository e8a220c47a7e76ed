"""The kinds of SQL that lineage follows: what is not on the list is refused, not guessed at."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from taihang.core import errors

_STRUCTURE: frozenset[type[exp.Expr]] = frozenset(
    {
        *(exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit),
        *(exp.Offset, exp.Distinct, exp.With, exp.CTE, exp.Subquery, exp.Table, exp.TableAlias, exp.Alias),
        *(exp.Column, exp.Identifier, exp.Star, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Tuple),
        *(exp.Union, exp.Except, exp.Intersect, exp.Window, exp.WindowSpec, exp.Qualify, exp.Fetch, exp.Var),
        *(exp.DataType, exp.DataTypeParam, exp.Interval, exp.Filter, exp.WithinGroup, exp.Cube, exp.Rollup),
        *(exp.GroupingSets, exp.Placeholder),
    }
)
_OPERATORS: frozenset[type[exp.Expr]] = frozenset(
    {
        *(exp.And, exp.Or, exp.Not, exp.Xor, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ),
        *(exp.NullSafeNEQ, exp.Is, exp.Between, exp.In, exp.Exists, exp.Like, exp.ILike, exp.Escape, exp.RegexpLike),
        *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe, exp.Case, exp.If, exp.Any),
        *(exp.All, exp.Cast, exp.TryCast, exp.Collate, exp.AtTimeZone, exp.SimilarTo),
    }
)
_FUNCTIONS: frozenset[type[exp.Expr]] = frozenset(
    {
        *(exp.Abs, exp.Round, exp.Floor, exp.Ceil, exp.Trunc, exp.Sign, exp.Sqrt, exp.Ln, exp.Log, exp.Exp, exp.Pow),
        *(exp.Greatest, exp.Least, exp.Coalesce, exp.Nullif, exp.IsNan, exp.IsInf),
        *(exp.Lower, exp.Upper, exp.Length, exp.Trim, exp.Substring, exp.Left, exp.Right, exp.StartsWith),
        *(exp.EndsWith, exp.Contains, exp.StrPosition, exp.Replace, exp.Concat, exp.ConcatWs, exp.Pad, exp.Initcap),
        *(exp.RegexpReplace, exp.RegexpExtract, exp.Split, exp.SplitPart, exp.Repeat, exp.Reverse),
        *(exp.MD5, exp.SHA, exp.SHA2),
        *(exp.Year, exp.Month, exp.Day, exp.Hour, exp.Minute, exp.Second, exp.Week, exp.Quarter, exp.DayOfWeek),
        *(exp.DayOfYear, exp.DayOfWeekIso, exp.Extract, exp.DateDiff, exp.DateAdd, exp.DateSub, exp.DateTrunc),
        *(exp.TimestampTrunc, exp.TimeToUnix, exp.UnixToTime, exp.DateFromParts, exp.StrToTime, exp.TimeToStr),
        *(exp.StrToDate, exp.TsOrDsToDate, exp.ToChar, exp.Date, exp.CurrentDate, exp.CurrentTimestamp),
        *(exp.Count, exp.CountIf, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.Stddev, exp.StddevSamp),
        *(exp.StddevPop, exp.Variance, exp.VariancePop, exp.ArgMin, exp.ArgMax, exp.LogicalAnd, exp.LogicalOr),
        *(exp.GroupConcat, exp.ArrayAgg, exp.Quantile, exp.PercentileCont, exp.PercentileDisc, exp.AnyValue),
        *(exp.ApproxDistinct, exp.First, exp.Last, exp.Corr),
        *(exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead),
        *(exp.FirstValue, exp.LastValue, exp.NthValue),
    }
)
_KNOWN = _STRUCTURE | _OPERATORS | _FUNCTIONS


def check(query: exp.Expr, nodes: Iterable[exp.Expr], dialect: str) -> None:
    """Raise errors.UserError at the first node that is not followed."""
    for node in nodes:
        if type(node) not in _KNOWN:
            raise errors.UserError("catalog:sql.kind", what=_told(node, dialect))
        if isinstance(node, exp.With) and (node.args.get("recursive") or node.parent is not query):
            raise errors.UserError("catalog:sql.kind", what="WITH RECURSIVE / (WITH …)")
        if isinstance(node, exp.Select) and (node.args.get("into") or node.args.get("laterals")):
            raise errors.UserError("catalog:sql.kind", what="INTO / LATERAL")
        if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
            raise errors.UserError("catalog:sql.kind", what=_told(node.this, dialect))
        if isinstance(node, exp.Column) and node.args.get("db"):
            raise errors.UserError("catalog:sql.kind", what=_told(node, dialect))


def _told(node: exp.Expr, dialect: str) -> str:
    if isinstance(node, exp.Anonymous):
        return f"{node.name}()"
    if isinstance(node, exp.Func):
        return f"{node.sql_name()}()"
    return (
        (node.key or type(node).__name__).upper()[:60] if not isinstance(node, exp.Column) else node.sql(dialect)[:60]
    )

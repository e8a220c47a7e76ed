"""Every kind, with rows that break it, rows that keep it, and rows that it cannot judge."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from taihang.core import errors
from taihang.data.quality import assessment
from taihang.rules import kinds
from tests.data.quality import books

NAN, INF = math.nan, math.inf
DAY = datetime.date

# kind with its fields; values; positions of the bad ones.
ROW_KINDS: list[tuple[dict[str, Any], list[Any], list[int]]] = [
    ({"kind": "not_null"}, [1, None, 3], [1]),
    ({"kind": "not_blank"}, ["a", None, "", " ", "\u3000\t", " b "], [1, 2, 3, 4]),
    ({"kind": "in_set", "values": ["a", "b'"]}, ["a", "b'", "c", None], [2]),
    ({"kind": "in_set", "values": [1, -2]}, [1, -2, 3, None], [2]),
    ({"kind": "not_in_set", "values": ["x"]}, ["a", "x", None], [1]),
    ({"kind": "range", "min": -1, "max": 2}, [-1.5, -1.0, 2.0, 2.1, NAN, INF, None], [0, 3, 4, 5]),
    ({"kind": "range", "min": 0, "strict": True}, [0, 1, None], [0]),
    ({"kind": "range", "max": "2026-01-31"}, [DAY(2026, 1, 31), DAY(2026, 2, 1), None], [1]),
    ({"kind": "length", "min": 2, "max": 3}, ["a", "太行", "abc", "abcd", None], [0, 3]),
    ({"kind": "regex", "pattern": "[a-z]+\\d"}, ["ab1", "ab", "xab1x", None], [1, 2]),
    ({"kind": "regex", "pattern": "b1", "anywhere": True}, ["ab1", "ab", None], [1]),
    ({"kind": "castable", "type": "DATE"}, ["2026-02-28", "2026-02-30", "x", None], [1, 2]),
    ({"kind": "castable", "type": "BIGINT"}, ["12", "1e400", "", None], [1, 2]),
    ({"kind": "finite"}, [1.0, NAN, INF, -INF, None], [1, 2, 3]),
    ({"kind": "semantic", "is": "email"}, ["a.b@c.cn", "a@b", "a..b@c.cn", "@c.cn", None], [1, 2, 3]),
    ({"kind": "semantic", "is": "mobile"}, ["13812345678", "+86 138-1234-5678", "12812345678", None], [2]),
    ({"kind": "semantic", "is": "url"}, ["https://a.cn/x", "ftp://a", "a.cn", None], [2]),
    ({"kind": "semantic", "is": "plate"}, ["京A12345", "京AD12345", "京I12345", None], [2]),
    ({"kind": "semantic", "is": "ipv4"}, ["1.2.3.255", "1.2.3.256", "1.2.3", None], [1, 2]),
    ({"kind": "semantic", "is": "uuid"}, ["123e4567-e89b-12d3-a456-426614174000", "123e4567", None], [1]),
    ({"kind": "semantic", "is": "id-card"},
     ["11010519491231002X", "11010519491231002x", "110105194912310021", "11010519490231002X", "99010519491231002X",
      "1101051949123100", "", None], [2, 3, 4, 5, 6]),
    ({"kind": "semantic", "is": "credit-code"},
     ["91350100M000100Y43", "91350100M000100Y44", "91350100m000100Y43", "", None], [1, 2, 3]),
    ({"kind": "semantic", "is": "bank-card"},
     ["4111111111111111", "6222021234567890", "4111111111111112", "5555555555554444", "4111-1111", None], [1, 2, 4]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "values", "bad"), ROW_KINDS, ids=lambda v: str(v.get("is", v["kind"])) if isinstance(v, dict) else ""
)
def test_a_row_kind(tmp_path: Path, check: dict[str, Any], values: list[Any], bad: list[int]) -> None:
    table = pa.table({"c": pa.array(values)})
    found = books.assessed(tmp_path, {"check": {**check, "column": "c"}}, t=table)
    assert books.rows(found) == [bad]
    assert found.outcomes[0].broken
    good = table.filter(pa.array([n not in bad for n in range(len(values))]))
    assert not books.assessed(tmp_path, {"check": {**check, "column": "c"}}, t=good).outcomes[0].broken


def test_dates_come_in_order(tmp_path: Path) -> None:
    table = pa.table({"a": [DAY(2026, 1, 1), DAY(2026, 1, 2), None], "b": [DAY(2026, 1, 1)] * 3})
    loose, strict = ({"check": {"kind": "date_order", "first": "a", "then": "b", "strict": s}} for s in (False, True))
    assert books.rows(books.assessed(tmp_path, loose, strict, t=table)) == [[1], [0, 1]]


# A set kind with the tables that keep it, and those that break it with the bad rows.
T = pa.table({"k": [1, 2, 2, None, None], "v": ["a", "b", "c", "d", None], "x": [1.5, 2.5, 3.0, NAN, None]})
CLEAN = pa.table({"k": [1, 2, 3], "v": ["a", "b", "b"], "x": [1.5, 2.5, 3.0]})
U = pa.table({"k": [1, 3, 4], "v": ["a", "b", "z"], "n": [1, 2, 2]})
SET_KINDS: list[tuple[dict[str, Any], list[int]]] = [
    ({"kind": "unique", "columns": ["k"]}, [1, 2]),
    ({"kind": "foreign_key", "columns": ["v"], "other": "u"}, [2, 3]),
    ({"kind": "functional_dependency", "columns": ["k"], "dependent": "v"}, [1, 2]),
    ({"kind": "row_count", "max": 3}, []),
    ({"kind": "aggregate", "function": "distinct", "column": "v", "max": 3}, []),
    ({"kind": "aggregate", "function": "mean", "column": "x", "max": 100}, []),
    ({"kind": "aggregate", "function": "null_rate", "column": "k", "max": 0.1}, []),
    ({"kind": "aggregate_equals", "function": "sum", "column": "k", "other": "o"}, []),
    ({"kind": "reconcile", "keys": ["k"], "other": "o", "columns": ["v"]}, [2]),
]


@pytest.mark.parametrize(("check", "bad"), SET_KINDS, ids=[c["kind"] for c, _ in SET_KINDS])
def test_a_set_kind(tmp_path: Path, check: dict[str, Any], bad: list[int]) -> None:
    u, o = pa.table({"v": ["a", "b"]}), pa.table({"k": [1, 2, 3], "v": ["a", "b", "b"]})
    broken = books.assessed(tmp_path, {"check": check}, t=T, u=u, o=o)
    assert books.rows(broken) == [bad]
    assert broken.outcomes[0].broken
    assert not books.assessed(tmp_path, {"check": check}, t=CLEAN, u=u, o=o).outcomes[0].broken


def test_what_is_fresh_is_measured_at_a_given_moment(tmp_path: Path) -> None:
    table = pa.table({"at": pa.array([datetime.datetime(2026, 1, 1), None], pa.timestamp("us"))})
    book = books.book({"check": {"kind": "freshness", "column": "at", "within": "1d"}})
    for hour, broken in ((23, False), (25, True)):
        as_of = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(hours=hour)
        found = assessment.assess(book, books.targets(tmp_path, t=table), as_of=as_of)
        assert found.outcomes[0].broken is broken


def test_every_kind_has_its_example_here() -> None:
    elsewhere = {"date_order", "freshness", "change", "similar", "anonymity"}  # test_boards, test_standards
    told = {c["kind"] for c, *_ in (*ROW_KINDS, *SET_KINDS)} | elsewhere
    named = {kind.model_fields["kind"].annotation.__args__[0]
             for kind in (*kinds.RowKind.__args__, *kinds.SetKind.__args__)}  # fmt: skip
    assert told == named


def test_some_bad_rows_may_be_tolerated_and_a_filter_leaves_rows_out(tmp_path: Path) -> None:
    table = pa.table({"c": [1, 2, 3, None, None], "on": [True, True, False, True, False]})
    check = {"kind": "range", "column": "c", "max": 1}
    found = books.assessed(
        tmp_path,
        {"check": check, "tolerate": {"count": 2}},
        {"check": check, "tolerate": {"count": 1}},
        {"check": check, "tolerate": {"rate": 0.5}, "filter": '"on"'},
        {"check": check, "tolerate": {"rate": 0.49}, "filter": '"on"'},
        t=table,
    )
    assert [(o.judged, o.rows.tolist(), o.broken) for o in found.outcomes] == [
        (3, [1, 2], False), (3, [1, 2], True), (2, [1], False), (2, [1], True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"check": {"kind": "not_null", "column": "nope"}}, "nope"),
        ({"check": {"kind": "unique", "columns": ["nope"]}}, "nope"),
        ({"check": {"kind": "foreign_key", "columns": ["k"], "other": "u", "other_columns": ["nope"]}}, "nope"),
        ({"check": {"kind": "foreign_key", "columns": ["k"], "other": "gone"}}, "gone"),
        ({"check": {"kind": "finite", "column": "v"}}, "isfinite"),
        ({"check": {"kind": "aggregate", "function": "mean", "column": "v", "min": 0}}, "avg"),
        ({"check": {"kind": "reconcile", "keys": ["n"], "other": "u", "columns": ["n"]}}, "r0"),
        ({"check": {"kind": "range", "column": "v", "min": 1}}, ""),
        ({"table": "gone", "check": {"kind": "row_count", "min": 1}}, "gone"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_run_is_an_error(tmp_path: Path, rule: dict[str, Any], says: str) -> None:
    table = T.append_column("n", pa.array([1, 2, 3, 4, 5]))
    with pytest.raises(errors.UserError) as caught:
        books.assessed(tmp_path, rule, t=table, u=U)
    assert says in str(caught.value)
    assert "<text>:1:" in str(caught.value)


def test_names_are_never_sql(tmp_path: Path) -> None:
    name = 'a"; DROP TABLE t; --'
    found = books.assessed(
        tmp_path,
        {"check": {"kind": "not_null", "column": name}},
        {"check": {"kind": "unique", "columns": [name]}},
        {"check": {"kind": "in_set", "column": name, "values": ["1'); DROP TABLE t; --", "2"]}},
        t=pa.table({name: pa.array(["1", "1", None])}),
    )
    assert books.rows(found) == [[2], [0, 1], [0, 1]]


def test_an_empty_table_is_not_judged_and_its_row_count_is(tmp_path: Path) -> None:
    table = pa.table({"c": pa.array([], pa.string())})
    found = books.assessed(
        tmp_path,
        {"check": {"kind": "not_null", "column": "c"}},
        {"check": {"kind": "unique", "columns": ["c"]}},
        {"check": {"kind": "row_count", "min": 1}},
        t=table,
    )
    assert [(o.judged, o.broken) for o in found.outcomes] == [(0, False), (0, False), (1, True)]

"""The planned scan against every rule by itself, row by row, in plain Python."""

from __future__ import annotations

import math
import operator
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors
from taihang.rules import judge, table
from tests.rules import books

COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "<>": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "a": st.none() | st.integers(-3, 3),
            "b": st.none() | st.integers(-3, 3),
            "x": st.none() | st.sampled_from([-1.5, 0.0, 0.5, math.nan, math.inf]),
            "s": st.none() | st.sampled_from(["", "a", "ab", "AB", "危险"]),
            "f": st.none() | st.booleans(),
        }
    ),
    max_size=40,
)
SCHEMA = pa.schema([("a", pa.int64()), ("b", pa.int32()), ("x", pa.float64()), ("s", pa.string()), ("f", pa.bool_())])

Node = tuple[Any, ...]


@st.composite
def _leaf(draw: st.DrawFn) -> Node:
    kind = draw(st.sampled_from(["compare", "column", "in", "between", "like", "null", "flag"]))
    if kind == "compare":
        return kind, draw(st.sampled_from(sorted(COMPARE))), draw(st.sampled_from("ab")), draw(st.integers(-3, 3))
    if kind == "column":
        return kind, draw(st.sampled_from(sorted(COMPARE)))
    if kind == "in":
        return kind, draw(st.sampled_from("ab")), draw(st.lists(st.integers(-3, 3), min_size=1, max_size=3))
    if kind == "between":
        return kind, draw(st.sampled_from("ab")), draw(st.integers(-3, 0)), draw(st.integers(0, 3))
    if kind == "like":
        return kind, draw(st.sampled_from(["a", "^A", "危", "b$"]))
    return (kind, draw(st.sampled_from("abxsf"))) if kind == "null" else (kind,)


NODES = st.recursive(
    _leaf(),
    lambda inner: (
        st.tuples(st.just("not"), inner)
        | st.tuples(st.sampled_from(["and", "or"]), inner, inner)
        | st.tuples(st.just("case"), inner, inner, inner)
    ),
    max_leaves=6,
)


def sql(node: Node) -> str:  # noqa: PLR0911
    match node:
        case ("compare", op, column, value):
            return f"{column} {op} {value}"
        case ("column", op):
            return f"a {op} b"
        case ("in", column, values):
            return f"{column} IN ({', '.join(map(str, values))})"
        case ("between", column, low, high):
            return f"{column} BETWEEN {low} AND {high}"
        case ("like", pattern):
            return f"regexp_matches(s, '{pattern}')"
        case ("null", column):
            return f"{column} IS NULL"
        case ("flag",):
            return "f"
        case ("not", one):
            return f"NOT ({sql(one)})"
        case (("and" | "or") as kind, one, other):
            return f"({sql(one)}) {kind.upper()} ({sql(other)})"
        case ("case", when, one, other):
            return f"CASE WHEN {sql(when)} THEN {sql(one)} ELSE {sql(other)} END"
    raise AssertionError(node)


def truth(node: Node, row: dict[str, Any]) -> bool | None:  # noqa: PLR0911  # noqa: PLR0911
    """SQL's three values, by definition."""
    match node:
        case ("compare", op, column, value):
            return None if row[column] is None else COMPARE[op](row[column], value)
        case ("column", op):
            return None if row["a"] is None or row["b"] is None else COMPARE[op](row["a"], row["b"])
        case ("in", column, values):
            return None if row[column] is None else row[column] in values
        case ("between", column, low, high):
            return None if row[column] is None else low <= row[column] <= high
        case ("like", pattern):
            return None if row["s"] is None else re.search(pattern, row["s"]) is not None
        case ("null", column):
            return row[column] is None
        case ("flag",):
            return row["f"]
        case ("not", one):
            value = truth(one, row)
            return None if value is None else not value
        case ("and", one, other):
            values = {truth(one, row), truth(other, row)}
            return False if False in values else None if None in values else True
        case ("or", one, other):
            values = {truth(one, row), truth(other, row)}
            return True if True in values else None if None in values else False
        case ("case", when, one, other):
            return truth(one if truth(when, row) else other, row)
    raise AssertionError(node)


@settings(max_examples=120, deadline=None)
@given(rows=ROWS, nodes=st.lists(st.tuples(NODES, st.none() | NODES), min_size=1, max_size=5))
def test_one_scan_says_what_each_rule_says_of_each_row(rows: list[dict[str, Any]], nodes: list[Any]) -> None:
    rules = [
        books.rule(id=f"r{n}", where=sql(where), **({"filter": sql(only)} if only else {}))
        for n, (where, only) in enumerate(nodes)
    ]
    found = books.judged(pa.Table.from_pylist(rows, schema=SCHEMA), *rules)
    for n, (where, only) in enumerate(nodes):
        through = [k for k, row in enumerate(rows) if only is None or truth(only, row) is True]
        violating = [k for k in through if truth(where, rows[k]) is True]
        unknown = [k for k in through if truth(where, rows[k]) is None]
        if len(through) == len(unknown):
            assert f"r{n}" in {one.rule for one in found.not_judged}
            continue
        counts = found.counts[f"r{n}"]
        assert found.rows[f"r{n}"].tolist() == violating
        assert (counts.rows, counts.violated, counts.unknown) == (len(rows), len(violating), len(unknown))
        assert counts.judged == len(through) - len(unknown)
        told = [f for f in found.findings if f.rule.id == f"r{n}"]
        assert [f.evidence[0].rows for f in told if f.evidence[0].kind == "rows"] == (
            [tuple(violating)] if violating else []
        )
        assert (f"r{n}" in found.passed) == (not violating)


def test_more_rules_than_bits_of_a_word() -> None:
    data = pa.table({"a": pa.array(range(300))})
    rules = [books.rule(id=f"r{n}", where=f"a = {n}", filter="a < 250") for n in range(300)]
    found = books.judged(data, *rules)
    assert {n: rows.tolist() for n, rows in found.rows.items()} == {f"r{n}": [n] if n < 250 else [] for n in range(300)}
    assert {c.judged for c in found.counts.values()} == {250}


def test_rows_are_known_across_batches_and_chunks() -> None:
    count = 400_000
    values = np.arange(count) % 1000
    parts = [pa.array(values[a : a + 70_001]) for a in range(0, count, 70_001)]
    found = books.judged(pa.table({"a": pa.chunked_array(parts)}), books.rule(where="a = 999"))
    assert found.rows["r"].tolist() == list(range(999, count, 1000))


def test_one_finding_each_for_rows_and_groups_with_all_rows_of_the_rest() -> None:
    data = table.Table(pa.table({"k": [n // 2 for n in range(5000)], "v": [True] * 5000}), keys=("k",))
    by_row = books.judged(data, books.rule(per="row"))
    assert len(by_row.findings) == 1001
    assert by_row.counts["r"].findings == 5000
    assert by_row.findings[3].place.keys == {"k": 1, "row": 3}
    last = by_row.findings[-1].evidence[0]
    assert last.kind == "rows"
    assert last.total == 4000
    assert len({f.id for f in by_row.findings}) == 1001
    by_group = books.judged(data, books.rule(per="group", message={"zh": "{k}", "en": "{k}"}))
    assert by_group.counts["r"].groups_violated == 2500
    assert by_group.findings[7].message.en == "7"
    assert by_group.findings[-1].message.en == "1500 more"


def test_a_row_that_cannot_be_computed_is_an_error_that_names_its_rule() -> None:
    data = pa.table({"s": ["1", "x"]})
    good = books.rule(id="good", where="s = '1'")
    with pytest.raises(errors.UserError, match=r"b\.rules\.yaml:1:\d+: .*Could not convert string 'x'"):
        books.judged(data, good, books.rule(where="cast(s as int) > 0"))
    assert books.judged(data, good, books.rule(where="try_cast(s as int) > 0")).rows["r"].tolist() == [0]


def test_the_digest_of_rows_is_that_of_their_values() -> None:
    whole = pa.table({"a": [1, 2, 3, 4], "s": ["x", None, "yy", "z"]})
    chunked = pa.concat_tables([whole.slice(0, 1), whole.slice(1, 2), whole.slice(3, 1)])
    assert table.digest(whole) == table.digest(chunked)
    assert table.digest(whole.slice(1, 2)) == table.digest(pa.table({"a": [2, 3], "s": [None, "yy"]}))
    assert table.digest(whole) != table.digest(whole.slice(0, 3))
    described = whole.replace_schema_metadata({"note": "x"})
    assert table.digest(whole) == table.digest(described)


def test_the_same_input_gives_the_same_judgement() -> None:
    data = table.Table(pa.table({"k": ["b", None, "a", "b"], "x": [0.1, 0.2, 0.3, 0.4]}), keys=("k",))
    rule = books.rule(where="x > 0", per="group", measures={"m": "sum(x)"})
    one, two = books.judged(data, rule), books.judged(data, rule)
    assert one.findings == two.findings
    assert [f.place.keys["k"] for f in one.findings] == [None, "a", "b"]
    assert [f.measured["m"] for f in one.findings] == [0.2, 0.3, 0.5]


def test_judging_without_any_rule_or_table() -> None:
    assert judge.judge(books.book(), {}).findings == ()

"""Column lineage from SQL: followed through whatever a steward writes, refused in one line otherwise."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.catalog.lineage import sql
from taihang.core import errors

TABLES = {"orders": ["id", "Shift", "amount"], "s.people": ["id", "姓名", "phone"]}


def told(query: str, dialect: str = "duckdb") -> dict[str, set[str]]:
    return {
        name: {f"{s.table}.{s.column}:{s.effect}" for s in sources}
        for name, sources in sql.derive(query, TABLES, dialect=dialect).columns
    }


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("select id from orders", {"id": {"orders.id:IDENTITY"}}),
        ("select SHIFT as s from orders", {"s": {"orders.Shift:IDENTITY"}}),
        (
            "select amount * 2 + id as x from orders",
            {"x": {"orders.amount:TRANSFORMATION", "orders.id:TRANSFORMATION"}},
        ),
        ("select sum(amount) a from orders group by shift", {"a": {"orders.amount:AGGREGATION"}}),
        ("select p.姓名 n, o.id from orders o join s.people p using (id)", None),
        ("select x + 1 y from (select sum(amount) x from orders) q", {"y": {"orders.amount:AGGREGATION"}}),
        ("with orders as (select * from orders) select id from orders", {"id": {"orders.id:IDENTITY"}}),
        (
            "select id from orders union all select id from s.people",
            {"id": {"orders.id:IDENTITY", "s.people.id:IDENTITY"}},
        ),
        (
            "select case when shift = 'a' then amount else 0 end c from orders",
            {"c": {"orders.Shift:CONDITIONAL", "orders.amount:TRANSFORMATION"}},
        ),
        (
            "select row_number() over (partition by shift order by id) r from orders",
            {"r": {"orders.Shift:WINDOW", "orders.id:WINDOW"}},
        ),
        (
            "select (select max(p.phone) from s.people p where p.id = o.id) m from orders o",
            {"m": {"s.people.phone:AGGREGATION", "s.people.id:FILTER", "orders.id:FILTER"}},
        ),
        ("select 1 one, 'x' two from orders", {"one": set(), "two": set()}),
    ],
)
def test_columns_are_followed(query: str, columns: dict[str, set[str]] | None) -> None:
    found = told(query)
    if columns is not None:
        assert found == columns
    else:
        assert found["n"] == {"s.people.姓名:IDENTITY"}


def test_what_decides_about_all_rows() -> None:
    made = sql.derive(
        "create table x.y as select o.id from orders o join s.people p on o.id = p.id where amount > 3 order by phone",
        TABLES,
    )
    assert made.target == "x.y"
    assert made.tables == ("orders", "s.people")
    assert {(s.table, s.column, s.effect) for s in made.whole} == {
        ("orders", "id", "JOIN"),
        ("s.people", "id", "JOIN"),
        ("orders", "amount", "FILTER"),
        ("s.people", "phone", "SORT"),
    }


def test_a_hash_masks() -> None:
    ((_, (source,)),) = sql.derive("select md5(phone) h from s.people", TABLES).columns
    assert source.masking


@pytest.mark.parametrize("dialect", sql.DIALECTS)
def test_every_dialect(dialect: str) -> None:
    found = told("with a as (select id, amount from orders) select sum(a.amount) as t from a group by a.id", dialect)
    assert found == {"t": {"orders.amount:AGGREGATION"}}


_CHAIN = "with " + ", ".join(
    f"c{i} as (select * from {f'c{i - 1}' if i else 'orders'} x, {f'c{i - 1}' if i else 'orders'} y)" for i in range(30)
)


@pytest.mark.parametrize(
    "query",
    [
        "",
        ";",
        "select 1; select 2",
        "drop table orders",
        "delete from orders",
        "update orders set id = 1",
        "copy orders to '/tmp/x'",
        "attach '/tmp/x.db'",
        "pragma database_list",
        "select * from nowhere",
        "select nothing from orders",
        "select id from orders, s.people",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "select pg_read_file('/etc/passwd') from orders",
        "select load_extension('x') from orders",
        "select getenv('HOME') from orders",
        "select dblink('host=x', 'select 1') from orders",
        "with recursive a as (select 1 union all select * from a) select * from a",
        "select * from orders, lateral (select 1) q",
        "select unnest([1, 2])",
        "select x -> x + 1 from orders",
        "select id into outfile '/tmp/x' from orders",
        "select id from orders where id = (with a as (select 1) select * from a)",
        _CHAIN + " select * from c29",
        "(" * 3000 + "select 1" + ")" * 3000,
        "select " + "+".join(["id"] * 5000) + " from orders",
        "select 1 -- \x00",
        "select '\ud800' from orders",
        "x" * (sql.LONGEST + 1),
    ],
)
def test_what_is_not_followed_is_refused_in_one_line(query: str) -> None:
    with pytest.raises(errors.UserError) as caught:
        sql.derive(query, TABLES)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_dialect_that_is_none() -> None:
    with pytest.raises(errors.UserError, match="dialect"):
        sql.derive("select 1", {}, dialect="duck")


def test_a_chain_of_self_joins_costs_its_length() -> None:
    first = "(select id a from orders)"
    parts = [
        f"c{i} as (select x.a + y.a a from {f'c{i - 1}' if i else first} x, {f'c{i - 1}' if i else first} y)"
        for i in range(60)
    ]
    assert told(f"with {', '.join(parts)} select a from c59") == {"a": {"orders.id:TRANSFORMATION"}}


_WORDS = st.sampled_from(
    re.findall(
        r"\S+",
        "select from where ( ) , * orders s.people id phone 姓名 join on = with as union all 1 'x' case when then else "
        'end count sum over partition by group order having limit ; " ` . exists in not null cast int',
    )
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.lists(_WORDS, max_size=40).map(" ".join), st.text(max_size=200)))
def test_any_text_is_followed_or_refused(query: str) -> None:
    try:
        sql.derive(query, TABLES)
    except errors.UserError as error:
        assert "\n" not in str(error)

"""Conditions: told by a chunk's own values what the database tells."""

import datetime
import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.data.quality import condition_trees, conditions
from taihang.engines import tables

WHOLE = st.none() | st.integers(-3, 3) | st.sampled_from([-(2**31), 2**31 - 1])
FLOATS = st.none() | st.sampled_from([-0.0, 0.0, 0.1, 0.3, 1.0, -1.5, math.inf, -math.inf, math.nan, 1e14])
LETTERS = st.sampled_from([*"ab@. 1\n", "\x00", "字", "é", "😀"])
TEXTS = st.none() | st.lists(LETTERS, max_size=6).map("".join) | st.sampled_from(["a@b.a", "new", "", "a" * 10])
MOMENTS = st.none() | st.datetimes(datetime.datetime(1999, 12, 30), datetime.datetime(2000, 1, 3))
DAYS = st.none() | st.dates(datetime.date(1999, 12, 30), datetime.date(2000, 1, 3))
SCHEMA = pa.schema(
    [("i", pa.int32()), ("j", pa.int32()), ("u", pa.uint8()), ("f", pa.float64()), ("s", pa.string()),
     ("l", pa.large_string()), ("t", pa.timestamp("us")), ("v", pa.timestamp("us")), ("d", pa.date32())]
)  # fmt: skip
COLUMNS = [WHOLE, WHOLE, st.none() | st.integers(0, 255), FLOATS, TEXTS, TEXTS, MOMENTS, MOMENTS, DAYS]
ROWS = st.lists(st.tuples(*COLUMNS), max_size=20)
SIGNS = st.sampled_from(["<", "<=", ">", ">=", "=", "<>"])
NUMBERS = st.sampled_from(["0", "1", "-1", "2147483647", "255"])
PATTERNS = st.sampled_from(
    ["[^@ ]+@[^@ ]+[.][a-z]+", ".", "a.*", "(a|b)+", "[^a]*", r"\s", r"\w+", "^a", "b$", "", "[一-龥]", "a$|b", r"\.",
     r"\x{1F600}", r"[^\x00]+", "(?:ab)?", r"\\\\"]
)  # fmt: skip
LEAVES = st.one_of(
    st.builds('"{}" {} {}'.format, st.sampled_from("ij"), SIGNS, NUMBERS),
    st.builds('"u" {} {}'.format, SIGNS, st.sampled_from(["0", "7", "255"])),
    st.builds('"f" {} {}'.format, SIGNS, st.sampled_from(["0", "0.3", "-1.5", "1", "0.1", "100000000000000"])),
    st.builds('"i" {} "j"'.format, SIGNS),
    st.builds('"t" {} "v"'.format, SIGNS),
    st.builds("\"t\" {} '{}'".format, SIGNS, st.sampled_from(["2000-01-01", "2000-01-01 12:30:00.000001"])),
    st.builds("\"d\" {} '{}'".format, SIGNS, st.sampled_from(["2000-01-01", "1970-01-01"])),
    st.builds('LENGTH(CAST("{}" AS TEXT)) {} {}'.format, st.sampled_from("sl"), SIGNS, st.integers(0, 6)),
    st.builds('"{}" IN ({})'.format, st.sampled_from("sl"), st.sampled_from(["'new', ''", "'字', 'a@b.a'"])),
    st.builds("\"s\" {} 'new'".format, st.sampled_from(["=", "<>"])),
    st.builds('"i" IN ({})'.format, st.sampled_from(["1, 2", "-1", "0, -2147483648"])),
    st.builds('"{}" IS NULL'.format, st.sampled_from("ijfstd")),
    st.just('ISFINITE("f")'),
    st.sampled_from(["TRUE", "FALSE"]),
    st.builds("REGEXP_FULL_MATCH(CAST(\"{}\" AS TEXT), '{}')".format, st.sampled_from("sl"), PATTERNS),
    st.builds("REGEXP_MATCHES(\"{}\", '{}')".format, st.sampled_from("sl"), PATTERNS),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds("({} OR {})".format, inner, inner), st.builds("({} AND {})".format, inner, inner),
        st.builds("(NOT {})".format, inner), st.builds("coalesce({}, FALSE)".format, inner),
    ),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(rows=ROWS, tests=st.lists(TREES, min_size=1, max_size=6), skip=st.integers(0, 3))
def test_the_same_as_the_database(*, rows: list[tuple[object, ...]], tests: list[str], skip: int) -> None:
    arrays = [pa.array([row[n] for row in rows], field.type) for n, field in enumerate(SCHEMA)]
    data = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA).slice(skip)
    made = condition_trees.split(tests, SCHEMA, SCHEMA.names)
    assert set(made.direct) == set(range(len(tests)))
    held = conditions.Held(data)
    with tables.Engine() as engine:
        for n, sql in enumerate(tests):
            with engine.seeing(t=pa.Table.from_batches([data])):
                wanted = engine.table(f"SELECT {sql} AS v FROM t").column("v").to_pylist()
            where, true, unknown = conditions.judge(made.direct[n], held)
            assert (list(range(data.num_rows)) if where is None else where.tolist()) == [
                row for row, v in enumerate(wanted) if v
            ]
            assert (true, unknown) == (sum(v is True for v in wanted), sum(v is None for v in wanted))


@pytest.mark.parametrize(
    "sql",
    [
        '"f" > "f"', '"i" + 1 > 0', '"i" > 0.5', '"i" > 3000000000', '"f" > 1e3', '"f" > 0.12345678901234567',
        "\"t\" > 'yesterday'", "\"t\" > '2000-13-01'", "\"d\" > '2000-01-01 12:00:00'", "\"s\" > 'a'",
        '"i" IN (1, NULL)', "\"s\" IN (\"l\")", "REGEXP_MATCHES(\"s\", '\\bx')", "REGEXP_MATCHES(\"s\", '(?i)xy')",
        "REGEXP_MATCHES(\"s\", '\\p{Lu}')", "REGEXP_MATCHES(CAST(\"i\" AS TEXT), '1')",
        'LENGTH(CAST("i" AS TEXT)) > 1',
        'x."i" > 0', '"z" > \'2000-01-01\'', '"no such column" IS NULL', "lower(\"s\") = 'a'",
    ],
)  # fmt: skip
def test_what_is_left_to_the_database(sql: str) -> None:
    schema = SCHEMA.append(pa.field("z", pa.timestamp("us", "Asia/Shanghai")))
    for test in (sql, f"(NOT {sql})", f'("i" IS NULL OR {sql})'):
        made = condition_trees.split([test], schema, schema.names)
        assert not made.direct
        assert made.sql == {0: test}


def test_lengths_of_texts_cut_inside_a_character() -> None:
    raw = [b"\x80", b"a\xff", b"\xe4\xb8", b"\xe4\xb8\xad", b"\xf0\x9f\x98", b"abc"]
    column = pa.Array.from_buffers(pa.string(), len(raw), pa.array(raw, pa.binary()).buffers())
    with tables.Engine() as engine, engine.seeing(t=pa.table({"a": column})):
        wanted = engine.table("SELECT length(a) AS v FROM t").column("v").to_pylist()
    for length in range(4):
        made = condition_trees.split([f'LENGTH("a") = {length}'], pa.schema([("a", pa.string())]), ["a"])
        where, true, _ = conditions.judge(made.direct[0], conditions.Held(pa.record_batch({"a": column})))
        assert (list(range(true)) if where is None else where.tolist()) == [
            n for n, v in enumerate(wanted) if v == length
        ]

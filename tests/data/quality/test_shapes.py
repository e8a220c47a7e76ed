"""Shapes: told by bytes what a general matcher tells."""

import re
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.data.quality import condition_trees, conditions, shapes
from taihang.engines import tables
from taihang.rules import pattern

CLASSES = [
    "C",
    "[0-9]",
    "[A-Z]",
    "[a-z_]",
    r"\d",
    r"\w",
    "[^a]",
    ".",
    "[0-9X]",
    r"\.",
    "[一-龥]",
    r"\s",
    "(?:ab)",
    "(x)",
]
PIECES = st.tuples(st.sampled_from(CLASSES), st.sampled_from(["", "{2}", "{3}", "+", "?", "{1,2}", "{0}"]))
ONE = st.lists(PIECES, min_size=1, max_size=4).map(lambda some: "".join(c + r for c, r in some))
PATTERNS = ONE | st.lists(ONE, min_size=2, max_size=3).map("|".join)
HOLDING = st.sampled_from([r"[^\s\p{Z}]", r"[^\s]", "[0-9]", r"\w", "[^一-龥]", ".", r"[^\n]", r"[^\x00-\x{FFFF}]"])
LETTERS = st.sampled_from([*"C019XaZ_ .b\t\n", "字", " ", "　", "é", "😀", "\x00", "\x7f"])
TEXTS = st.lists(st.none() | st.lists(LETTERS, max_size=6).map("".join), max_size=30)


def judged(engine: tables.Engine, column: pa.Array, sql: str) -> list[bool | None]:
    with engine.seeing(t=pa.table({"a": column})):
        found: list[bool | None] = engine.table(f"SELECT {sql} AS v FROM t").column("v").to_pylist()
    return found


@settings(max_examples=300, deadline=None)
@given(
    texts=TEXTS, regex=PATTERNS, anywhere=HOLDING | PATTERNS, skip=st.integers(0, 3), large=st.booleans(),
    edges=st.booleans(),
)  # fmt: skip
def test_the_same_as_the_general_matcher(
    *, texts: list[str | None], regex: str, anywhere: str, skip: int, large: bool, edges: bool
) -> None:
    column = pa.array(texts, pa.large_string() if large else pa.string())[skip:]
    search = f"^{anywhere}$" if edges else anywhere
    tests = [
        f"(NOT REGEXP_FULL_MATCH(CAST(\"a\" AS TEXT), '{regex}'))",
        f'("a" IS NULL OR NOT REGEXP_MATCHES(CAST("a" AS TEXT), \'{search}\'))',
        f"(REGEXP_FULL_MATCH(\"a\", '{regex}') AND \"a\" <> 'C')",
        f"(NOT REGEXP_MATCHES(\"a\", '{search}'))",
        '("a" IS NULL)',
        'coalesce("a" IS NOT NULL, FALSE)',
    ]
    made = condition_trees.split(tests, pa.schema([("a", column.type)]), ["a", "shape0"])
    with tables.Engine() as engine:
        wanted = [judged(engine, column, sql) for sql in tests]
        with engine.seeing(
            t=pa.table(
                {"a": column, **{name: shapes.Texts(column).match(shape) for name, shape in made.shapes.items()}}
            )
        ):
            for n, sql in made.sql.items():
                assert engine.table(f"SELECT {sql} AS v FROM t").column("v").to_pylist() == wanted[n]
    held = conditions.Held(pa.record_batch({"a": column}))
    for n, condition in made.direct.items():
        where, true, unknown = conditions.judge(condition, held)
        assert true == sum(v is True for v in wanted[n])
        assert unknown == sum(v is None for v in wanted[n])
        rows = range(true) if where is None else where.tolist()
        assert list(rows) == [row for row, v in enumerate(wanted[n]) if v]


def test_what_is_taken_out() -> None:
    schema = pa.schema([("code", pa.string()), ("n", pa.int64()), ("d", pa.dictionary(pa.int32(), pa.string()))])
    full = "(NOT REGEXP_FULL_MATCH(CAST({} AS TEXT), '{}'))"
    tests = [full.format('"code"', r"C[0-9]{9}"), full.format('"code"', r"C\pL+"), full.format('"n"', "[0-9]{3}"),
             full.format('"d"', "[0-9]{3}"), '("d" IS NULL)',
             "(NOT REGEXP_FULL_MATCH(\"code\", '[0-9]{3}', 'i'))"]  # fmt: skip
    made = condition_trees.split(tests, schema, schema.names)
    assert list(made.direct) == [0]
    assert made.sql == {n: tests[n] for n in range(1, 6)}


def test_text_that_looks_like_a_condition_stays_text() -> None:
    sql = "(NOT \"a\" IN ('REGEXP_FULL_MATCH(CAST(\"a\" AS TEXT), ''[0-9]{3}'')', '(\"a\" IS NULL)'))"
    made = condition_trees.split([sql], pa.schema([("a", pa.string())]), ["a"])
    texts = pa.array(["123", "x", None, '("a" IS NULL)'])
    where, true, unknown = conditions.judge(made.direct[0], conditions.Held(pa.record_batch({"a": texts})))
    assert where is not None
    assert (where.tolist(), true, unknown) == ([0, 1], 2, 1)
    assert not made.shapes
    with tables.Engine() as engine:
        assert judged(engine, texts, sql) == [True, True, None, False]


def test_many_of_another_length(n: int = 5000) -> None:
    rng = np.random.default_rng(3)
    texts = ["9" * int(k) for k in rng.integers(0, 12, n)]
    found = shapes.Fixed("a", ((((48, 57),),) * 9,)).found(shapes.Texts(pa.array(texts)))
    assert found.tolist() == [len(text) == 9 for text in texts]


@pytest.mark.parametrize("letter", ["", "Z", "A", "é", "߿", "ࠀ", "一", "\ud7ff", "\ue000", "￿", "😀", "\U0010ffff"])
def test_first_bytes(letter: str) -> None:
    """A byte that tells enough tells it of every character that begins with it."""
    for ranges in (((0x41, 0x5A),), ((0x4000, 0x9FFF),), pattern.complement(((0x20, 0x20), (0x3000, 0x3000)))):
        told = shapes._leads(ranges)
        if letter and told[letter.encode()[0]]:
            assert any(low <= ord(letter) <= high for low, high in ranges)


def test_separators_are_those_of_unicode() -> None:
    spelled = pattern.spell(pattern.parse(r"\p{Z}"), "java")
    wanted = [c for c in range(0x110000) if unicodedata.category(chr(c)).startswith("Z")]
    java = re.sub(r"\\x\{([0-9A-Fa-f]+)\}", lambda m: f"\\U{int(m[1], 16):08x}", spelled)
    assert [c for c in range(0x110000) if re.fullmatch(java, chr(c))] == wanted


def test_alternatives_are_told_apart() -> None:
    """What rules have in common is the same piece of SQL, whatever stands beside it."""
    schema = pa.schema([("m", pa.string())])
    tests = [f"(NOT REGEXP_FULL_MATCH(\"m\", '[a-z]+@[a-z]+|{more}'))" for more in ("x1", "[0-9]{4}")]
    made = condition_trees.split([*tests, "(NOT REGEXP_FULL_MATCH(\"m\", '[A-Z]{2}|[0-9]{3}'))"], schema, schema.names)
    held = conditions.Held(pa.record_batch({"m": pa.array(["a@b", "x1", "1234", "AB", None])}))
    assert [conditions.judge(made.direct[n], held)[1:] for n in range(3)] == [(2, 1), (2, 1), (3, 1)]
    common = conditions.Matched("m", r"\A(?:[a-z]+\x{40}[a-z]+)\z")
    assert all(str(common) in str(made.direct[n]) for n in range(2))


@pytest.mark.parametrize("regex", ["[^ ]", r"[^\\s]", r"[^\\s\\p{Z}]"])
def test_texts_cut_inside_a_character(regex: str) -> None:
    """Parquet does not say that a text is one: cut in the middle of a letter it holds no letter."""
    raw = [
        b"\x80",
        b"\xc3",
        b"a\xff",
        b"\xe4\xb8",
        b"\xe4\xb8\xad",
        b"\xc3(",
        b"\xe4",
        b"\xf0\x9f\x98",
        b"\xed\xa0\x80",
    ]
    column = pa.Array.from_buffers(pa.string(), len(raw), pa.array(raw, pa.binary()).buffers())
    sql = f"(NOT REGEXP_MATCHES(CAST(\"a\" AS TEXT), '{regex}'))".replace("\\\\", "\\")
    made = condition_trees.split([sql], pa.schema([("a", pa.string())]), ["a"])
    with tables.Engine() as engine:
        wanted = judged(engine, column, sql)
    where, true, _ = conditions.judge(made.direct[0], conditions.Held(pa.record_batch({"a": column})))
    assert list(range(true)) if where is None else where.tolist() == [row for row, v in enumerate(wanted) if v]

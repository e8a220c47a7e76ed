"""No text makes the rulebook reader do anything but load it or refuse it in one line, soon."""

from __future__ import annotations

import random
import time
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from taihang.core import errors
from taihang.rules import judge, marks, rulebook, table

BOOK = """taihang: rules/1
id: fuzz
version: "1"
title: {zh: 题目, en: Title}
scope:
  camera: fixed
rules:
  - id: one
    title: {zh: 题, en: t}
    level: red
    dimension: d
    table: t
    where: a > $n and (s like 'x%' or b is null)
    filter: "a is not null"
    parameters: {n: 3}
    measures: {most: max(a)}
    message: {zh: "{most:.1f}", en: '{most}'}
    needs: [x.y]
    tags: [t]
  - id: two
    title: {zh: 题, en: t}
    level: blue
    dimension: d
    table: u
    where: >-
      v
      and v
    sustained: 500ms
    within: 1m
    followed_by: {rule: three}
    cooldown: 2s
    message: {zh: 题, en: t}
  - id: three
    title: {zh: 题, en: t}
    level: info
    dimension: d
    table: u
    where: not v
    clause: {document: x, number: "1", text: y, effective: 2026-01-01}
    message: {zh: 题, en: t}
"""
TABLES = {
    "t": table.Table(pa.table({"a": [1, 5], "b": [None, 2], "s": ["x", "y"]})),
    "u": table.Table(
        pa.table({"start_s": [0.0, 1.0], "end_s": [1.0, 2.0], "observed": [True, True], "v": [True, False]})
    ),
}
WORDS = [
    "a",
    "b",
    "s",
    "$n",
    "nope",
    "(",
    ")",
    "(",
    ")",
    ",",
    "+",
    "-",
    "*",
    "/",
    "%",
    "=",
    "<",
    ">",
    "<>",
    "and",
    "or",
    "not",
    "in",
    "is",
    "null",
    "like",
    "between",
    "case",
    "when",
    "then",
    "else",
    "end",
    "cast",
    "as",
    "int",
    "::",
    "[",
    "]",
    "{",
    "}",
    ";",
    "--",
    "/*",
    "*/",
    "'",
    '"',
    "1",
    "'x'",
    "max",
    "count",
    "distinct",
    "over",
    "select",
    "from",
    "abs",
    "date",
    "interval",
    "day",
    "->",
    ".",
    "lambda",
    ":",
    ":=",
    "?",
    "@",
    "#",
    "~",
    "^",
    "||",
    "collate",
    "exists",
    "any",
    "all",
    "filter",
    "where",
    "order",
    "by",
    "array",
    "struct",
]
# Far above what any takes, so that only something that explodes fails.
SLOW_S = 20.0


def read(data: str | bytes, *, judged: bool = False) -> None:
    start = time.process_time()
    try:
        book = rulebook.loads(data, "f.yaml")
        if judged:
            judge.judge(book, TABLES, {"x.y": None})
    except errors.UserError as error:
        assert "\n" not in str(error)
        assert "\n" not in error.message.in_("zh")
    assert time.process_time() - start < SLOW_S


def test_the_book_that_is_mutated_is_right() -> None:
    found = judge.judge(rulebook.loads(BOOK), TABLES, {"x.y": None})
    assert {f.rule.id for f in found.findings} == {"two", "three"}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_bytes(data: bytes) -> None:
    read(data)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
@example("\x85a: 1")
@example("a: \ud800")
@example("%YAML 9.9\n---\na: 1")
@example("%TAG ! tag:x,2000:\n---\na: !x 1")
@example("--- >\n a")
@example("a: |9\n b")
@example("? |\n a\n: b")
def test_texts(text: str) -> None:
    read(text)


YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "zh", "rules", "where", "x"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(
    where=st.sampled_from(["id", "rules", "extends", "scope", "title", "version", "taihang", "nope"]),
    value=YAML,
)
def test_any_value_in_any_place_of_the_book(where: str, value: Any) -> None:
    import json

    plain = {"taihang": "rules/1", "id": "b", "version": "1", "title": {"zh": "", "en": ""}, "rules": [], where: value}
    read(json.dumps(plain))


@settings(max_examples=300, deadline=None)
@given(
    where=st.sampled_from(
        [
            *("id", "title", "level", "dimension", "table", "where", "filter", "message", "by", "per", "measures"),
            *("parameters", "needs", "clause", "sustained", "max_gap", "at_least", "within", "followed_by"),
            *("not_followed_by", "cooldown", "confidence", "weight", "tags", "enabled"),
        ]
    ),
    value=YAML | st.from_regex(r"[0-9]{1,12}(ms|s|m|h|d)", fullmatch=True),
)
def test_any_value_in_any_place_of_a_rule(where: str, value: Any) -> None:
    import json

    both = {"zh": "", "en": ""}
    rule = {"id": "r", "title": both, "level": "red", "dimension": "d", "table": "t", "where": "v", "message": both}
    plain = {"taihang": "rules/1", "id": "b", "version": "1", "title": both, "rules": [{**rule, where: value}]}
    read(json.dumps(plain))


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), times=st.integers(1, 6))
def test_a_damaged_book(seed: int, times: int) -> None:
    chance = random.Random(seed)
    data = bytearray(BOOK.encode())
    for _ in range(times):
        at = chance.randrange(len(data))
        match chance.randrange(5):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randrange(1, 20)]
            case 2:
                data[at:at] = chance.choice(
                    [b"[", b"{", b"'", b'"', b"&a ", b"*a", b"!x ", b"\n", b": ", b"- ", b"\t", b"#"]
                )
            case 3:
                end = chance.randrange(len(data))
                data[at:at] = data[end : end + 30]
            case 4:
                data[at:at] = str(chance.randrange(-(10**9), 10**30)).encode()
    read(bytes(data), judged=True)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(WORDS),
        max_size=12,
    )
)
def test_shuffled_sql(words: list[str]) -> None:
    text = " ".join(words).replace("\\", "\\\\").replace('"', '\\"')
    read(BOOK.replace("a > $n and (s like 'x%' or b is null)", f'"{text}"'), judged=True)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "x" * (1 << 20),
        "a: '" + "x" * (1 << 20) + "'",
        "a: " + "[" * 100_000,
        "a: " + "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "a: &a [1]\nb: &b [*a, *a]\nc: [*b, *b]",
        "&a " * 10_000,
        "!" * 100_000,
        "a:\n" + "".join(" " * n + "a:\n" for n in range(1, 2000)),
        "".join(f"k{n}: 1\n" for n in range(100_000)),
        "'" * 100_001,
        "a: |\n" + " x\n" * 100_000,
        "[" + "1," * 200_000 + "]",
        BOOK.replace("a > $n", "a > 1" + " and a > 1" * 100_000),
        BOOK.replace("'{most}'", "'" + "{" * 100_000 + "'"),
        BOOK.replace("'{most}'", "'" + "{most}" * 100_000 + "'"),
        BOOK.replace("tags: [t]", "tags: [" + "t, " * 100_000 + "]"),
        BOOK.replace("id: one", "id: " + "o" * 100_000),
        BOOK + "".join(f"    unknown{n}: 1\n" for n in range(20_000)),
    ],
)  # fmt: skip
def test_large_and_deep_texts_are_answered_soon(text: str) -> None:
    read(text, judged=True)


def test_marks_do_not_change_what_yaml_says() -> None:
    plain = marks.read(b"a: [1, 'x', {b: ~}]\n'c d': >\n  x\n  y\n", "f").items
    assert list(plain) == ["a", "c d"]
    last = plain["c d"]
    assert isinstance(last, marks.Scalar)
    assert last.value() == "x y\n"

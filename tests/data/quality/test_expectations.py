"""Rules written in Python are the rules of a file."""

from __future__ import annotations

import pytest

from taihang.core import errors
from taihang.data.quality import expectations
from taihang.rules import rulebook


def test_python_gives_the_yaml_that_a_person_would_write() -> None:
    text = expectations.book(
        expectations.expect("not_null", table="people", column="name", level="red"),
        expectations.expect("semantic", table="people", column="card", is_="id-card", id="card"),
        expectations.expect("unique", table="people", columns=["id"], tolerate={"rate": 0.01}, filter="age > 18"),
        name="people",
        version="1",
    )
    by_hand = """
taihang: rules/1
id: people
version: "1"
title: {zh: people, en: people}
rules:
- {id: 1-not-null, table: people, level: red, check: {kind: not_null, column: name}}
- {id: card, table: people, check: {kind: semantic, column: card, is: id-card}}
- {id: 3-unique, table: people, filter: age > 18, tolerate: {rate: 0.01}, check: {kind: unique, columns: [id]}}
"""
    made, wanted = rulebook.loads(text), rulebook.loads(by_hand)
    assert [c.rule for c in made.rules] == [c.rule for c in wanted.rules]


def test_what_a_file_could_not_say_is_refused() -> None:
    with pytest.raises(errors.UserError, match="colum"):
        expectations.book(expectations.expect("not_null", table="t", colum="a"), name="b", version="1")

"""Templates: written once, filled in many times, every mistake at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from taihang.core import errors
from taihang.rules import rulebook

HEAD = 'taihang: rules/1\nid: b\nversion: "1"\ntitle: {zh: 题, en: title}\n'
BOOK = (
    HEAD
    + """
templates:
- id: filled
  table: ${table}
  check: {kind: not_null, column: "${column}"}
  tags: [core]
  with: {table: people}
- id: within
  use: filled
  level: orange
  title: {zh: "${column} 在范围内", en: "${column} is within its range"}
  check: {kind: range, column: "${column}", min: "${least}", max: "${most}"}
  with: {least: 0}
- id: pair
  table: people
  title: {zh: 题, en: "${a} not above ${b}"}
  message: {zh: 题, en: m}
  level: red
  dimension: consistency
  where: '"${a}" > "${b}"'
rules:
- {id: r1, use: filled, with: {column: name}}
- {id: r2, use: filled, with: {column: name, table: others}, level: red, tags: [gdpr]}
- {id: r3, use: within, with: {column: age, most: 120}}
- {id: r4, use: pair, with: {a: start, b: end}, filter: "ok"}
"""
)


def test_a_template_is_filled_inherited_and_overruled() -> None:
    book = rulebook.loads(BOOK)
    assert book.templates == ("filled", "within", "pair")
    one, two, three, four = (c.rule for c in book.rules)
    assert (one.table, one.check.column, one.tags) == ("people", "name", ("core",))  # type: ignore[union-attr]
    assert (two.table, two.level.value, two.tags) == ("others", "red", ("core", "gdpr"))
    assert (three.check.min, three.check.max, three.level.value) == (0, 120, "orange")  # type: ignore[union-attr]
    assert (three.table, three.title.en, three.tags) == ("people", "age is within its range", ("core",))
    assert four.where == '"start" > "end"'
    assert four.filter == "ok"


def test_templates_come_from_books_below(tmp_path: Path) -> None:
    (tmp_path / "base.rules.yaml").write_text(BOOK, encoding="utf-8")
    (tmp_path / "own.rules.yaml").write_text(
        HEAD.replace("id: b", "id: own") + "extends: [base.rules.yaml]\nrules:\n"
        "- {id: own, use: within, with: {column: x, least: 1, most: 2}}\n",
        encoding="utf-8",
    )
    book = rulebook.load(tmp_path / "own.rules.yaml")
    assert [c.rule.id for c in book.rules] == ["r1", "r2", "r3", "r4", "own"]
    assert book["own"].check.min == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(("rule", "says"), [
    ("{id: r, use: fild, with: {column: a}}", "filled"),
    ("{id: r, use: filled}", "column"),
    ("{id: r, use: filled, with: {column: a, colum: b}}", "colum"),
    ("{id: r, with: {column: a}}", "use"),
    ("{id: r, use: filled, with: [a]}", "with"),
    ("{id: r, use: loop}", "loop → loop"),
    ("{id: r, use: pair, with: {a: {x: 1}, b: y}}", "a"),
    ("{id: r, use: within, with: {column: a, most: {x: 1}}}", "max"),
])  # fmt: skip
def test_a_mistake_is_one_line_at_its_place(rule: str, says: str) -> None:
    text = BOOK.partition("rules:\n- ")[0] + f"- {{id: loop, use: loop}}\nrules:\n- {rule}\n"
    with pytest.raises(errors.UserError) as caught:
        rulebook.loads(text)
    assert says in str(caught.value)
    assert str(caught.value).startswith("<text>:")
    assert "\n" not in str(caught.value)

"""Imports: the same verdicts as over there, and everything else in a list."""

# ruff: noqa: E501 - files of other tools, as they are written

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from taihang.core import errors
from taihang.data.quality import assessment
from taihang.data.quality.exchange import draft, importing
from taihang.rules import rulebook
from tests.data.quality import books

TABLE = pa.table({
    "id": [1, 2, 2, None], "name": ["ann", "", None, "bob7"], "age": [5, 17, 300, None],
    "grade": ["a", "b", "z", None], "a": [1, 2, 3, None], "b": [1, 1, 5, 9], "d": ["2026-01-01"] * 4,
    "t": pa.array([None, 0, 1, 1767225600], pa.timestamp("s")),
})  # fmt: skip


def take(folder: Path, name: str, text: str | bytes, form: Any, table: str | None = None) -> draft.Imported:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return importing.load(path, form, table)


def judged(folder: Path, found: draft.Imported, **tables: pa.Table) -> list[tuple[str, list[int], bool]]:
    """Each rule's id, bad rows and whether it is broken."""
    book = rulebook.loads(found.text)
    done = assessment.assess(book, books.targets(folder, **tables))
    return [(o.compiled.rule.id, o.rows.tolist(), o.broken) for o in done.outcomes]


def places(file: str, text: str, wanted: list[str], above: dict[str, int] | None = None) -> list[str]:
    """file:line of each of some words; `above` for a check that begins so many lines before its word."""
    lines = text.splitlines()
    return [f"{file}:{next(n for n, t in enumerate(lines, 1) if w in t) - (above or {}).get(w, 0)}" for w in wanted]


# Expectation, its arguments, the rows it marks (by its own documentation), and whether it fails.
EXPECTED: list[tuple[str, dict[str, Any], list[int], bool]] = [
    ("expect_column_values_to_not_be_null", {"column": "id"}, [3], True),
    ("expect_column_values_to_not_be_null", {"column": "id", "mostly": 0.75}, [3], False),
    ("expect_column_values_to_not_be_null", {"column": "id", "mostly": 0.76}, [3], True),
    ("expect_column_values_to_be_null", {"column": "id"}, [0, 1, 2], True),
    ("expect_column_values_to_be_unique", {"column": "id"}, [1, 2], True),
    ("expect_compound_columns_to_be_unique", {"column_list": ["id", "a"]}, [], False),
    ("expect_column_values_to_be_in_set", {"column": "grade", "value_set": ["a", "b"]}, [2], True),
    ("expect_column_values_to_not_be_in_set", {"column": "grade", "value_set": ["z"]}, [2], True),
    ("expect_column_values_to_be_between", {"column": "age", "min_value": 5, "max_value": 120}, [2], True),
    ("expect_column_values_to_be_between", {"column": "age", "min_value": 5, "strict_min": True}, [0], True),
    ("expect_column_values_to_be_between",
     {"column": "age", "min_value": 5, "strict_min": True, "max_value": 300}, [0], True),
    ("expect_column_value_lengths_to_equal", {"column": "name", "value": 3}, [1, 3], True),
    ("expect_column_values_to_match_regex", {"column": "name", "regex": "[0-9]"}, [0, 1], True),
    ("expect_column_values_to_not_match_regex", {"column": "name", "regex": "^b"}, [3], True),
    ("expect_column_values_to_match_regex_list", {"column": "name", "regex_list": ["^a", "^b"]}, [1], True),
    ("expect_column_values_to_match_regex_list",
     {"column": "name", "regex_list": ["^a", "n$"], "match_on": "all"}, [1, 3], True),
    ("expect_table_row_count_to_be_between", {"min_value": 4, "max_value": 4}, [], False),
    ("expect_table_row_count_to_equal", {"value": 5}, [], True),
    ("expect_column_mean_to_be_between", {"column": "age", "max_value": 100}, [], True),
    ("expect_column_unique_value_count_to_be_between", {"column": "id", "min_value": 2, "max_value": 2}, [], False),
    ("expect_column_to_exist", {"column": "age"}, [], False),
    ("expect_column_pair_values_a_to_be_greater_than_b",
     {"column_A": "a", "column_B": "b", "ignore_row_if": "either_value_is_missing"}, [0, 2], True),
    ("expect_column_pair_values_to_be_equal",
     {"column_A": "a", "column_B": "b", "ignore_row_if": "either_value_is_missing"}, [1, 2], True),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["a", "b"], "sum_total": 3}, [0, 2], True),
    # A row with one of the two missing is unexpected, one with both is left out: unless it says otherwise.
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "a", "column_B": "b"}, [0, 2, 3], True),
    ("expect_column_pair_values_to_be_equal", {"column_A": "id", "column_B": "a"}, [2], True),
    ("expect_column_pair_values_to_be_equal", {"column_A": "id", "column_B": "age"}, [0, 1, 2], True),
    ("expect_column_pair_values_to_be_in_set",
     {"column_A": "a", "column_B": "b", "value_pairs_set": [[1, 1], [2, 1]]}, [2, 3], True),
    ("expect_column_pair_values_to_be_in_set",
     {"column_A": "a", "column_B": "b", "value_pairs_set": [[1, 1]], "ignore_row_if": "either_value_is_missing"},
     [1, 2], True),
    ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["id", "a", "b"]}, [0, 1, 3], True),
    ("expect_column_values_to_match_like_pattern", {"column": "name", "like_pattern": "_nn"}, [1, 3], True),
    ("expect_column_values_to_not_match_like_pattern", {"column": "name", "like_pattern": "b%"}, [3], True),
    ("expect_column_values_to_match_like_pattern_list",
     {"column": "name", "like_pattern_list": ["a%", "%n"], "match_on": "all"}, [1, 3], True),
    ("expect_column_values_to_not_match_like_pattern_list",
     {"column": "name", "like_pattern_list": ["a%", "%7"]}, [0, 3], True),
    ("expect_column_values_to_be_between",
     {"column": "age", "max_value": 10, "row_condition": 'col("b") >= 5', "condition_parser": "great_expectations"},
     [2], True),
    ("expect_column_values_to_be_between",
     {"column": "age", "max_value": 10, "row_condition": 'col("a").notNull()',
      "condition_parser": "great_expectations__experimental__"}, [1, 2], True),
    ("expect_column_values_to_be_between",
     {"column": "age", "max_value": 1, "row_condition": "(a == 2) | (grade == 'a & b|')", "condition_parser": "pandas"},
     [1], True),
    ("expect_column_values_to_be_between",
     {"column": "b", "max_value": 1, "row_condition": "a != 3", "condition_parser": "pandas"}, [3], True),
    ("expect_column_values_to_be_between",
     {"column": "b", "max_value": 1, "row_condition": "a != 3", "condition_parser": "spark"}, [], False),
    ("expect_column_max_to_be_between",
     {"column": "t", "min_value": "2026-01-01T00:00:00", "max_value": "2026-01-01T00:00:00"}, [], False),
    ("expect_column_max_to_be_between", {"column": "t", "max_value": "2025-12-31"}, [], True),
]  # fmt: skip


@pytest.mark.parametrize("form", ["0.x", "1.x"])
def test_expectations_mark_the_rows_that_they_mark(tmp_path: Path, form: str) -> None:
    kind, name = ("type", "name") if form == "1.x" else ("expectation_type", "expectation_suite_name")
    suite = {name: "people", "expectations": [{kind: k, "kwargs": kwargs} for k, kwargs, *_ in EXPECTED], "meta": {}}
    found = take(tmp_path, "suite.json", json.dumps(suite), "great-expectations", "t")
    assert not found.unmapped
    got = judged(tmp_path, found, t=TABLE)
    assert [(rows, broken) for _, rows, broken in got] == [(rows, broken) for *_, rows, broken in EXPECTED]


@pytest.mark.parametrize(("kind", "kwargs"), [
    ("expect_column_values_to_be_of_type", {"column": "a", "type_": "INTEGER"}),
    ("expect_column_values_to_be_increasing", {"column": "a"}),
    ("expect_column_values_to_be_between", {"column": "a"}),
    ("expect_column_values_to_be_between", {"column": "a", "min_value": 1, "row_condition": 'col("b") > 1'}),
    ("expect_column_values_to_be_between", {"column": "a", "min_value": 2, "max_value": 1}),
    ("expect_column_values_to_be_between",
     {"column": "a", "min_value": 1, "row_condition": "a.isin([1])", "condition_parser": "pandas"}),
    ("expect_column_values_to_be_between",
     {"column": "a", "min_value": 1, "row_condition": "__import__('os').system('x') == 0", "condition_parser": "pandas"}),
    ("expect_column_values_to_be_between",
     {"column": "a", "min_value": 1, "row_condition": "(" * 900 + "a == 1", "condition_parser": "pandas"}),
    ("expect_column_values_to_be_between",
     {"column": "a", "min_value": 1, "row_condition": "a = (SELECT 1)", "condition_parser": "spark"}),
    ("expect_column_values_to_be_between",
     {"column": "a", "min_value": 1, "row_condition": 'col("a"', "condition_parser": "great_expectations"}),
    ("expect_column_values_to_match_like_pattern", {"column": "a", "like_pattern": "100\\%"}),
    ("expect_column_values_to_match_regex", {"column": "a", "regex": "(?=x)"}),
    ("expect_column_values_to_be_in_set", {"column": "a", "value_set": {"$PARAMETER": "x"}}),
    ("expect_column_mean_to_be_between", {"column": "a", "min_value": 1, "mostly": 0.5}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "a", "column_B": "b", "ignore_row_if": "neither"}),
    ("expect_column_values_to_not_be_null", {"column": 3}),
    ("expect_column_values_to_not_be_null", {"column": "a", "mostly": float("nan")}),
    ("made_up", {}),
])  # fmt: skip
def test_what_cannot_be_mapped_is_listed_and_is_no_rule(tmp_path: Path, kind: str, kwargs: dict[str, Any]) -> None:
    suite = {"name": "s", "expectations": [{"type": kind, "kwargs": kwargs}]}
    found = take(tmp_path, "s.json", json.dumps(suite), "great-expectations", "t")
    assert (found.rules, len(found.unmapped)) == (0, 1)
    assert kind in str(found.unmapped[0])
    assert "expectations[0]" in found.text  # and it stands in the file


SODA = """
checks for people:
  - row_count > 0
  - row_count between 1 and 3
  - missing_count(id) = 0
  - missing_percent(id) < 26%
  - missing_percent(id) < 25%
  - missing_count(name) = 0:
      missing values: ["", "N/A"]
  - invalid_count(age) = 0:
      valid min: 0
      valid max: 120
      name: Ages are human
  - invalid_count(grade) <= 1:
      valid values: [a, b]
  - duplicate_count(id) = 0
  - duplicate_count(id, a) = 0
  - avg(age) between 0 and 100
  - max(age) < 300
  - missing_count(id):
      warn: when > 0
      fail: when > 5
  - values in (grade) must exist in grades (code)
  - schema:
      fail:
        when required column missing: [id, name]
  - failed rows:
      name: b above a
      fail condition: b > a
  - anomaly detection for row_count
  - change for row_count < 50
  - duplicate_count(id) < 5
  - failed rows:
      fail query: SELECT * FROM people
  - invalid_count(name) = 0:
      valid format: phone number
filter people [daily]:
  where: x = 1
"""


def test_soda_checks_agree_and_the_rest_has_its_line(tmp_path: Path) -> None:
    found = take(tmp_path, "checks.yml", SODA, "soda")
    grades = pa.table({"code": ["a", "b"]})
    got = judged(tmp_path, found, people=TABLE, grades=grades)
    assert [(rows, broken) for _, rows, broken in got] == [
        ([], False), ([], True), ([3], True), ([3], False), ([3], True), ([1, 2], True), ([2], True), ([2], False),
        ([1, 2], True), ([], False), ([], True), ([], True), ([3], False), ([3], True), ([2], True), ([], False),
        ([], False), ([2], True),
    ]  # fmt: skip
    wanted = ["- anomaly", "- change for", "duplicate_count(id) < 5", "fail query", "phone number", "filter people"]
    assert [u.place for u in found.unmapped] == places("checks.yml", SODA, wanted, {"fail query": 1, "phone number": 1})
    book = rulebook.loads(found.text)
    levels = {c.rule.level.value for c in book.rules if c.rule.tolerate and c.rule.tolerate.count == 5}
    assert levels == {"orange"}


CONTRACT = """
dataset: source/db/public/people
columns:
  - name: id
    checks:
      - missing:
      - duplicate:
  - name: grade
    checks:
      - invalid:
          valid_values: [a, b]
          threshold: {metric: percent, must_be_less_than: 40}
      - metric: {expression: x}
checks:
  - row_count: {threshold: {must_be_between: {greater_than_or_equal: 1, less_than_or_equal: 9}}}
"""


def test_soda_contracts_too(tmp_path: Path) -> None:
    found = take(tmp_path, "c.yml", CONTRACT, "soda")
    assert [(rows, broken) for _, rows, broken in judged(tmp_path, found, people=TABLE)] == [
        ([3], True), ([1, 2], True), ([2], False), ([], False)]  # fmt: skip
    assert [u.place for u in found.unmapped] == places("c.yml", CONTRACT, ["- metric:"])


DBT = """
version: 2
models:
  - name: people
    tests:
      - dbt_utils.unique_combination_of_columns:
          combination_of_columns: [id, a]
      - dbt_utils.expression_is_true:
          expression: "b >= a"
    columns:
      - name: id
        data_tests:
          - not_null
          - unique:
              config: {severity: warn, where: "a > 2"}
          - not_null:
              config: {error_if: ">1"}
          - relationships:
              arguments: {to: ref('other'), field: id}
      - name: grade
        tests:
          - accepted_values: {values: [a, b]}
          - dbt_utils.not_empty_string
          - dbt_expectations.expect_column_value_lengths_to_equal: {value: 1}
          - made_up.test: {x: 1}
      - name: age
        tests:
          - dbt_utils.accepted_range: {min_value: 5, inclusive: false}
          - dbt_utils.accepted_range: {min_value: "{{ var('x') }}"}
sources:
  - name: raw
    tables:
      - name: other
        columns: [{name: id, tests: [not_null]}]
"""


def test_dbt_tests_agree(tmp_path: Path) -> None:
    found = take(tmp_path, "schema.yml", DBT, "dbt")
    other = pa.table({"id": [1, 2]})
    got = judged(tmp_path, found, people=TABLE, other=other)
    assert [(rows, broken) for _, rows, broken in got] == [
        ([], False), ([1, 3], True), ([3], True), ([], False), ([3], False), ([], False), ([2], True), ([], False),
        ([], False), ([0], True), ([], False),
    ]  # fmt: skip
    assert [u.place for u in found.unmapped] == places("schema.yml", DBT, ["made_up", "var('x')"])


ODCS = """
apiVersion: v3.0.2
kind: DataContract
id: c
version: "1"
status: active
schema:
  - name: people
    properties:
      - name: id
        required: true
        quality:
          - {type: library, rule: duplicateCount, mustBe: 0}
      - name: age
        logicalTypeOptions: {minimum: 0, maximum: 120, format: x}
      - name: grade
        quality:
          - {metric: invalidValues, arguments: {validValues: [a, b]}, mustBeLessThan: 50, unit: percent}
          - {type: text, description: be nice}
          - {type: custom, engine: greatExpectations, implementation: {type: expect_column_values_to_not_be_null, kwargs: {}}}
          - {type: custom, engine: monteCarlo, implementation: x}
    quality:
      - {metric: rowCount, mustBeGreaterThan: 3}
      - {type: sql, query: "SELECT COUNT(*) FROM ${object} WHERE a > b", mustBe: 0}
      - {type: sql, query: "SELECT AVG(a) FROM ${object}", mustBe: 0}
      - type: custom
        engine: soda
        implementation: |
          missing_count(name) = 0
"""


def test_contracts_agree_whatever_engine_their_checks_name(tmp_path: Path) -> None:
    found = take(
        tmp_path, "c.odcs.yaml", ODCS.replace("missing_count(name) = 0", "missing_count(name) = 0: {name: n}"), "odcs"
    )
    got = judged(tmp_path, found, people=TABLE)
    assert [(rows, broken) for _, rows, broken in got] == [
        ([], False), ([1], True), ([2], True), ([3], True), ([1, 2], True), ([], False), ([2], True), ([2], False),
        ([3], True),
    ]  # fmt: skip
    assert len(found.unmapped) == 4


HOSTILE: list[tuple[str, bytes]] = [
    ("bomb", b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n".encode() for n in range(9))),
    ("deep", b"[" * 100_000), ("deep map", b"{a: " * 5_000), ("empty", b""), ("text", b"hello"), ("list", b"[1, 2]"),
    ("number", b"7"), ("binary", b"\x00\xff\xfe"), ("latin", "é".encode("latin-1")), ("tag", b"!!python/object:os.system x"),
    ("key", b"? [a]\n: b"), ("wrong type", b"models: 3\nchecks for x: 3\nschema: 3\napiVersion: v3.1.0\nexpectations: 3"),
    ("self", b"a: &a\n  b: *a"), ("huge number", b"a: " + b"9" * 10_000), ("date", b"a: 2026-99-99"), ("nul", b"a: \x00"),
]  # fmt: skip


@pytest.mark.parametrize("form", ["great-expectations", "soda", "dbt", "odcs"])
@pytest.mark.parametrize(("name", "data"), HOSTILE, ids=[n for n, _ in HOSTILE])
def test_a_hostile_file_is_one_clear_line(tmp_path: Path, form: Any, name: str, data: bytes) -> None:
    with pytest.raises(errors.UserError) as caught:
        take(tmp_path, "x.yml", data, form)
    assert "\n" not in str(caught.value)
    assert "x.yml" in str(caught.value)


@pytest.mark.parametrize("odd", [None, 3, [], {}, "", "x", [None], {"a": None}, True, 1e400, "\x00", {"kwargs": 3}])
def test_odd_values_anywhere_are_listed_or_refused_and_never_a_crash(tmp_path: Path, odd: Any) -> None:
    suites = [
        ("great-expectations", {"expectations": [odd, {"type": odd}, {"type": "expect_column_values_to_be_in_set",
                                                                      "kwargs": {"column": odd, "value_set": odd}}]}),
        ("soda", {"checks for t": [odd, {"row_count > 0": odd}, {"invalid_count(a) = 0": {"valid values": odd}}]}),
        ("dbt", {"models": [odd, {"name": odd, "columns": odd, "tests": [odd]},
                            {"name": "t", "columns": [{"name": odd, "tests": [{"accepted_values": odd}, {"unique": odd}]}]}]}),
        ("odcs", {"apiVersion": "v3.1.0", "schema": [odd, {"name": odd, "properties": [odd, {
            "name": odd, "logicalTypeOptions": {"minimum": odd, "pattern": odd},
            "quality": [odd, {"type": odd}, {"metric": "nullValues", "mustBe": odd},
                        {"type": "custom", "engine": "taihang", "implementation": odd}]}]}]}),
    ]  # fmt: skip
    for form, value in suites:
        try:
            found = take(tmp_path, "x.json", json.dumps(value), form, "t")
        except errors.UserError as error:
            assert "\n" not in str(error)
        else:
            rulebook.loads(found.text)

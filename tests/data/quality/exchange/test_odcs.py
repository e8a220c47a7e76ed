"""Contracts out and in again: the same rules."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
import yaml
from hypothesis import strategies as st

from taihang.data.quality.exchange import odcs, odcs_export
from taihang.rules import rulebook

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
COLUMN = {"column": NAMES}
NUMBERS = st.one_of(st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6, allow_nan=False).map(lambda f: round(f, 3)))
VALUES = st.lists(st.one_of(st.text(max_size=8).filter(lambda t: t.isprintable()), st.integers(-9, 9), st.booleans()),
                  min_size=1, max_size=4)  # fmt: skip


def kind(name: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"kind": st.just(name), **fields})


CHECKS = st.one_of(
    kind("not_null", **COLUMN),
    kind("in_set", **COLUMN, values=VALUES),
    kind("range", **COLUMN, min=NUMBERS, strict=st.booleans()),
    kind("length", **COLUMN, max=st.integers(0, 99)),
    kind("regex", **COLUMN, pattern=st.sampled_from(["[a-z]+", "a|b", "\\d{4}", ".*:#'\"x"]), anywhere=st.booleans()),
    kind("unique", columns=st.lists(NAMES, min_size=1, max_size=3)),
    kind("row_count", min=st.integers(0, 10**9)),
    kind("row_count", min=st.integers(0, 9), max=st.integers(10, 99)),
    kind("freshness", **COLUMN, within=st.sampled_from(["1d", "90m", "36h"])),
    kind("aggregate", **COLUMN, function=st.sampled_from(["sum", "mean", "distinct"]), max=NUMBERS),
    kind("foreign_key", columns=st.lists(NAMES, min_size=1, max_size=1), other=NAMES),
    kind("semantic", **COLUMN, **{"is": st.sampled_from(["email", "id-card"])}),
    kind("change", **COLUMN, function=st.just("count"), fall=st.floats(0.01, 1).map(lambda f: round(f, 3))),
)
TOLERATE = st.one_of(
    st.fixed_dictionaries({"count": st.integers(0, 1000)}),
    st.fixed_dictionaries({"rate": st.floats(0, 0.999, allow_nan=False)}),
    st.fixed_dictionaries({"change": st.floats(0, 0.999, allow_nan=False)}),
)
BOTH = st.fixed_dictionaries({"zh": NAMES, "en": NAMES})
RULES = st.fixed_dictionaries(
    {"table": NAMES, "check": CHECKS},
    optional={
        "level": st.sampled_from(["red", "orange", "yellow", "blue", "info"]),
        "tolerate": TOLERATE,
        "weight": st.sampled_from([0.5, 2, 10]),
        "tags": st.lists(st.sampled_from(["gdpr", "core", "x.y"]), max_size=2, unique=True),
        "title": BOTH,
        "dimension": st.sampled_from(["accuracy", "validity", "own"]),
    },
)


def book(rules: list[dict[str, Any]]) -> rulebook.Rulebook:
    both = {"zh": "题", "en": "title"}
    made = [{"id": f"r{n}.x_{n}", **rule} for n, rule in enumerate(rules)]
    text = {"taihang": "rules/1", "id": "b", "version": "7", "title": both, "rules": made}
    return rulebook.loads(json.dumps(text, ensure_ascii=False))


@hypothesis.settings(deadline=None, max_examples=60, suppress_health_check=[hypothesis.HealthCheck.too_slow])
@hypothesis.given(st.lists(RULES, min_size=1, max_size=5))
def test_a_contract_gives_back_the_rules_that_made_it(rules: list[dict[str, Any]]) -> None:
    before = book(rules)
    text = odcs_export.dump(before)
    found = odcs.load(text.encode(), "c.yaml", "t")
    assert not found.unmapped
    after = rulebook.loads(found.text)
    assert {c.rule.id for c in after.rules} == {c.rule.id for c in before.rules}
    for compiled in before.rules:
        assert after[compiled.rule.id] == compiled.rule


def test_predicates_filters_and_parameters_come_back_too() -> None:
    both = {"zh": "题", "en": "title"}
    rule = {"table": "t", "title": both, "message": both, "level": "red", "dimension": "accuracy",
            "where": "\"a\" > $top", "parameters": {"top": 3}, "filter": "b IS NOT NULL"}  # fmt: skip
    before = book([rule, {"table": "t", "check": {"kind": "not_null", "column": "a"}, "filter": "b > 1"}])
    after = rulebook.loads(odcs.load(odcs_export.dump(before).encode(), "c.yaml", "t").text)
    assert [c.rule for c in after.rules] == [c.rule for c in before.rules]


def test_a_threshold_that_somebody_changed_in_the_contract_is_the_one_that_counts() -> None:
    before = book(
        [{"table": "t", "check": {"kind": "not_null", "column": "a"}, "level": "red", "tolerate": {"count": 3}}]
    )
    contract = yaml.safe_load(odcs_export.dump(before))
    quality = contract["schema"][0]["properties"][0]["quality"][0]
    assert quality["metric"] == "nullValues"
    quality["mustBeLessOrEqualTo"] = 9
    after = rulebook.loads(odcs.load(yaml.safe_dump(contract).encode(), "c.yaml", "t").text)
    rule = after.rules[0].rule
    assert rule.tolerate is not None
    assert (rule.tolerate.count, rule.level.value) == (9, "red")


def test_what_the_library_of_the_standard_can_say_is_said_in_it() -> None:
    made = book([
        {"table": "t", "check": {"kind": "not_null", "column": "a"}},
        {"table": "t", "check": {"kind": "in_set", "column": "a", "values": ["x"]}, "tolerate": {"rate": 0.05}},
        {"table": "t", "check": {"kind": "unique", "columns": ["a", "b"]}},
        {"table": "t", "check": {"kind": "row_count", "min": 1}},
        {"table": "t", "check": {"kind": "semantic", "column": "a", "is": "email"}},
    ])  # fmt: skip
    contract = yaml.safe_load(odcs_export.dump(made))
    table = contract["schema"][0]
    assert [q.get("metric") for q in table["properties"][0]["quality"]] == ["nullValues", "invalidValues"]
    assert table["properties"][0]["quality"][1]["mustBeLessOrEqualTo"] == 5.0
    assert [q.get("metric") or q["engine"] for q in table["quality"]] == ["duplicateValues", "rowCount", "taihang"]
    assert (contract["apiVersion"], contract["kind"]) == ("v3.1.0", "DataContract")

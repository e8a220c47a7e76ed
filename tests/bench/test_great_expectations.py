"""The comparison with another tool's own tests can fail: a verdict, a row, a value and a total that differ are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import great_expectations as bench


def verdict(folder: Path, kind: str, kwargs: dict[str, Any], out: dict[str, Any], **more: Any) -> str:
    test = {"title": "t", "in": kwargs, "out": out, **more}
    given = {"expectation_type": kind, "datasets": [{"data": {"x": [1, 2, None, 9]}, "tests": [test]}]}
    (folder / f"{kind}.json").write_text(json.dumps(given), encoding="utf-8")
    found, _ = bench.cases(folder)
    return bench.run(found[0]).verdict


BETWEEN = "expect_column_values_to_be_between"
KWARGS = {"column": "x", "max_value": 5}


@pytest.mark.parametrize(("kind", "kwargs", "out", "wanted"), [
    (BETWEEN, KWARGS, {"success": False, "unexpected_list": [9], "unexpected_index_list": [3]}, "agrees"),
    (BETWEEN, KWARGS, {"success": True}, "differs"),
    (BETWEEN, KWARGS, {"success": False, "unexpected_list": [8]}, "differs"),
    (BETWEEN, KWARGS, {"success": False, "unexpected_index_list": [{"pk_index": 2}]}, "differs"),
    (BETWEEN, KWARGS, {"traceback_substring": "no"}, "differs"),
    ("expect_column_max_to_be_between", KWARGS, {"success": False, "observed_value": 9}, "agrees"),
    ("expect_column_max_to_be_between", KWARGS, {"success": False, "observed_value": 8}, "differs"),
    ("expect_a_miracle", {}, {"traceback_substring": "no"}, "unmapped"),
])  # fmt: skip
def test_a_difference_is_told(tmp_path: Path, kind: str, kwargs: Any, out: Any, wanted: str) -> None:
    assert verdict(tmp_path, kind, kwargs, out) == wanted


def test_tests_for_other_engines_are_left_out(tmp_path: Path) -> None:
    test = {"title": "t", "in": {}, "out": {}, "only_for": ["bigquery_v2_api"]}
    given = {"expectation_type": BETWEEN, "datasets": [{"data": {"x": [1]}, "tests": [test]}]}
    (tmp_path / "a.json").write_text(json.dumps(given), encoding="utf-8")
    found, left = bench.cases(tmp_path)
    assert not found
    assert len(left) == 1

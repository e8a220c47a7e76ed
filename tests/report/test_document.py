"""The report's own shape: its keys, its order, its honesty about synthetic data."""

from __future__ import annotations

import random

import pydantic
import pytest

from report import sample


def test_findings_have_one_order_however_they_are_given() -> None:
    report, _ = sample.make()
    shuffled = list(report.findings)
    random.Random(1).shuffle(shuffled)
    again = report.model_copy(update={"findings": tuple(shuffled)})
    again = type(report).model_validate(again.model_dump())
    assert again.findings == report.findings
    assert report.findings[0].level == "red"
    assert report.findings[-1].verdict == "insufficient"
    assert [f.place.start_s for f in report.findings[:3]] == [133.4, 1502.2, 1530.0]


def test_a_report_on_a_synthetic_asset_must_say_so() -> None:
    report, _ = sample.make()
    with pytest.raises(pydantic.ValidationError, match="synthetic"):
        type(report).model_validate({**report.model_dump(), "synthetic": False})


def test_created_needs_a_time_zone() -> None:
    report, _ = sample.make()
    with pytest.raises(pydantic.ValidationError):
        type(report).model_validate({**report.model_dump(), "created": "2026-11-21T09:30:00"})


def test_a_table_with_a_short_row_is_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="one value a column"):
        type(sample.table("x")).model_validate({**sample.table("x").model_dump(), "rows": ((1, 2),)})

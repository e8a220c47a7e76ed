"""The JSON form and its published schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from report import sample
from taihang.core import errors
from taihang.report import json as form

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "report.schema.json"
KEYS = [
    "form",
    "title",
    "created",
    "synthetic",
    "asset",
    "findings",
    "scorecard",
    "produced_by",
    "not_judged",
    "limits",
    "sections",
]


def test_the_published_schema_is_the_one_of_the_code() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == form.schema()


def test_what_is_written_fits_the_published_schema() -> None:
    report, _ = sample.make()
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    value = json.loads(form.dump(report))
    jsonschema.Draft202012Validator(schema).validate(value)
    assert list(value) == KEYS
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**value, "asset": {**value["asset"], "sha256": "no"}})


def test_it_is_read_back_equal_and_written_again_byte_for_byte() -> None:
    report, _ = sample.make()
    data = form.dump(report)
    assert form.load(data) == report
    assert form.dump(form.load(data)) == data


def test_ids_are_those_that_the_timeline_points_at() -> None:
    report, _ = sample.make()
    value = json.loads(form.dump(report))
    ids = {found["id"] for found in value["findings"]}
    lanes = next(s for s in value["sections"] if s["kind"] == "timeline")["lanes"]
    assert {span["finding"] for span in lanes[0]["spans"]} == ids
    assert value["asset"]["id"] == report.asset.id


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b"\xff", b'{"asset": {}, "findings": []}', b"[" * 100_000]
)
def test_what_is_not_a_report_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(errors.UserError, match="not a Taihang report") as caught:
        form.load(data)
    assert "\n" not in str(caught.value)

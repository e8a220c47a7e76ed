"""The chain in Python gives the YAML of a file, whatever library the frame is of."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import taihang
from taihang.core import errors
from taihang.data.quality.exchange import openlineage
from taihang.rules import rulebook

TABLE = pa.table({"id": [1, 2, 2], "age": [5, 200, None], "note": ["a", "", "b"]})


class Stream:
    """Some other library's frame, which offers an Arrow stream."""

    def __arrow_c_stream__(self, schema: Any = None) -> Any:
        return TABLE.__arrow_c_stream__(schema)


@pytest.mark.parametrize("frame", [TABLE, Stream()], ids=["arrow", "stream"])
def test_a_chain_is_judged_and_written(frame: Any) -> None:
    chain = (
        taihang.expect(frame, "people")
        .unique("id", level="red")
        .range("age", min=0, max=120)
        .not_blank("note", tolerate={"count": 1})
        .where('"age" = "id"', title="age is no id")
        .foreign_key("id", "depts", ["k"])
    )
    found = chain.check(depts=pa.table({"k": [1]}))
    assert [(o.rows.tolist(), o.broken) for o in found.outcomes] == [
        ([1, 2], True), ([1], True), ([1], False), ([], False), ([1, 2], True),
    ]  # fmt: skip
    book = rulebook.loads(chain.to_yaml("people"))
    assert [c.rule.check.kind if c.rule.check else "where" for c in book.rules] == [
        "unique", "range", "not_blank", "where", "foreign_key",
    ]  # fmt: skip
    assert book.rules[0].rule.level.value == "red"


def test_pandas_and_polars_too_where_they_are() -> None:
    frames = []
    for name in ("pandas", "polars", "narwhals"):
        module = pytest.importorskip(name) if name == "pandas" else None
        if module is not None:
            frames.append(module.DataFrame({"id": [1, 1]}))
    for frame in frames:
        assert taihang.expect(frame).unique("id").check().outcomes[0].rows.tolist() == [0, 1]


def test_what_is_no_frame_and_no_kind_is_told() -> None:
    with pytest.raises(errors.UserError, match="int"):
        taihang.expect(3).unique("id").check()
    with pytest.raises(AttributeError, match="made_up"):
        taihang.expect(TABLE).made_up("id")


def test_lineage_is_told_what_was_asserted_and_nothing_of_what_was_not_judged() -> None:
    table = pa.table({"id": [1, 1], "none": pa.nulls(2, pa.float64())})
    found = taihang.expect(table, "t").unique("id").not_null("id").finite("none").check()
    facet = openlineage.facets(found, "urn:taihang")["t"]["dataQualityAssertions"]
    assert facet["assertions"] == [
        {"assertion": "1-unique", "success": False, "column": "id"},
        {"assertion": "2-not-null", "success": True, "column": "id"},
    ]
    client = pytest.importorskip("openlineage.client.facet_v2")
    given = [client.data_quality_assertions_dataset.Assertion(**one) for one in facet["assertions"]]
    theirs = client.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=given)
    assert theirs._get_schema() == facet["_schemaURL"]

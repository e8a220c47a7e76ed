"""Records of TC609-5-2025-02 are read, checked and written; TC609-5-2025-04 judges what can be judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taihang.app import assess
from taihang.core import errors
from taihang.data.quality import standards
from taihang.data.quality.media import documents, tc609
from taihang.rules import rulebook
from tests.data.quality.media import folders

BOOK = "tc609-5-2025-04"


def _record(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": f"r{number}",
        "rid": [],
        "data_content": [{"media_type": "text", "content": "井下作业人员须佩戴安全帽。"}],
        "annotation": {"label": [{"topic": "安全"}], "annotation_method": "人工标注", "annotator": "专业标注员"},
        "original_time": "2026-07-25",
        "last_modified_time": "2026-07-25 08:00:00",
        "version": "1.0.0",
        "license": "开源",
        "source": "自采",
        "source_details": "矿区一号井",
        "generated_data_indicator": 0,
        **more,
    }


def test_a_record_in_order_has_no_fault() -> None:
    found = tc609.check(_record())
    assert {name for name, value in found.items() if value} == {"id"}
    assert tc609.timed(_record()) is None


@pytest.mark.parametrize(
    ("more", "column", "value"),
    [
        ({"version": 1}, "wrong", "version"),
        ({"generated_data_indicator": True}, "wrong", "generated_data_indicator"),
        ({"annotation": {"label": []}}, "annotation_fault", "label"),
        ({"annotation": {"label": [1], "annotation_method": "猜"}}, "annotation_fault", "annotation_method"),
        ({"annotation": {"label": [1], "annotator": "谁"}}, "annotation_fault", "annotator"),
        ({"data_content": []}, "media_fault", "data_content"),
        ({"data_content": [{"media_type": "text", "content": " "}]}, "media_fault", "content"),
        ({"source_details": ""}, "untold", "source_details"),
    ],
)
def test_each_fault_stands_in_its_column(more: dict[str, Any], column: str, value: str) -> None:
    found = tc609.check(_record(**more))
    assert found[column] == value


def test_a_field_that_is_missing_and_a_time_that_is_none() -> None:
    record = _record()
    del record["license"], record["id"]
    assert tc609.check(record)["missing"] == "id, license"
    assert tc609.timed(_record(original_time="昨天")) == "original_time"


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda v: (
            st.lists(v)
            | st.dictionaries(
                st.sampled_from(["data_content", "annotation", "id", "label", "media_type", "content", "x"]), v
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_a_record_is_it_is_judged(value: Any) -> None:
    found = tc609.check(value)
    assert found.get("fault") or found["missing"]
    tc609.contents(value)
    tc609.timed(value)
    tc609.lost(value, "a.jsonl", set())


def test_what_is_written_is_read_in_order(tmp_path: Path) -> None:
    assert tc609.write(tmp_path / "a.jsonl", [_record(1), _record(2)]) == 2
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [_record(1), _record(2)]


@pytest.mark.parametrize("bad", [_record(1), _record(2, license=None), {"id": "x"}])
def test_nothing_is_written_when_one_record_is_not_in_order(bad: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(errors.UserError) as caught:
        tc609.write(tmp_path / "a.jsonl", [_record(1), bad])
    assert "2" in str(caught.value)
    assert not (tmp_path / "a.jsonl").exists()


def test_the_book_has_the_seventeen_indicators_and_the_twenty_three_items_and_says_where_they_are_from() -> None:
    book, standard = standards.load(BOOK)
    assert book == BOOK
    assert standard.read == "secondary"
    assert len([c for c in standard.characteristics if "." not in c]) == 17
    assert len([c for c in standard.characteristics if "." in c]) == 23
    for compiled in rulebook.load(BOOK).rules:
        assert compiled.rule.reason is not None, compiled.rule.id
        tags = [t.removeprefix(f"{BOOK}.") for t in compiled.rule.tags]
        assert tags
        assert set(tags) <= set(standard.characteristics)


def test_a_data_set_is_judged_by_the_standard_and_what_nothing_measures_is_unknown(tmp_path: Path) -> None:
    root = tmp_path / "set"
    picture = {"media_type": "image", "content": "images/a.jpg"}
    folders.image(root / "images" / "a.jpg")
    gone = {"media_type": "image", "content": "images/gone.jpg"}
    records: list[Any] = [_record(1, data_content=[picture]), _record(1), _record(3, data_content=[gone]), "nothing"]
    folders.lines(root / "records.jsonl", records)
    (root / "README.md").write_text(
        "# 数据集说明\n规模：3 条；格式 jsonl；目录结构见下；下载与联系：安全部\n", encoding="utf-8"
    )
    options = assess.Options(formats=("json",))
    assess.assess(root, rules=BOOK, lang="zh", out=tmp_path / "out", options=options)
    told = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    counts = {one["rule"]["id"]: one["measured"].get("rows") for one in told["findings"]}
    assert counts["tc609.0201"] == 2
    assert counts["tc609.0206"] == 1
    assert "tc609.0101" not in counts
    assert counts["tc609.0104"] == 5
    table = next(s for s in told["sections"] if s["kind"] == "table" and "TC609-5-2025-04" in s["title"]["en"])
    rows = {row[0]["en"][:4]: row for row in table["rows"]}
    assert rows["0305"][2] == 0
    assert rows["0305"][4]["en"] == "unknown"
    assert any(one["rule"] == "tc609.0208-0303" for one in told["not_judged"])


def test_every_aspect_of_a_document_is_told_once() -> None:
    assert set(documents.ASPECTS) == {"0101", "0102", "0103", "0104"}
    assert documents.describes("README.md")
    assert not documents.describes("data/readme.jpg")

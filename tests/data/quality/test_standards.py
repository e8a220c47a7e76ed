"""Standards: every characteristic has a measure, and every measure an example that breaks it and one that keeps it."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from taihang.core import errors
from taihang.data.quality import assessment, changes, standards
from taihang.rules import rulebook
from tests.data.quality import books

BOOKS = ("gbt-36344", "dama-six", "iso-25012", "iso-5259-2")
AS_OF = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
NEW, OLD = datetime.datetime(2026, 11, 20), datetime.datetime(2020, 1, 1)
OTHER = pa.table({"k": [1, 2, 3], "v": ["a", "b", "b"]})


def column(good: list[Any], bad: list[Any], **more: Any) -> tuple[dict[str, Any], pa.Table, pa.Table]:
    return {"column": "c", **more}, pa.table({"c": good}), pa.table({"c": bad})


FILLED = column(["a", "b"], ["a", " "])
LISTED = column(["a", "b"], ["a", "z"], values=["a", "b"])
FRESH = column([OLD, NEW], [OLD, OLD], within="30d")
SHARE = column([1.0, 1.0], [1.0, 0.0], least=0.9)
SEMANTIC = column(["11010519491231002X"], ["110105194912310021"], **{"is": "id-card"})
NO_PERSON = column(["No. 123456", "+86 138****5678"], ["call 13812345678"])
EQUAL = (
    {"keys": ["k"], "columns": ["v"], "other": "o"},
    pa.table({"k": [1, 2], "v": ["a", "b"]}), pa.table({"k": [1, 2], "v": ["a", "a"]}),
)  # fmt: skip
KNOWN = (
    {"columns": ["v"], "other": "o", "other_columns": ["v"]}, pa.table({"v": ["a", "b"]}), pa.table({"v": ["a", "z"]}),
)  # fmt: skip
FOLLOWS = (
    {"columns": ["k"], "dependent": "v"},
    pa.table({"k": [1, 1], "v": ["a", "a"]}), pa.table({"k": [1, 1], "v": ["a", "b"]}),
)  # fmt: skip
ONCE = {"columns": ["k"]}, pa.table({"k": [1, 2]}), pa.table({"k": [1, 1]})
DATES = (
    {"first": "a", "then": "b"}, pa.table({"a": [OLD], "b": [NEW]}), pa.table({"a": [NEW], "b": [OLD]}),
)  # fmt: skip
RANGE = column([1, 5], [1, 50], least=0, most=10)
EXAMPLES: dict[str, tuple[dict[str, Any], pa.Table, pa.Table]] = {
    "data-standard": LISTED, "data-model": column(["1", "2"], ["1", "x"], type="BIGINT"),
    "metadata": column(["AB1"], ["ab"], pattern="[A-Z]+[0-9]"), "business-rule": RANGE, "reference-data": KNOWN,
    "security-norm": NO_PERSON, "element-completeness": FILLED, "record-completeness": (
        {"least": 2}, pa.table({"c": [1, 2]}), pa.table({"c": [1]})),
    "content-correctness": EQUAL, "format-compliance": SEMANTIC, "duplication": ONCE, "uniqueness": ONCE,
    "dirty-data": column(["a"], ["a", "N/A"], values=["N/A"]), "same-data": FOLLOWS, "related-data": KNOWN,
    "over-period": column([NEW], [OLD], least="2026-01-01", most="2026-12-31"), "at-moment": FRESH, "sequence": DATES,
    "accessible": SHARE, "available": FRESH, "completeness": FILLED, "timeliness": FRESH,
    "validity": column(["AB1"], ["ab"], pattern="[A-Z]+[0-9]"), "accuracy": EQUAL, "consistency": FOLLOWS,
    "credibility": LISTED, "currentness": FRESH, "accessibility": FILLED, "compliance": SEMANTIC,
    "confidentiality": NO_PERSON, "efficiency": column(["a", "b"], ["a", "12.5"]),
    "precision": column([1.25, 2.5, -3.0], [1.255], digits=2), "traceability": FILLED, "understandability": KNOWN,
    "availability": SHARE, "portability": column(["太行 ok"], ["a\x07b"]), "recoverability": EQUAL,
    "auditability": FILLED, "balance": column(["a", "b"] * 5, ["a"] * 9 + ["b"], least=0.5),
    "diversity": column(["a", "b", "c"], ["a"] * 30 + ["b"], least=0.5),
    "effectiveness": column(["a", "b"] * 5, ["a"] * 9 + ["b"], least=3),
    "identifiability": ({"columns": ["c", "d"], "k": 2}, pa.table({"c": [1, 1], "d": [2, 2]}),
                        pa.table({"c": [1, 1, 1], "d": [2, 2, 3]})),
    "relevance": LISTED, "representativeness": ({"column": "v", "other": "o", "tolerance": 0.2},
                                                pa.table({"v": ["a", "b", "b"]}), pa.table({"v": ["a"] * 3})),
    "similarity": ONCE,
}  # fmt: skip


def judged(folder: Path, book: str, template: str, table: pa.Table) -> assessment.Outcome:
    given = EXAMPLES[template.removeprefix(f"{book}.")][0]
    both = {"zh": "题", "en": "t"}
    text = {"taihang": "rules/1", "id": "own", "version": "1", "title": both, "extends": [book],
            "rules": [{"id": "r", "use": template, "with": {"table": "t", **given}}]}  # fmt: skip
    made = rulebook.loads(json.dumps(text, ensure_ascii=False))
    found = assessment.assess(made, books.targets(folder, t=table, o=OTHER), as_of=AS_OF)
    return changes.judged(found, ())[0].outcomes[0]


@pytest.mark.parametrize(("book", "template"), [(b, t) for b in BOOKS for t in rulebook.load(b).templates])
def test_a_measure_is_broken_by_one_example_and_kept_by_another(tmp_path: Path, book: str, template: str) -> None:
    _, good, bad = EXAMPLES[template.removeprefix(f"{book}.")]
    kept, broken = judged(tmp_path, book, template, good), judged(tmp_path, book, template, bad)
    assert kept.judged
    assert not kept.broken
    assert broken.broken


@pytest.mark.parametrize("name", BOOKS)
def test_every_characteristic_has_a_measure_and_says_where_it_is_from(name: str) -> None:
    book, standard = standards.load(name)
    text = rulebook.load(name)
    assert len(text.templates) >= len(standard.characteristics)
    counted = {"dama-six": 6, "gbt-36344": 6, "iso-25012": 15, "iso-5259-2": 20}
    assert len(standard.characteristics) == counted[book]
    assert standard.read in {"primary", "secondary"}
    assert standard.sources


def test_the_scorecard_is_put_under_a_standard_and_unknown_stays_unknown(tmp_path: Path) -> None:
    table = pa.table({"c": ["a", None, None, "b"]})
    found = books.assessed(
        tmp_path,
        {"check": {"kind": "not_null", "column": "c"}},
        {"check": {"kind": "not_null", "column": "c"}, "tags": ["iso-25012.traceability"]},
        t=table,
    )
    section = standards.section(found, "iso-25012")
    rows = {row[0].en: row[1:] for row in section.rows}  # type: ignore[union-attr]
    assert rows["completeness"] == (1, 4, 2, "50.0%", 1)
    assert rows["traceability"] == (1, 4, 2, "50.0%", 1)
    assert rows["accuracy"][3].zh == "未知"
    assert "二手" in section.title.zh
    with pytest.raises(errors.UserError, match="mine-ppe"):
        standards.load("mine-ppe")


def test_a_distance_between_spreads_is_the_half_sum_of_differences(tmp_path: Path) -> None:
    outcome = judged(tmp_path, "iso-5259-2", "iso-5259-2.representativeness", pa.table({"v": ["a", "a", "b", "z"]}))
    # Shares here 1/2 a, 1/4 b, 1/4 z; there 1/3 a, 2/3 b.
    assert outcome.measured["value"] == pytest.approx((1 / 6 + 5 / 12 + 1 / 4) / 2)

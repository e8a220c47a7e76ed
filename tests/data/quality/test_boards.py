"""Boards, history, trials on a sample, rules about change, and what samples hide."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taihang.app import assess
from taihang.core import errors
from taihang.data.quality import boards, history
from taihang.report import charts
from tests.data.quality import books

ROWS = 1200
START = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))
    return tmp_path


def write(folder: Path, bad: list[int], rows: int = ROWS) -> Path:
    ages = np.full(rows, 30)
    ages[bad] = 300
    days = [datetime.date(2026, 1, 1) + datetime.timedelta(days=n // 100) for n in range(rows)]
    table = pa.table({
        "id": np.arange(rows), "age": ages, "day": days,
        "customer_name": ["王小明"] * rows, "mobile": ["13812345678"] * rows, "note": ["打 13812345678 找他"] * rows,
    })  # fmt: skip
    pq.write_table(table, folder / "people.parquet", row_group_size=500)
    return folder / "people.parquet"


def rules(folder: Path, *made: dict[str, Any]) -> Path:
    both = {"zh": "题", "en": "title"}
    text = {"taihang": "rules/1", "id": "b", "version": "1", "title": both,
            "rules": [{"id": f"r{n}", "table": "people", **one} for n, one in enumerate(made)]}  # fmt: skip
    path = folder / "b.rules.yaml"
    path.write_text(json.dumps(text, ensure_ascii=False), encoding="utf-8")
    return path


def run(folder: Path, day: int, **options: Any) -> assess.Assessed:
    moment = START + datetime.timedelta(days=day)
    book = folder / "b.rules.yaml"
    return assess.assess(
        folder / "people.parquet", rules=book, as_of=moment, out=folder / f"out{day}",
        options=assess.Options(formats=("json",), **options),
    )  # fmt: skip


def chart(done: assess.Assessed, kind: type) -> Any:
    found = [s for s in done.report.sections if isinstance(s, kind)]
    return found[0] if found else None


GROWN = {"check": {"kind": "range", "column": "age", "max": 120}}


def test_the_heat_map_counts_the_bad_rows_of_each_block_and_of_each_day(at_home: Path) -> None:
    write(at_home, [0, 1, 250, 1199])
    rules(at_home, GROWN)
    blocks = chart(run(at_home, 0), charts.Heat)
    assert [c.bad for c in blocks.cells[0]] == [2, 0, 1, *[0] * 8, 1]
    assert [c.total for c in blocks.cells[0]] == [100] * 12
    days = chart(run(at_home, 1, by_time=["day"]), charts.Heat)
    assert days.columns[0].en == "2026-01-01"
    assert [c.bad for c in days.cells[0]] == [2, 0, 1, *[0] * 8, 1]
    with pytest.raises(errors.UserError, match="nope"):
        run(at_home, 2, by_time=["people.nope"])
    with pytest.raises(errors.UserError, match="customer_name"):
        run(at_home, 2, by_time=["customer_name"])


def test_a_row_counts_once_for_a_column_however_many_rules_it_breaks(at_home: Path) -> None:
    write(at_home, [5])
    rules(at_home, GROWN, {"check": {"kind": "range", "column": "age", "max": 200}})
    assert sum(c.bad for c in chart(run(at_home, 0), charts.Heat).cells[0]) == 1


def test_the_trend_has_one_point_a_run_and_a_torn_line_breaks_nothing(at_home: Path) -> None:
    rules(at_home, GROWN)
    for day, bad in enumerate(([0], [0, 1], [0, 1, 2])):
        write(at_home, bad)
        done = run(at_home, day)
        trend = chart(done, charts.Trend)
        assert (trend is None) == (day == 0)
        path = next((at_home / "home/quality/history").iterdir())
        with path.open("ab") as stream:
            stream.write(b'{"at": "2026')
    values = [p.value for p in next(line for line in trend.lines if line.label.en == "validity").points]
    assert values == pytest.approx([1 - n / ROWS for n in (1, 2, 3)])


def test_a_change_is_judged_from_the_second_run_on_and_may_be_tolerated(at_home: Path) -> None:
    rules(
        at_home,
        {"check": {"kind": "change", "function": "count", "column": "id", "fall": 0.1, "rise": 0.1}},
        {**GROWN, "tolerate": {"change": 0.01}},
    )
    write(at_home, [0])
    first = run(at_home, 0)
    assert [(n.rule, n.code) for n in first.report.not_judged] == [("r0", "first_run")]
    assert {f.rule.id for f in first.report.findings} == {"r1"}  # nothing to compare with tolerates nothing
    write(at_home, [0, 1, 2])
    assert not run(at_home, 1).report.findings
    write(at_home, list(range(50)), rows=1000)
    third = run(at_home, 2)
    assert {f.rule.id for f in third.report.findings} == {"r0", "r1"}
    assert third.report.findings[0].measured["other"] == ROWS


def test_a_sample_may_fail_and_never_passes(at_home: Path) -> None:
    write(at_home, [3, 1100])
    rules(at_home, GROWN, {"check": {"kind": "not_null", "column": "id"}}, {"check": {"kind": "row_count", "min": 500}})
    done = run(at_home, 0, sample=100)
    assert done.sampled == 100
    assert [(f.rule.id, f.measured["rows"]) for f in done.report.findings] == [("r0", 1)]
    assert [(n.rule, n.code) for n in done.report.not_judged] == [("r2", "sample")]
    assert not [s for s in done.report.scorecard.scores if s.passed]
    assert "100" in done.report.limits[0].en
    assert not (at_home / "home/quality/history").exists()  # a trial is no run


def test_personal_values_are_hidden_in_samples_unless_asked_for(at_home: Path) -> None:
    write(at_home, [3])
    rules(at_home, GROWN)
    hidden = run(at_home, 0).page.read_text(encoding="utf-8")
    assert "13812345678" not in hidden
    assert "王小明" not in hidden
    shown = run(at_home, 1, show_values=True).page.read_text(encoding="utf-8")
    assert "13812345678" in shown
    assert "王小明" in shown


def test_a_history_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("a file")
    kept = history.History(tmp_path / "history")
    with pytest.raises(errors.Failure):
        kept.add("a", history.Run(at=START, sha256="", rulebook="b", rulebook_sha256=""))


def test_all_blocks_together_hold_all_bad_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for rows in (1, 5, 12, 13, 997):
        bad = np.flatnonzero(rng.random(rows) < 0.3)
        table = pa.table({"c": np.where(np.isin(np.arange(rows), bad), 9, 0)})
        found = books.assessed(tmp_path, {"check": {"kind": "range", "column": "c", "max": 1}}, t=table)
        made = [one for one in boards.boards(found, boards.scorecard.Scorecard(), ()) if isinstance(one, charts.Heat)]
        assert sum(c.bad for one in made for c in one.cells[0]) == len(bad)
        assert sum(c.total for one in made for c in one.cells[0]) in {0, rows}

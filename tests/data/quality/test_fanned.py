"""Files judged one by one, wherever that is, and merged: the same answer as the whole at once."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taihang.app import assess
from taihang.core import errors
from taihang.data.quality import assessment, fanned, target
from taihang.engines.tasks import tasks
from tests.data.quality import books
from tests.data.quality.test_incremental import BOOK, _put, _same
from tests.data.quality.test_planner import TABLES, _table


class Far(tasks.Tasks):
    """Another process as far as values go: all that is handed over and back is pickled."""

    name = "far"
    threads = 1

    def __init__(self) -> None:
        self.pieces = 0

    def map(self, function: Callable[[Any, Any], Any], shared: Any, items: Sequence[Any]) -> Iterator[Any]:
        held = pickle.dumps((function, shared))
        for item in items:
            self.pieces += 1
            there, beside = pickle.loads(held)
            yield pickle.loads(pickle.dumps(there(beside, pickle.loads(pickle.dumps(item)))))

    def close(self) -> None:
        pass


@hypothesis.given(st.lists(TABLES, min_size=1, max_size=4), TABLES)
@hypothesis.settings(max_examples=12, deadline=None)
def test_merged_of_files_equals_the_whole(first: list[Any], other: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n, rows in enumerate(first):
            _put(folder / "t", "abcd"[n], _table(rows))
        _put(folder / "u", "a", _table(other))
        _put(folder, "w", _table(other[:1]))
        on = target.open_all([f"t={folder / 't'}", f"u={folder / 'u'}", f"w={folder / 'w.parquet'}"])
        place = Far()
        found = fanned.assess(BOOK, on, place=place)
        assert place.pieces == (len(first) if len(first) > 1 else 0)
        _same(found, assessment.assess(BOOK, on))


def test_keys_that_are_texts_are_compared_across_files(tmp_path: Path) -> None:
    for n, words in enumerate([["a", "b"], ["c"], [], ["d", "b", None, None], ["a"]]):
        _put(tmp_path / "t", f"f{n}", pa.table({"s": pa.array(words, pa.string())}))
    book = books.book({"check": {"kind": "unique", "columns": ["s"]}})
    found = fanned.assess(book, target.open_all([f"t={tmp_path / 't'}"]), place=Far())
    assert books.rows(found) == [[0, 1, 4, 7]]
    assert found.outcomes[0].judged == 6


def test_a_rule_that_cannot_run_names_its_place_and_a_broken_file_is_told(tmp_path: Path) -> None:
    for n in range(3):
        _put(tmp_path / "t", f"f{n}", pa.table({"s": [f"{n}", "x"]}))
    on = target.open_all([f"t={tmp_path / 't'}"])
    both = {"zh": "{rows}", "en": "{rows}"}
    bad = books.book({"where": "CAST(s AS BIGINT) > 1", "level": "red", "dimension": "validity", "title": both | {},
                      "message": both})  # fmt: skip
    with pytest.raises(errors.UserError) as near:
        assessment.assess(bad, on)
    with pytest.raises(errors.UserError) as far:
        fanned.assess(bad, on, place=Far())
    assert str(far.value) == str(near.value)

    whole = (tmp_path / "t" / "f1.parquet").read_bytes()
    (tmp_path / "t" / "f1.parquet").write_bytes(b"PAR1" + b"\0" * (len(whole) - 4))  # after it was opened
    book = books.book({"check": {"kind": "not_null", "column": "s"}})
    found = fanned.assess(book, on, place=Far())
    assert found.totals == {"t": 4}
    assert [fault.part for fault in on["t"].source.faults.listed] == ["f1.parquet"]


def test_where_tasks_run_is_checked_before_anything_is_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"s": ["a"]}), tmp_path / "t.parquet")
    given = f"t={tmp_path / 't.parquet'}"
    with pytest.raises(errors.UserError, match="ray://"):
        assess.assess(given, out=tmp_path / "out", options=assess.Options(tasks="moon"))
    with pytest.raises(errors.UserError, match="--incremental"):
        assess.assess(given, out=tmp_path / "out", options=assess.Options(tasks="ray", incremental=True))
    assert not (tmp_path / "out" / "report.json").exists()

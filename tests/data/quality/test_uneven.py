"""Files that are broken in some columns, judged part by part: what one pass cannot read no pass shows, or counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from taihang.data.quality import assessment, fanned, incremental, positions, target
from tests.data.quality import books
from tests.data.quality.test_fanned import Far

BOOK = books.book(
    {"check": {"kind": "unique", "columns": ["key"]}},
    {"check": {"kind": "unique", "columns": ["number"]}},
    {"check": {"kind": "not_null", "column": "seen"}},
    {"check": {"kind": "foreign_key", "columns": ["key"], "other": "u", "other_columns": ["key"]}},
    {"check": {"kind": "aggregate", "function": "sum", "column": "number", "min": 0}},
    {"check": {"kind": "aggregate", "function": "median", "column": "number", "min": 0}},
    {"check": {"kind": "functional_dependency", "columns": ["key"], "dependent": "number"}},
)
Run = Callable[[Mapping[str, target.Target], Path], assessment.Assessment]
RUNS: dict[str, Run] = {
    "incremental": lambda on, folder: incremental.assess(BOOK, on, state=folder / "state")[0],
    "fanned": lambda on, _: fanned.assess(BOOK, on, place=Far()),
}


def _table(first: int) -> pa.Table:
    rows = range(first, first + 400)
    # The last row of every file has the key and the number of the one before; each hundredth was not seen.
    last = [n if n % 400 != 399 else n - 1 for n in rows]
    seen = [None if n % 100 == 60 else f"seen {n:05}" for n in rows]
    return pa.table({"key": [f"key {n:05}" for n in last], "number": last, "seen": seen,
                     "unused": [f"unused {n:05}" for n in rows]})  # fmt: skip


def _put(path: Path, first: int, *broken: str) -> None:
    """Four groups of a hundred rows; that with the text `broken` cannot be read in its column."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f".{path.name}")
    pq.write_table(_table(first), part, row_group_size=100, compression="none", use_dictionary=False,
                   write_page_checksum=True)  # fmt: skip
    data = bytearray(part.read_bytes())
    for text in broken:
        # Statistics name a group's first and last values too: its pages come before.
        data[data.index(text.encode()) + 2] ^= 0x40
    part.write_bytes(data)
    part.replace(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    known = [f"key {n:05}" for n in range(1200) if n not in {333, 777}]
    (tmp_path / "u").mkdir()
    pq.write_table(pa.table({"key": known}), tmp_path / "u" / "u.parquet")
    for n in range(3):
        _put(tmp_path / "t" / f"f{n}.parquet", 400 * n)
    return tmp_path


def _targets(folder: Path) -> dict[str, target.Target]:
    return target.open_all([f"t={folder / 't'}", f"u={folder / 'u'}"])


def _shown(found: assessment.Assessment) -> list[list[str]]:
    return [
        [str(row["unused"]) for bad in found.bad("t", positions.Positions([o.rows])) for row in bad.data.to_pylist()]
        for o in found.outcomes
    ]


def _all(found: assessment.Assessment) -> list[object]:
    lost = sorted((f.part or "", f.group, f.rows or 0) for f in found.targets["t"].source.faults.listed)
    plain = [(o.judged, o.unknown, o.total, o.broken, o.measured, o.violated) for o in found.outcomes]
    return [plain, _shown(found), found.totals["t"], lost]


@pytest.mark.parametrize("run", RUNS)
def test_columns_broken_in_different_groups_of_a_file(folder: Path, run: str) -> None:
    _put(folder / "t" / "f1.parquet", 400, "key 00450", "seen 00610")
    found = _all(RUNS[run](_targets(folder), folder))
    assert found == _all(assessment.assess(BOOK, _targets(folder)))
    with assessment.assessed(BOOK, _targets(folder)) as here:
        assert found == _all(here)
    assert found[2:] == [1000, [("f1.parquet", 0, 100), ("f1.parquet", 2, 100)]]
    ends = [f"unused {n:05}" for n in (398, 399, 798, 799, 1198, 1199)]
    assert found[1][:4] == [  # type: ignore[index]
        ends, ends, [f"unused {n:05}" for n in (60, 160, 260, 360, 560, 760, *range(860, 1200, 100))],
        ["unused 00333", "unused 00777"],
    ]  # fmt: skip


@pytest.mark.parametrize("run", RUNS)
def test_a_file_broken_where_no_rule_looks_beside_one_that_is_broken_where_one_does(folder: Path, run: str) -> None:
    _put(folder / "t" / "f0.parquet", 0, "unused 00150")
    _put(folder / "t" / "f2.parquet", 800, "seen 00910")
    found = _all(RUNS[run](_targets(folder), folder))
    assert found == _all(assessment.assess(BOOK, _targets(folder)))
    assert found[2:] == [1000, [("f0.parquet", 1, 100), ("f2.parquet", 1, 100)]]


@pytest.mark.parametrize("run", RUNS)
def test_rows_that_cannot_be_shown_are_judged_all_the_same(folder: Path, run: str) -> None:
    _put(folder / "t" / "f0.parquet", 0, "unused 00150")
    found = RUNS[run](_targets(folder), folder)
    assert found.totals["t"] == 1200
    assert len(found.outcomes[2].rows) == 12
    assert _shown(found)[2] == [f"unused {n:05}" for n in range(60, 1200, 100) if n != 160]


def test_what_kept_files_lost_is_told_again_until_they_are_mended(folder: Path) -> None:
    _put(folder / "t" / "f1.parquet", 400, "key 00450", "seen 00610")
    first, _ = incremental.assess(BOOK, _targets(folder), state=folder / "state")
    again, reused = incremental.assess(BOOK, _targets(folder), state=folder / "state")
    assert reused["t"].read == ()
    assert _all(again) == _all(first)
    _put(folder / "t" / "f3.parquet", 1200, "unused 01250")
    more, reused = incremental.assess(BOOK, _targets(folder), state=folder / "state")
    assert reused["t"].read == ("f3.parquet",)
    assert _all(more) == _all(assessment.assess(BOOK, _targets(folder)))
    for name, at in (("f1", 400), ("f3", 1200)):
        _put(folder / "t" / f"{name}.parquet", at)
    whole, reused = incremental.assess(BOOK, _targets(folder), state=folder / "state")
    assert reused["t"].read == ("f1.parquet", "f3.parquet")
    assert _all(whole) == _all(assessment.assess(BOOK, _targets(folder)))
    assert whole.totals["t"] == 1600

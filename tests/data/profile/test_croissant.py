"""What a profile tells other tools about a file."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from taihang.core import ids
from taihang.data.profile import croissant, profiling
from taihang.engines.sources import opening


def test_a_file_is_described_with_its_hash_key_and_types(tmp_path: Path) -> None:
    path = tmp_path / "gas.parquet"
    pq.write_table(pa.table({"id": [1, 2, 3], "ch4": [0.1, 0.2, None], "名": ["a", "b", "a"]}), path)
    found = json.loads(croissant.described(profiling.profile_of(opening.open(path)), file=True))
    assert found["distribution"][0]["sha256"] == ids.digest(path.read_bytes())
    assert found["distribution"][0]["encodingFormat"] == "application/x-parquet"
    rows = found["recordSet"][0]
    assert rows["key"] == [{"@id": "rows/id"}]
    assert [f["dataType"] for f in rows["field"]] == ["sc:Integer", "sc:Float", "sc:Text"]
    assert rows["field"][2]["source"] == {"fileObject": {"@id": "file"}, "extract": {"column": "名"}}


def test_a_folder_has_no_file_to_point_at(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a.csv").write_text("a\n1\n")
    profile = profiling.profile_of(opening.open(tmp_path / "t"))
    assert "distribution" not in json.loads(croissant.described(profile, file=False))

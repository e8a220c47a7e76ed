"""What a receiving end shows of segments that nodes sent, whatever those told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from taihang.app import cli, edge
from taihang.core import ids
from taihang.use.video.cascade import cloud


def _take(kept: cloud.Cloud, number: int, **more: Any) -> str:
    ident = ids.content_id("segment", number)
    facts = json.dumps({"id": ident, "level": "red", **more})
    sent = {"node": "n", "id": ident, "sha256": ids.digest(facts.encode()), "facts": facts, "clip": ""}
    kept.take(json.dumps(sent).encode())
    return ident


def test_open_segments_are_a_line_each_whatever_a_node_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = cloud.Cloud(tmp_path)
    bare = _take(kept, 1)
    hostile = _take(kept, 2, stream="\x1b[2Jgate\nsegment-0000000000000000  red", at=[3], rule={"a": "\u2028"})
    monkeypatch.setattr("sys.argv", ["taihang", "edge", "open", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == {bare, hostile}
    assert all(line.isprintable() for line in lines)
    assert edge.said("Li\r\n\x1b[31mred").endswith("Li   [31mred")

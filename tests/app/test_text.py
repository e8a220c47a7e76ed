"""taihang text as a user meets it: pairs, chats, folders, and input that is broken in every way."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from taihang.app import text
from taihang.core import errors
from taihang.data.quality.text import examples


def _jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return path


def test_a_corpus_is_measured_judged_and_reported(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"instruction": "怎么做？", "input": "", "output": one} for one in examples.CORPUS]
    rows += [
        {"instruction": "怎么做？", "input": "", "output": examples.CORPUS[0].replace("，", ",")},
        {"instruction": "", "input": "", "output": ""},
        {"instruction": "联系谁", "output": "联系人：王伟，电话13812345678。代开发票"},
        {"instruction": "乱", "output": examples.shuffled(examples.OTHER, 1.0)},
    ]
    done = text.text(_jsonl(tmp_path / "a.jsonl", rows), out=tmp_path / "out", fail_on="orange")
    broken = {f.rule.id for f in done.report.findings}
    assert {"text-empty", "text-sensitive", "text-duplicate", "text-personal", "text-perplexity"} <= broken
    assert done.exit_code == 1
    assert done.report.asset.name == "a.jsonl"
    assert "13812345678" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    table = pq.read_table(tmp_path / "out" / "evidence" / "texts.parquet").to_pylist()
    assert len(table) == len(rows)
    assert table[200]["duplicate_of"] == 0
    assert table[203]["perplexity_ratio"] > 4


def test_work_goes_on_from_kept_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _jsonl(tmp_path / "a.jsonl", [{"text": one} for one in examples.CORPUS])
    text.text(path, out=tmp_path / "one")
    from taihang.data.quality.text import observing

    monkeypatch.setattr(observing, "measured", lambda *_: pytest.fail("measured again"))
    again = text.text(path, out=tmp_path / "two")
    assert again.found.totals == {"texts": 200}


def test_texts_of_a_folder_in_mixed_encodings(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text(examples.CHINESE, encoding="utf-8")
    (folder / "b.txt").write_bytes(examples.OTHER.encode("gb18030"))
    (folder / "c.md").write_bytes(b"good line\n" + "\u4e00\u884c".encode() + b"\n\xff\xfe\xff broken\n")
    (folder / "d.txt").write_bytes("好的一行\n".encode() + "国标一行\n".encode("gb18030") * 2)
    done = text.text(folder, out=tmp_path / "out")
    assert done.found.totals == {"texts": 4}
    rows = pq.read_table(tmp_path / "out" / "evidence" / "texts.parquet").to_pylist()
    assert [r["part"] for r in rows] == ["a.txt", "b.txt", "c.md", "d.txt"]
    assert rows[1]["language"] == "zh"
    told = " ".join(one.en for one in done.report.limits)
    assert "c.md" in told


@pytest.mark.long
def test_ten_megabytes_in_one_text(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("井下作业人员必须佩戴自救器。\n" * 230_000, encoding="utf-8")
    assert path.stat().st_size > 9_000_000
    done = text.text(path, out=tmp_path / "out")
    (row,) = pq.read_table(tmp_path / "out" / "evidence" / "texts.parquet").to_pylist()
    assert row["measured"] == 1_000_000
    assert row["characters"] == 230_000 * 15
    assert row["repetition"] > 0.9
    assert any("1000000" in one.en for one in done.report.limits)


def test_chats_are_read_as_question_and_answer(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答案如下"}]
    text.text(_jsonl(tmp_path / "c.jsonl", [{"messages": turns}] * 2), out=tmp_path / "out")
    row = pq.read_table(tmp_path / "out" / "evidence" / "texts.parquet").to_pylist()[1]
    assert (row["question_characters"], row["answer_characters"], row["duplicate"]) == (1, 4, 1)


def test_one_line_for_what_cannot_be_used(tmp_path: Path) -> None:
    two = _jsonl(tmp_path / "two.jsonl", [{"alpha": "一", "beta": "二"}])
    with pytest.raises(errors.UserError, match="--column"):
        text.text(two, out=tmp_path / "out")
    with pytest.raises(errors.UserError, match="gamma"):
        text.text(two, out=tmp_path / "out", column="gamma")
    empty = tmp_path / "none.txt"
    empty.write_text("# nothing\n")
    with pytest.raises(errors.UserError, match="word"):
        text.text(two, out=tmp_path / "out", column="alpha", words_list=empty)

"""Somebody profiles a table, changes it, and profiles it again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from taihang.app import profile
from taihang.core import errors
from taihang.rules import rulebook


def _csv(path: Path, rows: int, missing: int = 0, codec: str = "gb18030") -> Path:
    lines = ["编号,姓名,手机,班次,工时"]
    for i in range(rows):
        name = "" if i < missing else f"{'王李张刘陈'[i % 5]}{'伟芳娜敏静丽强磊军洋'[i % 10]}{'明华'[i % 2]}"
        lines.append(f"K{i:05d},{name},138{i * 7919 % 10**8:08d},{'早中晚'[i % 3]}班,{i % 12 + 0.5}")
    lines.insert(50, "坏行,只有两个")
    path.write_bytes("\n".join(lines).encode(codec))
    return path


def test_the_command_says_what_it_found(tmp_path: Path) -> None:
    _csv(tmp_path / "人员.csv", 400)
    command = [sys.executable, "-m", "taihang", "profile", "人员.csv", "--out", "报告", "--lang", "zh"]
    ran = subprocess.run(
        [str(Path(sys.executable).with_name("taihang")), *command[3:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "人员.csv：400 行，5 列" in ran.stdout
    assert "第 51 行：应有 5 个值，实有 2 个" in ran.stdout
    assert "候选键：编号" in ran.stdout
    assert "含个人信息的列：姓名, 手机" in ran.stdout
    page = (tmp_path / "报告" / "report.html").read_text(encoding="utf-8")
    assert "居民身份证" not in page
    assert "电话号码" in page
    assert "13800007919" not in page
    assert rulebook.load(tmp_path / "报告/evidence/suggested.rules.yaml").rules


def test_a_second_profile_says_what_changed(tmp_path: Path) -> None:
    table = _csv(tmp_path / "t.csv", 400)
    profile.profile(table, out=tmp_path / "one", lang="en")
    _csv(table, 300, missing=30, codec="utf-16")
    done = profile.profile(table, out=tmp_path / "two", baseline=tmp_path / "one")
    assert {(c.what, c.column) for c in done[0].changes} >= {("rows", None), ("nulls", "姓名")}
    report = json.loads((tmp_path / "two/report.json").read_text(encoding="utf-8"))
    assert {"asset", "findings", "scorecard", "produced_by", "not_judged", "sections"} <= report.keys()
    assert report["asset"]["sha256"] == done[0].profile.asset.sha256


def test_several_tables_are_searched_for_foreign_keys(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("id,age\n" + "".join(f"u{i},{20 + i % 40}\n" for i in range(300)))
    (tmp_path / "shifts.csv").write_text("no,who\n" + "".join(f"s{i},u{i % 250}\n" for i in range(900)))
    done = profile.profile(f"staff={tmp_path}/people.csv", tmp_path / "shifts.csv", out=tmp_path / "out")
    assert [(k.column, k.table, k.key) for k in done[1].profile.foreign_keys] == [("who", "staff", "id")]
    assert (tmp_path / "out/shifts/report.html").exists()


@pytest.mark.parametrize(("name", "data"), [("a.parquet", b"PAR1"), ("a.csv", b""), ("a.xyz", b"x"), ("a.json", b"[1")])
def test_what_is_no_table_is_one_line_and_leaves_nothing(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(errors.UserError) as told:
        profile.profile(tmp_path / name, out=tmp_path / "out")
    assert "\n" not in str(told.value)
    assert not (tmp_path / "out").exists()


def test_a_baseline_that_is_none_is_told(tmp_path: Path) -> None:
    table = _csv(tmp_path / "t.csv", 100)
    (tmp_path / "b.json").write_text('{"format": 1}')
    for baseline in (tmp_path / "b.json", tmp_path / "nowhere", table):
        with pytest.raises(errors.UserError, match="no profile"):
            profile.profile(table, out=tmp_path / "out", baseline=baseline)

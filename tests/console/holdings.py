# ruff: noqa: E501 - a rule a line
"""Holdings: a mine's videos, tables, rules and tickets, judged by the platform itself; everything is synthetic."""

from __future__ import annotations

import csv
import datetime
import random
from pathlib import Path

from taihang.app.client import client, words
from taihang.use.video.scene import film, script

RULES = """taihang: rules/1
id: workers
version: "{version}"
title: {{zh: 人员台账, en: Register of workers}}
rules:
- {{id: name, title: {{zh: 姓名已填, en: name is given}}, table: data, level: orange, dimension: completeness, check: {{kind: not_blank, column: name}}}}
- {{id: id-once, title: {{zh: 工号不重复, en: number is used once}}, table: data, level: red, dimension: uniqueness, check: {{kind: unique, columns: [id]}}}}
- {{id: age, title: {{zh: 年龄 18–60, en: age is 18 to 60}}, table: data, level: yellow, dimension: validity, check: {{kind: range, column: age, min: 18, max: 60}}}}
- {{id: post, title: {{zh: 岗位在目录中, en: post is in the list}}, table: data, level: yellow, dimension: consistency, check: {{kind: in_set, column: post, values: [采煤, 掘进, 通风, 机电, 运输]}}}}
- {{id: phone, title: {{zh: 手机号格式, en: phone number has its form}}, table: data, level: blue, dimension: validity, check: {{kind: regex, column: phone, pattern: "1[3-9][0-9]{{9}}"}}}}
- {{id: trained, title: {{zh: 培训日期已填, en: training date is given}}, table: data, level: orange, dimension: completeness, check: {{kind: not_null, column: trained}}}}
"""
_POSTS = ("采煤", "掘进", "通风", "机电", "运输")
_FAMILY, _GIVEN = "张王李赵刘陈杨黄周吴", "伟芳敏静强磊军洋勇艳杰娟涛明超秀霞平"


def workers(path: Path, seed: int, faulty: float, rows: int = 1200) -> Path:
    """A register in which about this share of each column is wrong."""
    chance = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as out:
        made = csv.writer(out)
        made.writerow(["id", "name", "age", "post", "phone", "trained"])
        for number in range(rows):

            def wrong(weight: float = 1.0) -> bool:
                return chance.random() < faulty * weight

            name = chance.choice(_FAMILY) + "".join(chance.choices(_GIVEN, k=chance.choice((1, 2))))
            day = datetime.date(2026, 1, 1) + datetime.timedelta(days=chance.randrange(280))
            made.writerow([
                f"W{number - 1 if number and wrong(0.3) else number:05}", "" if wrong(0.7) else name,
                chance.choice((17, 64, 71)) if wrong() else chance.randint(19, 59),
                "后勤?" if wrong(0.5) else chance.choice(_POSTS),
                "12345" if wrong(1.6) else f"13{chance.randrange(10**9):09}",
                "" if wrong(0.9) else day.isoformat(),
            ])  # fmt: skip
    return path


def tables(on: client.Client, folder: Path) -> list[str]:
    """Four versions of a register, each assessed by an own rulebook; ids of the versions."""
    book = _rulebook(on, "1")
    made = []
    for number, faulty in enumerate((0.09, 0.06, 0.07, 0.025)):
        version = _sent(on, workers(folder / "人员台账.csv", number, faulty), "table", synthetic=True)
        _done(on, on.submit("assess-asset", {"version": version, "rules": book, "table": "data", "lang": "zh"}))
        made.append(version)
    _rulebook(on, "2")
    return made


def video(on: client.Client, folder: Path, seconds: int = 40) -> str:
    """A fixed camera over a roadway, inspected with its zones; the id of its version."""
    events = (
        script.Event(kind="restricted", at_s=4, for_s=6), script.Event(kind="crowding", at_s=13, for_s=7, people=6),
        script.Event(kind="running", at_s=23, for_s=3), script.Event(kind="covered", at_s=30, for_s=4),
    )  # fmt: skip
    plan = script.Script(name="roadway", duration_s=seconds, width=960, height=540, fps=10, events=events)
    truth = film.render(folder / "3号巷道固定摄像机.mp4", plan, seed=4)
    version = _sent(on, truth.video, "video", synthetic=True)
    zones = _sent(on, folder / "3号巷道固定摄像机.zones.yaml", "rulebook")
    given = {"version": version, "zones": zones, "budget": "6%", "lang": "zh"}
    _done(on, on.submit("inspect-asset", given))
    return version


def broken(on: client.Client, folder: Path) -> str:
    """A file that is no video: its job fails."""
    path = folder / "损坏的录像.mp4"
    path.write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(4000))
    version = _sent(on, path, "video")
    job = on.submit("inspect-asset", {"version": version, "lang": "zh"})
    return on.wait(job.id).id


def _rulebook(on: client.Client, version: str) -> str:
    answer = on._line.call("POST", "rulebooks", key=on._line.fresh_key(),
                           json={"name": "workers", "text": RULES.format(version=version)})  # fmt: skip
    return str(answer.json()["id"])


def _sent(on: client.Client, path: Path, kind: str, *, synthetic: bool = False) -> str:
    return str(on.upload(path, kind=kind, synthetic=synthetic).version)


def _done(on: client.Client, job: words.Job) -> words.Job:
    over = on.wait(job.id)
    assert over.state == "done", over
    return over

"""On more than one node the answer is the same, and stays so when a node is killed midway: Ray and Spark, for real."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures import clusters

from taihang.app import assess, profile
from tests.data.quality.media import folders

AS_OF = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
BOTH = {"zh": "{rows}", "en": "{rows}"}
RULES: list[dict[str, Any]] = [
    {"check": {"kind": "not_null", "column": "name"}},
    {"check": {"kind": "range", "column": "gas", "min": 0, "max": 100}},
    {"check": {"kind": "regex", "column": "name", "pattern": "[a-z]+-[0-9]+"}},
    {"check": {"kind": "unique", "columns": ["id"]}},
    {"check": {"kind": "unique", "columns": ["name"]}},
    {"check": {"kind": "foreign_key", "columns": ["site"], "other": "sites", "other_columns": ["code"]}},
    {"check": {"kind": "aggregate", "function": "mean", "column": "gas", "min": 49, "max": 51}},
    {"check": {"kind": "aggregate", "function": "sum", "column": "id", "min": 0}},
    {"check": {"kind": "functional_dependency", "columns": ["site"], "dependent": "region"}},
    {"where": "gas > 99.99 AND site = 3", "level": "red", "dimension": "accuracy", "title": BOTH, "message": BOTH},
]
FILES, ROWS = 16, 20_000


def made(folder: Path) -> tuple[str, str, Path]:
    """A folder of files with defects in all of them, a table beside it, and the rulebook."""
    rng = np.random.default_rng(7)
    (folder / "readings").mkdir()
    for n in range(FILES):
        ids = np.arange(n * ROWS, (n + 1) * ROWS)
        ids[:3] = [5, 6 + n, ids[0]]  # keys that repeat across files
        names = np.array([f"a-{i}" for i in ids], object)
        names[rng.integers(0, ROWS, 5)] = None
        names[17] = f"B-{n % 3}"
        gas, site = rng.uniform(0, 100, ROWS), rng.integers(0, 9, ROWS)
        gas[11], site[12], region = 250.0, 77, site // 3
        region[13] = 99
        columns = {"id": ids, "name": pa.array(names, pa.string()), "gas": gas, "site": site, "region": region}
        pq.write_table(pa.table(columns), folder / "readings" / f"part-{n:02}.parquet", row_group_size=5000)
    pq.write_table(pa.table({"code": list(range(9))}), folder / "sites.parquet")
    rules = [{"id": f"r{n}", "table": "readings", **rule} for n, rule in enumerate(RULES)]
    book = {
        "taihang": "rules/1",
        "id": "readings",
        "version": "1",
        "title": {"zh": "读数", "en": "Readings"},
        "rules": rules,
    }
    path = folder / "readings.rules.yaml"
    path.write_text(json.dumps(book), encoding="utf-8")
    return f"readings={folder / 'readings'}", f"sites={folder / 'sites.parquet'}", path


def verdicts(folder: Path) -> list[tuple[str, Any, Any]]:
    """Each finding of a report: the rule, what was measured, the rows."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return sorted((f["rule"]["id"], f["measured"], f["evidence"][0]["rows"]) for f in report["findings"])


def everything(folder: Path) -> dict[str, str]:
    """All files of a report, by what is in them."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Killer:
    """Progress that ends a node when some of the work is done."""

    def __init__(self, kill: Any) -> None:
        self.kill, self.killed = kill, False

    def update(self, _stage: str, done: float, total: float) -> None:
        if not self.killed and 0 < done < total:
            self.killed = True
            self.kill()


def media(root: Path) -> Path:
    """Pictures, one of them damaged and two alike, films and sounds."""
    root.mkdir()
    for n in range(36):
        folders.image(root / f"p{n:03}.png", seed=n % 34, size=96)
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    still = np.full((64, 64, 3), 120, np.uint8)
    for n in range(3):
        folders.film(root / f"f{n}.mp4", [still + n] * 30)
        folders.audio(root / f"s{n}.wav", np.sin(np.arange(16_000) / (3 + n)) * 0.5)
    return root


class Walk:
    """One user's runs, each with an empty home, so that none finds what another has kept."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.setenv("TAIHANG_HOME", str(folder / "home"))
        self.sources, self.pictures = made(folder), media(folder / "media")

    def assess(self, name: str, tasks: str = "local", progress: Any = None) -> dict[str, str]:
        """The files of a report on tables."""
        *tables, rules = self.sources
        return self._run(name, tables, rules, tasks, progress)

    def look(self, name: str, tasks: str = "local", progress: Any = None) -> dict[str, str]:
        """The files of a report on pictures, films and sounds."""
        return self._run(name, [self.pictures], None, tasks, progress)

    def profile(self, name: str, tasks: str = "local", progress: Any = None) -> dict[str, Any]:
        """All that a profile says, but when."""
        (done,) = profile.profile(self.sources[0], out=self.folder / name, tasks=tasks, progress=progress)
        return done.profile.model_dump(exclude={"created", "freshness"})

    def _run(self, name: str, sources: list[Any], rules: Path | None, tasks: str, progress: Any) -> dict[str, str]:
        shutil.rmtree(self.folder / "home", ignore_errors=True)
        options = assess.Options(tasks=tasks, progress=progress, formats=("html", "json"))
        assess.assess(*sources, rules=rules, as_of=AS_OF, out=self.folder / name / "out", options=options)
        return everything(self.folder / name / "out")


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    monkeypatch.setenv("TAIHANG_TASKS_AHEAD", "4")
    monkeypatch.setenv("TAIHANG_DATASET_BATCH", "3")
    return Walk(tmp_path, monkeypatch)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_media_looked_at_from_outside_a_ray_of_two_nodes_are_what_they_are_here_and_one_may_die(walk: Walk) -> None:
    near = walk.look("near")
    assert {"report.json", "report.html", "evidence/bad-rows-images.parquet"} < set(near)
    with clusters.ray(2, client=True) as cluster:
        assert walk.look("far", cluster.client) == near
        killer = Killer(cluster.kill)
        assert walk.look("less", cluster.client, killer) == near
        assert killer.killed


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_tables_judged_within_a_ray_of_two_nodes_are_what_they_are_here_and_one_may_die(walk: Walk) -> None:
    near = walk.assess("near")
    assert {"report.json", "report.html", "evidence/bad-rows-readings.parquet"} < set(near)
    assert len(verdicts(walk.folder / "near" / "out")) == 8
    profiled = walk.profile("profiled")
    with clusters.ray(2) as cluster:
        address = f"ray:{cluster.address}"
        assert walk.assess("far", address) == near
        killer = Killer(cluster.kill)
        assert walk.profile("profiled-less", address, killer) == profiled
        assert killer.killed
    with clusters.ray(2) as cluster:
        killer = Killer(cluster.kill)
        assert walk.assess("less", f"ray:{cluster.address}", killer) == near
        assert killer.killed


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_two_workers_of_spark_give_what_this_machine_gives_and_one_may_die(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))
    table, sites, rules = made(tmp_path)
    assess.assess(table, sites, rules=rules, out=tmp_path / "near")
    assert len(verdicts(tmp_path / "near")) == 8
    with clusters.spark(2) as cluster:
        for name, kill in (("far", False), ("one-left", True)):
            out = tmp_path / name
            command = [
                sys.executable,
                "-c",
                "from taihang.app import cli; cli.main()",
                "assess",
                table,
                sites,
                "--rules",
                str(rules),
            ]
            told = {**os.environ, "TAIHANG_SPARK_MASTER": cluster.address, "TAIHANG_SPARK_MEMORY": "600m",
                    "TAIHANG_SPARK_DRIVER": "127.0.0.1", "TAIHANG_HOME": str(tmp_path / name / "home")}  # fmt: skip
            started = cluster.executors()
            with subprocess.Popen(
                [*command, "--engine", "spark", "--format", "json", "--out", str(out)],
                env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            ) as child:  # fmt: skip
                while kill and cluster.executors() < started + 2 and child.poll() is None:
                    time.sleep(0.1)
                if kill:
                    time.sleep(2)
                    assert child.poll() is None, "it was over before a worker could be killed"
                    cluster.kill(1)
                said, _ = child.communicate(timeout=900)
            assert child.returncode == 0, said
            assert verdicts(out) == verdicts(tmp_path / "near")

"""Texts, masked tables and histories of files, as jobs that a real worker does."""

from __future__ import annotations

from pathlib import Path

from taihang.app import profile
from tests.app.jobs import crew as crews


def test_jobs_on_files_leave_their_reports_and_are_catalogued(tmp_path: Path) -> None:
    texts, people, history = tmp_path / "texts.jsonl", tmp_path / "people.csv", tmp_path / "history"
    texts.write_text('{"text": "检查瓦斯浓度并做好记录。"}\n' * 3, encoding="utf-8")
    people.write_text("n,phone\n1,13800138000\n2,13800138001\n")
    for n in range(3):
        (tmp_path / "t.csv").write_text("n\n" + "1\n" * (10 + n))
        profile.profile(str(tmp_path / "t.csv"), out=history / str(n), lang="en")
    with crews.crew("sqlite", tmp_path) as crew:
        asked = {
            "text": {"source": str(texts)},
            "mask": {"source": str(people), "name": "masked.csv", "policy": {"method": "drop"}},
            "monitor": {"history": str(history)},
        }
        jobs = {kind: crew.jobs.submit(kind, given, crews.ANN) for kind, given in asked.items()}
        crew.hire()
        for kind, job in jobs.items():
            done = crew.wait(job.id)
            assert done.state == "done", (kind, done.reason)
            folder = crew.jobs.folder(job.id, crews.ANN)
            assert (folder / ("masked.csv" if kind == "mask" else "report.html")).is_file()
            assert done.inputs
        assert "13800138" not in (crew.jobs.folder(jobs["mask"].id, crews.ANN) / "masked.csv").read_text()
        known = crew.catalogue()
        (report,) = known.reports().items  # a history is of many versions, so its report belongs to none
        assert (report.kind, report.job_id) == ("text", jobs["text"].id)
        (masked,) = known.search("masked.csv").items
        assert len(known.lineage.graph(masked.latest, "up").nodes) == 2

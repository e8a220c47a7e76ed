"""What a user does about causes: give events or reports, read chains, and give what cannot be used."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from taihang.app import cataloguing, causes
from taihang.core import asset, errors, evidence, finding, i18n, rule, words
from taihang.model.causes import events, graph
from taihang.report import bundle, document, timeline
from taihang.report import json as reporting
from tests.model.causes import logs

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "causes.schema.json"
HOSTILE = "<script>alert('x')</script>\u202e\"&"
TITLES = {"helmet-off": "未佩戴安全帽", "unsafe-act": HOSTILE, "noise": "照明故障"}


def _run(home: Path, *words_: object, lang: str = "en") -> subprocess.CompletedProcess[str]:
    run = "from taihang.app import cli; cli.main()"
    environment = {**os.environ, "TAIHANG_HOME": str(home), "TAIHANG_LANG": lang, "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", run, "causes", *map(str, words_)],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip


def _table(path: Path, log: events.Log, **titles: str) -> Path:
    with path.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["recording", "kind", "start_s", "end_s", "place", "title"])
        for recording in log.recordings:
            for e in recording.events:
                rows.writerow([recording.name, e.kind, e.start_s, e.end_s, e.place, titles.get(e.kind, e.kind)])
    return path


def _value(out: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((out / causes.GRAPH).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(value)
    return value


def test_the_published_schema_is_the_graphs() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == graph.schema()


@pytest.mark.parametrize(
    ("lang", "headline", "words_"), [("zh", "因果链", "得到支持"), ("en", "Cause chains", "supported")]
)
def test_a_table_of_events_becomes_a_chain_with_a_picture(
    tmp_path: Path, lang: str, headline: str, words_: str
) -> None:
    table = _table(tmp_path / "events.csv", logs.log(1), **TITLES)
    out = tmp_path / "out"
    done = _run(tmp_path / "home", table, "--out", out, "--lang", lang, "--judges", "both", lang=lang)
    assert done.returncode == 0, done.stderr
    assert words_ in done.stdout
    value = _value(out)
    (edge,) = [e for e in value["edges"] if e["verdict"] == "supported"]
    assert (edge["cause"], edge["effect"]) == ("helmet-off", "unsafe-act")
    assert 7 < edge["lag"]["p50"] < 9
    assert edge["confidence"] >= 0.5
    assert value["judges"] == ["statistical", "network"]
    assert value["what_if_by"] == "network"
    assert edge["what_if"] > 0
    page = (out / bundle.html.NAME).read_text(encoding="utf-8")
    assert headline in page
    assert "<svg" in page
    assert "<script" not in page  # a title is a text, in the page and in its picture
    assert "\u202e" not in page
    report = reporting.load((out / reporting.NAME).read_bytes())
    (told,) = [f for f in report.findings if f.verdict == "violated"]
    assert told.confidence.value == edge["confidence"]
    assert told.confidence.method
    (rows,) = told.evidence
    assert isinstance(rows, evidence.Rows)
    assert rows.asset == hashlib.sha256(table.read_bytes()).hexdigest()


def test_what_alone_answered_is_said(tmp_path: Path) -> None:
    done = causes.causes(
        _table(tmp_path / "events.csv", logs.log(1)), out=tmp_path / "out", lang="en", formats=("json",),
        judges="statistical",
    )  # fmt: skip
    told = " ".join(p.en for s in done.report.sections if s.kind == "notes" for p in s.paragraphs)
    assert "the statistical judge alone answers" in told
    assert "generated scenarios" in told


def test_who_spoke_is_said_in_both_languages(tmp_path: Path) -> None:
    done = causes.causes(
        _table(tmp_path / "events.csv", logs.log(1)), out=tmp_path / "out", formats=("json",), judges="both"
    )
    notes = [p for s in done.report.sections if s.kind == "notes" for p in s.paragraphs]
    assert any("graph-attention network" in p.en and "图注意力网络" in p.zh for p in notes)
    assert not any("the statistical judge alone answers" in p.en for p in notes)
    assert any(p.name == "causes:gatv2-branching" for p in done.report.produced_by)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("kind,start_s\na,1\nb,4\n", "too few"),
        ("kind,start_s\n" + "a,5\nb,5\n" * 20, "one moment"),
        ("kind,start_s\n", None),
    ],
)
def test_too_few_events_give_a_report_that_says_so(tmp_path: Path, rows: str, told: str | None) -> None:
    table = tmp_path / "events.csv"
    table.write_text(rows, encoding="utf-8")
    done = causes.causes(table, out=tmp_path / "out", lang="en", formats=("json",))
    assert not done.judged.of("supported")
    if told:
        assert any(told in one.reason.en for one in done.report.not_judged)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("start_s\n1\n", "column kind"),
        ("kind,start_s\na,soon\n", "row 1"),
        ("kind,start_s\n,5\n", "row 1"),
        ("kind,start_s,end_s\na,5,2\n", "no earlier"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    table = tmp_path / "events.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(errors.UserError) as caught:
        causes.causes(table, out=tmp_path / "out", lang="en")
    assert told in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_constraints_in_a_circle_are_refused_with_the_users_exit_code(tmp_path: Path) -> None:
    book = tmp_path / "site.causes.yaml"
    head = "taihang: causes/1\nid: s\nversion: 1\ntitle: {zh: 现, en: S}\n"
    book.write_text(head + "groups: {a: [x], b: [y]}\norder: [[a, b], [b, a]]\n", encoding="utf-8")
    table = _table(tmp_path / "events.csv", logs.log(1))
    done = _run(tmp_path / "home", table, "--out", tmp_path / "out", "--constraints", book, lang="zh")
    assert done.returncode == 2
    assert "先后次序成环：a → b → a" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def inspected(folder: Path, name: str, log: events.Recording) -> Path:
    """A report as inspect writes it, with a picture for each finding."""
    picture = b"\xff\xd8\xff\xe0" + name.encode()
    digest = hashlib.sha256(picture).hexdigest()
    video = hashlib.sha256(name.encode()).hexdigest()
    found, files = [], {}
    for n, e in enumerate(log.events):
        file = f"evidence/f{n}.jpg"
        files[file] = picture
        ref = rule.RuleRef(
            id=e.kind, title=i18n.Text(zh=TITLES[e.kind], en=e.kind), level=words.Level.yellow, dimension="safety",
            rulebook="mine", rulebook_version="1", rulebook_sha256="0" * 64,
        )  # fmt: skip
        frame = evidence.Frame(
            asset=video, time_s=e.start_s, pts=n, number=n, width=4, height=4, file=file,
            digests=(evidence.Digest(sha256=digest, covers="file", file=file),),
        )  # fmt: skip
        place = finding.Place(table="people", keys={"zone": "z", "track": n}, start_s=e.start_s, end_s=e.end_s)
        found.append(finding.Finding(
            rule=ref, verdict="violated", level=words.Level.yellow, place=place, message=ref.title, evidence=(frame,),
        ))  # fmt: skip
    report = document.Report(
        title=i18n.Text(zh=name, en=name), created="2026-11-30T00:00:00Z", findings=tuple(found),  # type: ignore[arg-type]
        asset=asset.Asset(kind="video", name=name, sha256=video, size=1),
        sections=(timeline.Timeline(title=i18n.Text(zh="t", en="t"), duration_s=log.duration_s, lanes=()),),
    )  # fmt: skip
    bundle.write(report, folder, "en", files)
    return folder


def test_reports_of_several_videos_are_judged_together_and_frames_prove_it(tmp_path: Path) -> None:
    for recording in logs.log(1).recordings:
        inspected(tmp_path / "walks" / recording.name, f"{recording.name}.mp4", recording)
    changed = tmp_path / "walks" / "r0" / "evidence" / "f0.jpg"
    changed.write_bytes(b"\xff\xd8\xff\xe0 something else")
    done = causes.causes(tmp_path / "walks", out=tmp_path / "out", lang="en")
    (edge,) = done.judged.of("supported")
    assert (edge.cause, edge.effect) == ("helmet-off", "unsafe-act")
    (told,) = [f for f in done.report.findings if f.verdict == "violated"]
    frames = [e for e in told.evidence if isinstance(e, evidence.Frame)]
    assert len(frames) == 4
    for frame in frames:
        if frame.file is not None:  # what is no longer what its report says is not shown
            digest = next(d.sha256 for d in frame.digests if d.covers == "file")
            assert hashlib.sha256((tmp_path / "out" / frame.file).read_bytes()).hexdigest() == digest
    assert sum(frame.file is not None for frame in frames) >= 3
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "data:image/jpeg" in page


def test_what_was_judged_is_catalogued_with_where_it_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TAIHANG_STORE", "TAIHANG_BLOBS", "TAIHANG_TENANT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))
    tables = [tmp_path / f"{r.name}.csv" for r in logs.log(1).recordings]
    for path, recording in zip(tables, logs.log(1).recordings, strict=True):
        path.write_text(logs.table(recording), encoding="utf-8")
    with cataloguing.opened() as known:
        secret = asset.Asset(kind="table", name="r0", sha256=hashlib.sha256(tables[0].read_bytes()).hexdigest(), size=1)
        known.register(secret, sensitivity="sensitive")
    done = _run(tmp_path / "home", *tables, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    with cataloguing.opened() as known:
        (told,) = known.reports(kind="causes").items
        whole = known.version(told.version_id)
        assert whole.asset.kind == "dataset"
        # As secret as the most secret of what it was made of.
        assert known.asset(whole.asset_id).sensitivity == "sensitive"
        above = {node.id for node in known.lineage.graph(whole.id, direction="up").nodes}
        for path in tables:
            (version,) = known.versions(sha256=hashlib.sha256(path.read_bytes()).hexdigest()).items
            assert version.id in above
    # The same again is the same: nothing is told twice, and nothing is tested anew.
    done = _run(tmp_path / "home", *tables, "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    with cataloguing.opened() as known:
        assert len(known.versions(sha256=whole.asset.sha256).items) == 1


def test_a_report_on_something_else_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    causes.causes(_table(tmp_path / "events.csv", logs.log(1)), out=out, lang="en", formats=("json",))
    with pytest.raises(errors.UserError, match="report on a table"):
        causes.causes(out, out=tmp_path / "again", lang="en")
    with pytest.raises(errors.UserError, match=r"no report\.json"):
        (tmp_path / "empty").mkdir()
        causes.causes(tmp_path / "empty", out=tmp_path / "again", lang="en")

"""The same verbs on a platform elsewhere: joined by its link, same files, same exit codes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures import videos

from tests.walks.test_up import PASSWORD, started

RULES = """\
taihang: rules/1
id: small
version: "1"
title: {zh: 小, en: small}
rules:
  - id: positive
    table: t
    title: {zh: 为正, en: positive}
    level: red
    dimension: validity
    where: n <= 0
    message: {zh: 不为正, en: not positive}
"""


def _taihang(*words: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "taihang"), *words],
        env={**os.environ, "TAIHANG_HOME": str(home), "TAIHANG_LANG": "en", **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def test_verbs_on_a_server_write_what_they_write_here(tmp_path: Path) -> None:
    here = tmp_path / "here"
    table, rules = tmp_path / "t.csv", tmp_path / "small.rules.yaml"
    table.write_text("n\n1\n-2\n3\n")
    rules.write_text(RULES)
    with started(tmp_path / "there") as up:
        base = re.search(r"http://\S+", up.line("is running"))
        link = re.search(r"http://\S+", up.line("administrator"))
        assert base is not None
        assert link is not None
        token = tmp_path / "token"
        joined = _taihang(
            *("remote", "join", link[0], "--login", "chief", "--token-file", str(token)),
            home=here,
            TAIHANG_PASSWORD=PASSWORD,
        )
        assert joined.returncode == 0, joined.stderr
        assert token.stat().st_mode & 0o077 == 0
        server = {"TAIHANG_SERVER": base[0], "TAIHANG_TOKEN": f"file:{token}"}
        words = ("assess", f"t={table}", "--rules", str(rules), "--fail-on", "red", "--out")
        far = _taihang(*words, str(tmp_path / "far"), home=here, **server)
        near = _taihang(*words, str(tmp_path / "near"), home=here)
        assert (far.returncode, near.returncode) == (1, 1), far.stderr + near.stderr
        assert _names(tmp_path / "far") == _names(tmp_path / "near")
        listed = _taihang("remote", "jobs", home=here, **server)
        assert "assess-asset\tdone" in listed.stdout
        kept = _taihang("catalog", "keep", "--days", "3", "--kind", "video", home=here, **server)
        assert kept.stdout == "kind video, sensitivity *: kept 3 days, due after –\n", kept.stderr
        refused = _taihang(*words, str(tmp_path / "x"), "--engine", "duckdb", home=here, **server)
        assert refused.returncode == 2
        assert "--engine" in refused.stderr
        broken = _taihang(*words, str(tmp_path / "y"), home=here, TAIHANG_SERVER=base[0], TAIHANG_TOKEN="tht_no")
        assert broken.returncode == 2
        assert len(broken.stderr.splitlines()) == 1
        assert up.stop() == 0
    away = _taihang("remote", "jobs", home=here, **server)
    assert away.returncode == 3
    assert "does not answer" in away.stderr


@pytest.mark.long
@pytest.mark.timeout(900)
def test_texts_masks_histories_and_certificates_there(tmp_path: Path) -> None:
    here, token = tmp_path / "here", tmp_path / "token"
    (tmp_path / "small.rules.yaml").write_text(RULES)
    (tmp_path / "t.csv").write_text("n\n1\n-2\n3\n")
    with started(tmp_path / "there") as up:
        base = re.search(r"http://\S+", up.line("is running"))
        link = re.search(r"http://\S+", up.line("administrator"))
        assert base is not None
        assert link is not None
        _taihang(
            *("remote", "join", link[0], "--login", "chief", "--token-file", str(token)),
            home=here,
            TAIHANG_PASSWORD=PASSWORD,
        )
        server = {"TAIHANG_SERVER": base[0], "TAIHANG_TOKEN": f"file:{token}"}
        words = ("assess", f"t={tmp_path / 't.csv'}", "--rules", str(tmp_path / "small.rules.yaml"))
        told = _taihang(*words, "--out", str(tmp_path / "bad"), home=here, **server)
        _errands(tmp_path, here, server, told.stdout)


def _errands(place: Path, here: Path, server: dict[str, str], told: str) -> None:
    """Texts judged, a table masked, a history watched and a report certified there."""
    texts, people, good = place / "texts.jsonl", place / "people.csv", place / "good.csv"
    texts.write_text('{"text": "检查瓦斯浓度并做好记录。"}\n' * 3, encoding="utf-8")
    people.write_text("n,phone\n1,13800138000\n2,13800138001\n")
    good.write_text("n\n1\n2\n")

    def run(*words: str, code: int = 0) -> str:
        done = _taihang(*words, home=here, **server)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    run("text", str(texts), "--out", str(place / "text"))
    masked = run("mask", str(people), "--out", str(place / "masked.csv"), "--method", "drop")
    assert "version-" in masked
    assert "13800138" not in (place / "masked.csv").read_text()
    run("monitor", "--asset", "t.csv", "--out", str(place / "watched"))
    small = str(place / "small.rules.yaml")
    assessed = run("assess", f"t={good}", "--rules", small, "--out", str(place / "good"))
    report = re.search(r"report-[0-9a-f]{16}", assessed)
    assert report is not None
    run("certify", report[0], "--out", str(place / "certified"))
    key = run("remote", "issuer").strip()
    held = _taihang(
        *("certificate", "verify", str(place / "certified" / "certificate.json"), "--key", key, "--asset", str(good)),
        home=here,
    )
    assert held.returncode == 0, held.stderr
    listed = run("remote", "certificates").split()[0]
    assert "1" in run("remote", "revoke", listed, "--reason", "a wrong sensor")
    run("remote", "revocations", "--out", str(place / "list.json"))
    gone = _taihang(
        *("certificate", "verify", str(place / "certified" / "certificate.json"), "--key", key),
        *("--revocations", str(place / "list.json")),
        home=here,
    )
    assert gone.returncode == 1
    assert "a wrong sensor" in gone.stderr
    worse = re.search(r"report-[0-9a-f]{16}", told)
    assert worse is not None
    run("certify", worse[0], "--out", str(place / "none"), code=1)
    for name in ("text", "watched", "certified"):
        assert (place / name / "report.html").is_file()


@pytest.mark.long
def test_a_film_is_inspected_there(tmp_path: Path) -> None:
    with started(tmp_path / "there") as up:
        base = re.search(r"http://\S+", up.line("is running"))
        link = re.search(r"http://\S+", up.line("administrator"))
        assert base is not None
        assert link is not None
        token = tmp_path / "token"
        _taihang(
            *("remote", "join", link[0], "--login", "chief", "--token-file", str(token)),
            home=tmp_path,
            TAIHANG_PASSWORD=PASSWORD,
        )
        words = ("inspect", str(videos.get("plain")), "--rules", "mine-demo", "--budget", "20%", "--out")
        far = _taihang(*words, str(tmp_path / "far"), "--server", base[0], home=tmp_path, TAIHANG_TOKEN=f"file:{token}")
        near = _taihang(*words, str(tmp_path / "near"), home=tmp_path)
        assert far.returncode == near.returncode == 0, far.stderr
        assert _names(tmp_path / "far") == _names(tmp_path / "near")


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

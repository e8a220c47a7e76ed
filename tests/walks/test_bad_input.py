"""What a user may hand in by mistake or malice: a right report, or one clear line and the right exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures import videos

import taihang
from taihang.core import errors
from taihang.use.video.scene import truth


@pytest.mark.parametrize(
    "name",
    [
        "hevc",
        "b_frames",
        "interlaced",
        "vfr",
        "rotated",
        "eight_k",
        "one_fps",
        "gif",
        "three",
        "single",
        "long_gop",
        "gap",
    ],
)
def test_an_odd_video_gets_a_report(name: str, tmp_path: Path) -> None:
    done = taihang.inspect(videos.get(name), out=tmp_path / "out")
    one = done.videos[0]
    assert one.looked >= 1
    assert one.duration_s > 0
    coverage = next(s for s in one.report.sections if s.kind == "coverage")
    assert coverage.seen + sum(s.amount for s in coverage.shares) == pytest.approx(coverage.total, abs=0.1)
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize("name", ["truncated_front", "truncated_ts", "corrupted"])
def test_a_damaged_video_is_judged_as_far_as_it_goes_and_the_damage_is_said(name: str, tmp_path: Path) -> None:
    done = taihang.inspect(videos.get(name), out=tmp_path / "out")
    page = (tmp_path / "out" / "report.json").read_text(encoding="utf-8")
    facts = next(s for s in json.loads(page)["sections"] if s["kind"] == "facts")
    warned = [f for f in facts["items"] if f["label"]["en"] == "Note"]
    lost = [n for n in done.videos[0].report.not_judged if n.code == "unseen-gap"]
    assert warned or lost or done.videos[0].looked
    assert bool(warned) == bool(done.videos[0].warnings)


def test_a_film_that_breaks_off_is_called_so_on_the_terminal(tmp_path: Path) -> None:
    shutil.copy(videos.get("truncated_front"), tmp_path / "cut.mp4")
    done = _run("inspect", "cut.mp4", "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("note: ")


@pytest.mark.parametrize(
    "name",
    ["truncated", "audio_only", "empty", "text", "noise", "hls", "concat", "monster", "unknown_codec", "no_frames"],
)
def test_what_is_no_video_is_one_line(name: str, tmp_path: Path) -> None:
    path = videos.get(name)
    with pytest.raises(errors.UserError) as caught:
        taihang.inspect(path, out=tmp_path / "out")
    assert str(path) in str(caught.value) or path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def _run(*words: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    run = "from taihang.app import cli; cli.main()"
    home = {"TAIHANG_HOME": str(cwd / "home"), "TAIHANG_LANG": "en"}
    return subprocess.run(
        [sys.executable, "-c", run, *map(str, words)],
        cwd=cwd,
        env={**os.environ, **home, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing.mp4",), "nothing.mp4"),
        ((".",), "folder|directory|not a file"),
        (("three.mp4", "--detector", "no-such-thing"), "no-such-thing"),
        (("three.mp4", "--detector", "absent.onnx"), "absent.onnx"),
        (("three.mp4", "--rules", "absent.rules.yaml"), "absent"),
        (("three.mp4", "--zones", "absent.zones.yaml"), "absent.zones.yaml"),
        (("three.mp4", "--budget", "lots"), "lots"),
        (("three.mp4", "--fail-on", "pink"), "pink"),
        (("three.mp4", "--nonsense"), "--nonsense"),
        ((), "VIDEO"),
    ],
)
def test_the_users_mistake_is_one_line_and_exit_code_2(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    shutil.copy(videos.get("three"), tmp_path / "three.mp4")
    done = _run("inspect", "--out", tmp_path / "out", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert any(word in done.stderr for word in said.split("|"))
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_rulebook_in_a_circle_is_one_line(tmp_path: Path) -> None:
    head = 'taihang: rules/1\nid: {0}\nversion: "1"\ntitle: {{zh: 甲, en: A}}\nextends: [{1}.rules.yaml]\n'
    for this, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{this}.rules.yaml").write_text(head.format(this, other), encoding="utf-8")
    with pytest.raises(errors.UserError, match=r"a\.rules\.yaml → b\.rules\.yaml → a\.rules\.yaml"):
        taihang.inspect(videos.get("three"), rules=tmp_path / "a.rules.yaml", out=tmp_path / "out")


def test_a_zone_outside_the_frame_is_one_line(tmp_path: Path) -> None:
    zones = tmp_path / "z.zones.yaml"
    zones.write_text(
        "taihang: zones/1\nframe: {width: 320, height: 240}\n"
        "zones: [{name: far, kind: restricted, points: [[0, 0], [999, 0], [0, 99]]}]\n"
    )
    with pytest.raises(errors.UserError, match="zone far has the corner"):
        taihang.inspect(videos.get("three"), zones=zones, out=tmp_path / "out")


def test_a_scope_that_nobody_knows_is_one_line(tmp_path: Path) -> None:
    book = tmp_path / "a.rules.yaml"
    book.write_text('taihang: rules/1\nid: a\nversion: "1"\ntitle: {zh: 甲, en: A}\nscope: {camera: flying}\n', "utf-8")
    with pytest.raises(errors.UserError, match=r"scope\.camera"):
        taihang.inspect(videos.get("three"), rules=book, out=tmp_path / "out")


def test_an_output_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(errors.TaihangError):
        taihang.inspect(videos.get("three"), out=tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def _small_disk(folder: Path) -> list[str]:
    """A command prefix that runs with a 3 MB disk at `folder`, or a skip."""
    folder.mkdir()
    prefix = ["unshare", "--mount", "--map-root-user"] if os.geteuid() else ["unshare", "--mount"]
    tried = subprocess.run(
        [*prefix, "mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"this machine lets nobody mount a small disk: {tried.stderr.decode().strip()}")
    return prefix


@pytest.mark.parametrize("full", [pytest.param("home", marks=pytest.mark.long), "out"])
def test_a_full_disk_is_one_line_and_what_is_done_stays(planted: truth.Truth, full: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    prefix = _small_disk(disk)
    home = disk if full == "home" else tmp_path / "home"
    out = disk / "out" if full == "out" else tmp_path / "out"
    fill = f"head -c 2900000 /dev/zero > {disk}/ballast"
    verb = f"inspect {planted.video} --budget 20% --out {out}"
    run = f"{sys.executable} -c 'from taihang.app import cli; cli.main()' {verb}"
    check = f"find {disk} -name '.part-*' | wc -l; ls {disk}"
    script = f"mount -t tmpfs -o size=3m tmpfs {disk}; {fill}; {run}; echo exit $?; {check}"
    environment = {**os.environ, "TAIHANG_HOME": str(home), "TAIHANG_LANG": "en"}
    done = subprocess.run([*prefix, "sh", "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert "exit 3" in done.stdout, done.stdout + done.stderr
    assert "disk is full" in done.stderr or "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    if full == "out":  # the stages are kept: with room, the same command goes on
        assert list((tmp_path / "home").rglob("stage.json"))

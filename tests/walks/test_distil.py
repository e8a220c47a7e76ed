"""A small detector is taught, judged, put into use and taken back, as its user does it; and what lies is kept out."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("onnx", reason="could not import onnx (./check --hub)")
pytest.importorskip("torch", reason="could not import torch (./check --hub)")

from typer import testing
from use.video.cascade import nodes

from taihang.app import cataloguing, cli, distil, edge, places
from taihang.app.jobs import kinds
from taihang.app.migrations import upgrade
from taihang.catalog import catalogue
from taihang.core import errors, i18n, ids, job, principal
from taihang.engines.store import opening
from taihang.model.distil import memory, training, versions
from taihang.use.video.cascade import cloud
from tests.house import source
from tests.model.distil import squares

# The teacher of the squares knows them at one size only: it is not shown other views.
OPTIONS = distil.Options(
    size=squares.SIZE, rounds=60, width=8, floor=0.6, margin=0.1, synthetic=True, roll_out=True, views=1
)
LOOP = dataclasses.replace(OPTIONS, floor=None)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TAIHANG_LANG", "en")
    i18n.use("en")


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher, what is held back, samples, and a student that learnt from them and is in use."""
    place = tmp_path_factory.mktemp("school")
    squares.detector(place / "teacher.onnx")
    squares.folder(place / "held", range(1000, 1080))
    squares.folder(place / "samples", range(40), labels=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAIHANG_HOME", str(place / "home"))
        done = _run(place, "samples", place / "model", OPTIONS)
    assert (done.state, done.learnt, done.rehearsed) == ("passed", 40, 0)
    assert done.rolled_out is not None
    return place


@pytest.fixture
def model(school: Path, tmp_path: Path) -> Path:
    """A copy of the model folder as it is after the first run."""
    return Path(shutil.copytree(school / "model", tmp_path / "model"))


def _run(
    place: Path, samples: str | Path, model: Path, options: distil.Options, teacher: str = "", **more: Any
) -> distil.Done:
    teacher = teacher or str(place / "teacher.onnx")
    return distil.run(place / samples, teacher=teacher, held=place / "held", model=model, options=options, **more)


def _in_use(model: Path) -> bytes:
    return (model / versions.IN_USE).read_bytes()


@pytest.mark.parametrize(
    ("lie", "refused"), [pytest.param("swap", {"blue", "red"}, marks=pytest.mark.long), ("blind", {"blue"})]
)
def test_a_student_of_a_lying_teacher_is_refused_and_nothing_of_it_is_remembered(
    school: Path, model: Path, tmp_path: Path, lie: str, refused: set[str]
) -> None:
    before, kept = _in_use(model), memory.Memory(model / "memory", ("blue", "red"), squares.SIZE)
    known = [one.name for one in kept.lessons()]
    liar = squares.detector(tmp_path / "liar.onnx", lie)
    fresh = squares.folder(tmp_path / "fresh", range(200, 230), labels=False)
    done = _run(school, fresh, model, LOOP, str(liar))
    assert done.state == "refused"
    assert done.verdict is not None and {one.name for one in done.verdict.refused} == refused
    assert _in_use(model) == before
    assert [one.name for one in kept.lessons()] == known
    with pytest.raises(errors.Conflict, match="blue"):
        distil.roll_out(model)
    # The same lies are not asked for again.
    assert _run(school, fresh, model, LOOP, str(liar)).state == "nothing"


@pytest.mark.long
def test_after_a_refusal_a_teacher_that_tells_the_truth_is_heard_about_the_same_pictures(
    school: Path, model: Path, tmp_path: Path
) -> None:
    before = _in_use(model)
    fresh = squares.folder(tmp_path / "fresh", range(200, 230), labels=False)
    assert _run(school, fresh, model, LOOP, str(squares.detector(tmp_path / "liar.onnx", "swap"))).state == "refused"
    honest = _run(school, fresh, model, LOOP)
    assert (honest.state, honest.learnt, honest.rehearsed) == ("passed", 30, 40)
    assert _in_use(model) != before
    distil.roll_back(model)
    assert _in_use(model) == before


def test_a_teacher_that_gives_no_numbers_is_refused_before_anything_is_learnt(
    school: Path, model: Path, tmp_path: Path
) -> None:
    liar = squares.detector(tmp_path / "nan.onnx", "nan")
    with pytest.raises(errors.UserError, match="nothing usable"):
        _run(school, squares.folder(tmp_path / "s", range(300, 310), labels=False), model, LOOP, str(liar))


def test_what_is_held_back_is_never_learnt_from(school: Path, model: Path, tmp_path: Path) -> None:
    shutil.copytree(school / "held", tmp_path / "s")
    done = _run(school, tmp_path / "s", model, LOOP)
    assert (done.state, done.left_out) == ("nothing", 80)


def test_a_teacher_of_boxes_alone_teaches_by_certain_ones_whatever_is_rehearsed(
    school: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[training.Lesson] = []
    train = training.train

    def watched(lessons: Any, *rest: Any, earlier: Any, **more: Any) -> Any:
        given.extend([*lessons, *earlier])
        return train(lessons, *rest, earlier=earlier, **more)

    monkeypatch.setattr(training, "train", watched)
    fresh = squares.folder(tmp_path / "s", range(300, 310), labels=False)
    assert _run(school, fresh, model, dataclasses.replace(LOOP, rounds=2, views=3)).learnt == 10
    assert len(given) == 3 * 10 + 40
    assert all(one.soft is None and float(one.hard.trust.max(initial=0)) in {0.0, 1.0} for one in given)


def _segments(folder: Path, scratch: Path, count: int) -> cloud.Cloud:
    """A receiving end with segments of eight pictures each."""
    kept = cloud.Cloud(folder)
    for number in range(count):
        film = squares.clip(scratch / f"{number}.mp4", range(600 + 8 * number, 608 + 8 * number))
        name = ids.content_id("segment", number)
        facts = json.dumps({"id": name, "level": "red", "rule": "keep-out"})
        told = {"node": "n1", "id": name, "sha256": ids.digest(facts.encode() + film), "facts": facts}
        kept.take(json.dumps({**told, "clip": base64.b64encode(film).decode()}).encode())
    return kept


def test_answers_to_segments_are_labels_and_one_that_came_later_makes_its_pictures_new(
    school: Path, model: Path, tmp_path: Path
) -> None:
    kept = _segments(tmp_path / "cloud", tmp_path, 5)
    names = kept.waiting()
    plain = dataclasses.replace(LOOP, fps=2.0)
    heard = dataclasses.replace(plain, answers={"keep-out": "blue"})
    assert _run(school, tmp_path / "cloud", model, plain).learnt == 40
    assert _run(school, tmp_path / "cloud", model, plain).state == "nothing"
    run = testing.CliRunner()
    for name in names[:2]:
        done = run.invoke(cli.app, ["edge", "answer", str(tmp_path / "cloud"), name, "violated", "--by", "li"])
        assert done.exit_code == 0
    # All but the surest blue square is below this: the verdicts make one certain in each segment.
    sure = _run(school, tmp_path / "cloud", model, dataclasses.replace(heard, sure=0.9999))
    assert (sure.learnt, sure.confirmed, sure.withdrawn) == (16, 2, 0)
    assert _run(school, tmp_path / "cloud", model, heard).state == "nothing"
    for name in names:
        kept.answer(name, violated=False, by="li")
    clear = _run(school, tmp_path / "cloud", model, heard)
    assert (clear.learnt, clear.confirmed) == (40, 0) and clear.withdrawn > 40
    # Whoever says that no square is blue gets a student that sees none: the gate keeps it out.
    assert clear.verdict is not None and [one.name for one in clear.verdict.refused] == ["blue"]


class _Stops(job.Silent):
    def update(self, stage: str, done: float, total: float) -> None:
        if stage.endswith("stage.training") and done >= 30:
            raise errors.Cancelled("core:cancelled")


def test_cancelled_midway_nothing_is_proposed_and_the_next_run_goes_on(
    school: Path, model: Path, tmp_path: Path
) -> None:
    fresh = squares.folder(tmp_path / "s", range(300, 340), labels=False)
    proposed = (model / versions.CANDIDATE).read_bytes()
    with pytest.raises(errors.Cancelled):
        _run(school, fresh, model, LOOP, progress=_Stops())
    assert (model / versions.CANDIDATE).read_bytes() == proposed

    begun: list[float] = []

    class Watches(job.Silent):
        def update(self, stage: str, done: float, total: float) -> None:
            if stage.endswith("stage.training"):
                begun.append(done)

    assert _run(school, fresh, model, LOOP, progress=Watches()).state == "passed"
    assert begun[0] == 25  # the last checkpoint


@pytest.mark.long
def test_killed_at_any_moment_the_detector_in_use_stays_whole_and_the_run_can_be_done_again(
    school: Path, model: Path, tmp_path: Path
) -> None:
    fresh = squares.folder(tmp_path / "s", range(400, 440), labels=False)
    before = _in_use(model)
    words = ["distil", "run", str(fresh), "--teacher", str(school / "teacher.onnx"), "--held", str(school / "held")]
    words += ["--model", str(model), "--rounds", "50", "--width", "6", "--rollout", "--synthetic", "--views", "1"]
    code = f"import sys; sys.argv[1:] = {words!r}; from taihang.app import cli; cli.main()"
    path = os.pathsep.join((str(source.ROOT / "src"), str(source.ROOT)))
    for wait in (4.0, 7.0, 10.0):
        child = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path})
        time.sleep(wait)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert _in_use(model) in {before, (model / versions.CANDIDATE).read_bytes()}
        assert versions.Versions(model).told(versions.Versions(model).current or "") is not None
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, check=False)
    assert done.returncode == 0


def test_the_verbs_say_what_happened_in_both_languages_and_the_catalogue_knows_the_version(
    school: Path, model: Path, tmp_path: Path
) -> None:
    with cataloguing.opened():  # this machine has a platform's store
        pass
    run = testing.CliRunner()
    told = run.invoke(cli.app, ["distil", "status", str(model)])
    assert told.exit_code == 0 and "synthetic" in told.output
    other = squares.detector(tmp_path / "other.onnx", "blind", names=("red", "blue"))
    words = ["distil", "gate", str(model), "--held", str(school / "held")]
    i18n.use("zh")
    refused = run.invoke(cli.app, [*words, "--candidate", str(other)])
    assert refused.exit_code == 1
    assert "未通过评判：blue" in refused.output
    i18n.use("en")
    teacher = run.invoke(cli.app, [*words, "--candidate", str(school / "teacher.onnx")])
    assert teacher.exit_code == 0 and "passes" in teacher.output
    assert run.invoke(cli.app, ["distil", "rollout", str(model)]).exit_code == 0
    assert _in_use(model) == (school / "teacher.onnx").read_bytes()
    assert run.invoke(cli.app, ["distil", "rollback", str(model)]).exit_code == 0
    with cataloguing.opened() as known:
        [asset] = known.search("model").items
        newest = known.version(asset.latest)
        assert newest.asset.sha256 == versions.Versions(model).current
        assert newest.asset.synthetic
        assert asset.versions == 2


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["{empty}"], "no picture"),
        (["{samples}", "--held", "{samples}"], "COCO, YOLO or VOC"),
        (["{samples}", "--teacher", "{other}"], "rot"),
        (["{samples}", "--teacher", "no.onnx"], "no.onnx"),
        (["{samples}", "--protect", "green"], "green"),
        (["{samples}", "--classes", "red,green"], "green"),
        (["{samples}", "--size", "33x32"], "33x32"),
        (["{samples}", "--size", "wide"], "wide"),
        (["{samples}", "--called", "red"], "CLASS=NAME"),
        (["{samples}", "--answers", "keep-out"], "RULE=CLASS"),
        (["{samples}", "--answers", "keep-out=green"], "green"),
        (["{samples}", "--answers", "keep-out=blue"], "receiving end"),
        (["{samples}", "--model", "{new}"], "--floor"),
        (["{samples}", "--model", "{file}"], "in the way"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    school: Path, model: Path, tmp_path: Path, words: list[str], reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    places = {"empty": tmp_path / "empty", "samples": school / "samples", "new": tmp_path / "new"}
    places |= {"file": tmp_path / "file"}
    if "{other}" in words:
        places["other"] = squares.detector(tmp_path / "other.onnx", names=("rot", "blau"))
    given = [word.format(**places) for word in words]
    for name, value in (("--teacher", school / "teacher.onnx"), ("--held", school / "held"), ("--model", model)):
        if name not in given:
            given += [name, str(value)]
    before = _in_use(model)
    done = testing.CliRunner().invoke(cli.app, ["distil", "run", *given])
    assert isinstance(done.exception, errors.UserError), done.output
    said = str(done.exception)
    assert reason in said and "\n" not in said
    assert _in_use(model) == before


def test_as_a_job_it_learns_from_what_is_new_and_catalogues_what_it_rolled_out(
    school: Path, model: Path, tmp_path: Path
) -> None:
    kinds.load()
    store = opening.open_store(places.current().store)
    upgrade.upgrade(store)
    ann = principal.Principal(name="ann", tenant="default")
    given = {
        "samples": str(squares.folder(tmp_path / "s", range(500, 530), labels=False)),
        "teacher": str(school / "teacher.onnx"), "held": str(school / "held"), "model": str(model),
        "rounds": 60, "width": 8, "views": 1, "margin": 0.1, "roll_out": True, "synthetic": True,
    }  # fmt: skip
    context: Any = SimpleNamespace(job="job-1", store=store, principal=ann, progress=job.Silent(), folder=tmp_path)
    first = kinds.get("distil").function(kinds.read("distil", given), context)
    again = kinds.get("distil").function(kinds.read("distil", given), context)
    store.close()
    assert (first.summary["state"], first.summary["learnt"], first.summary["exit_code"]) == ("passed", 30, 0)
    assert json.loads((tmp_path / "verdict.json").read_text())["passed"] is True
    assert again.summary["state"] == "nothing"
    with cataloguing.opened() as known:
        version = known.version(str(first.summary["version"]))
    assert (version.asset.kind, version.job_id) == ("model", "job-1")
    assert isinstance(known, catalogue.Catalogue)


def test_a_running_node_takes_up_what_is_rolled_out_and_stays_with_its_camera(
    school: Path, model: Path, tmp_path: Path
) -> None:
    film = nodes.film(tmp_path / "a.mp4", 120, [])
    said: list[str] = []
    over = threading.Event()
    out = tmp_path / "out"
    book = nodes.rules(tmp_path, nodes.RULES)
    with nodes.camera(film, port := nodes.free_port()):
        config = tmp_path / "node.edge.yaml"
        told = {"taihang": "edge/1", "sources": {"cam": f"rtsp://127.0.0.1:{port}/cam"}, "rules": book}
        config.write_text(json.dumps({**told, "detector": str(model / versions.IN_USE)}))
        plan = edge.settings(config=config)
        node = threading.Thread(target=lambda: edge.run(plan, out=out, node="n1", say=said.append, until=over))
        node.start()
        try:
            nodes.until(lambda: _stream(out).get("looked", 0) > 5, "pictures", 180)
            before = _status(out)["config"]
            distil.judge(model, held=school / "held", candidate=school / "teacher.onnx", options=LOOP)
            distil.roll_out(model)
            nodes.until(lambda: _status(out)["config"] != before, "the new detector", 180)
            looked = _stream(out)["looked"]
            nodes.until(lambda: _stream(out)["looked"] > looked + 5, "pictures after it", 180)
            assert any("in use" in line for line in said)
            rolled = _status(out)["config"]
            distil.roll_back(model)
            nodes.until(lambda: _status(out)["config"] not in {rolled, ""}, "the way back", 180)
            assert _status(out)["config"] == before
            # What is no detector is not taken up, and the node goes on with the one that it has.
            (model / versions.IN_USE).write_bytes(b"half a file")
            nodes.until(lambda: [line for line in said if "not used" in line], "the refusal", 180)
            looked = _stream(out)["looked"]
            nodes.until(lambda: _stream(out)["looked"] > looked + 5, "pictures after the refusal", 180)
        finally:
            over.set()
            node.join(60)
        # One connection all the time: no picture fell between two.
        assert _stream(out)["up"] == 1


def _status(out: Path) -> dict[str, Any]:
    try:
        return json.loads((out / "status.json").read_text())  # type: ignore[no-any-return]
    except (OSError, ValueError):
        return {"streams": {}, "config": ""}


def _stream(out: Path) -> dict[str, Any]:
    return next(iter(_status(out)["streams"].values()), {})

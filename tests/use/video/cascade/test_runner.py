"""The whole node, in this process and in one of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from use.video.cascade import nodes

from taihang.app import edge
from taihang.core import errors, ids
from taihang.engines.notify import webhook


@contextlib.contextmanager
def _running(plan: Any, out: Path, **more: Any) -> Iterator[tuple[list[str], threading.Event]]:
    """A node in a thread; what it says, and the event that ends it."""
    said: list[str] = []
    over = threading.Event()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            edge.run(plan, out=out, node="n1", say=said.append, until=over, **more)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield said, over
    finally:
        over.set()
        thread.join(60)
        assert not thread.is_alive()
        if failed:
            raise failed[0]


def _status(out: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((out / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"streams": {}, "counts": {}}
    return found


def _stream(out: Path) -> dict[str, Any]:
    return next(iter(_status(out)["streams"].values()), {})


def test_a_film_is_warned_of_with_clip_and_scene_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    film = nodes.film(tmp_path / "a.mp4", 10, [(3, 7)])
    with nodes.hook() as (url, got):
        plan = edge.settings(
            [str(film)], rules=nodes.rules(tmp_path), detector="bright", alerts=(url,), alert_secret="env:HOOK_SECRET"
        )
        done = edge.run(plan, out=tmp_path / "out", wait_s=30)
    [told] = got.bodies
    assert (told["rule"], told["level"], told["message"]["en"][:8]) == ("somebody", "orange", "somebody")
    assert told["place"]["start_s"] == pytest.approx(3.0, abs=0.5)
    assert told["scene"]["counts"] == {"person": 1}
    assert len(told["clip"]["base64"]) > 500
    assert webhook.signed(b"s3cret", got.headers[0]["Taihang-Signature"], got.raw[0], int(time.time()))
    assert (done.failed, done.status["streams"]["a.mp4"]["alerts"]) == ({}, 1)
    # A film is never hurried: every picture of the five a second was looked at.
    assert done.status["streams"]["a.mp4"]["looked"] == done.status["streams"]["a.mp4"]["pictures"] == 50


def test_a_node_that_tells_nobody_keeps_the_clips_within_a_size(tmp_path: Path) -> None:
    film = nodes.film(tmp_path / "a.mp4", 40, [(s, s + 3) for s in range(1, 40, 8)])
    out = tmp_path / "out"
    plan = edge.settings([str(film)], rules=nodes.rules(tmp_path), detector="bright")
    done = edge.run(plan, out=out)
    rows = [json.loads(line) for line in (out / "alerts.jsonl").read_text().splitlines()]
    assert len(rows) == done.status["clips"]["kept"] == 5
    sizes = [(out / row["clip"]).stat().st_size for row in rows]
    assert min(sizes) > 500
    assert (out / rows[0]["clip"]).read_bytes()[4:8] == b"ftyp"
    # With room for two the newest stay; what went is counted.
    small = edge.settings([str(film)], rules=nodes.rules(tmp_path), detector="bright", clip_bytes=1 << 16)
    small = small[0].model_copy(update={"clip_bytes": 2 * max(sizes) + 500}), None
    done = edge.run(small, out=tmp_path / "small")
    rows = [json.loads(line) for line in (tmp_path / "small" / "alerts.jsonl").read_text().splitlines()]
    assert [(tmp_path / "small" / row["clip"]).exists() for row in rows] == [False] * 3 + [True] * 2
    assert sum(done.status["clips"]["dropped"].values()) == 3


def test_films_of_a_folder_are_one_stream_and_a_new_size_is_no_end(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    nodes.film(tmp_path / "films" / "a.mp4", 4, [])
    nodes.film(tmp_path / "films" / "b.mp4", 4, [(1, 4)], size=(240, 160))
    (tmp_path / "films" / "notes.txt").write_text("no film")
    plan = edge.settings([str(tmp_path / "films")], rules=nodes.rules(tmp_path), detector="bright")
    done = edge.run(plan, out=tmp_path / "out")
    stream = done.status["streams"]["films"]
    assert (stream["size"], stream["looked"], stream["alerts"], stream["state"]) == (1, 40, 1, "ended")


def test_warnings_and_clips_of_rendered_films_say_so_and_others_do_not(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    nodes.film(tmp_path / "films" / "a.mp4", 10, [(2, 4)])
    nodes.film(tmp_path / "films" / "b.mp4", 12, [(8, 11)], comment="synthetic")
    named = nodes.film(tmp_path / "films" / "c.mp4", 20, [(12, 15)])
    beside = {"synthetic": True, "sha256": ids.digest(named.read_bytes())}
    named.with_suffix(".synthetic.json").write_text(json.dumps(beside), encoding="utf-8")
    nodes.film(tmp_path / "films" / "d.mp4", 20, [(12, 15)], comment="Synthetic ammonia plant, gate 2")
    plan = edge.settings([str(tmp_path / "films")], rules=nodes.rules(tmp_path), detector="bright")
    out = tmp_path / "out"
    edge.run(plan, out=out)
    rows = [json.loads(line) for line in (out / "alerts.jsonl").read_text().splitlines()]
    assert [row["synthetic"] for row in rows] == [False, True, True, False]
    tagged = []
    for row in rows:
        with av.open(str(out / row["clip"])) as clip:
            tagged.append(clip.metadata.get("comment"))
    assert tagged == [None, "synthetic", "synthetic", None]


def _cloudy(tmp_path: Path, films: list[str], cloud: str, **more: Any) -> Path:
    file = tmp_path / "node.edge.yaml"
    told = {
        "taihang": "edge/1",
        "sources": {f"s{n}": film for n, film in enumerate(films)},
        "rules": nodes.rules(tmp_path),
        "detector": "bright",
        "segment_s": 2,
        "cloud": cloud,
        **more,
    }
    file.write_text(json.dumps(told), encoding="utf-8")
    return file


def test_a_disk_that_takes_nothing_stops_neither_watching_nor_warning(tmp_path: Path) -> None:
    film, said = nodes.film(tmp_path / "a.mp4", 20, [(3, 5), (12, 14)]), list[str]()
    for name in ("alerts.jsonl", "status.json"):
        (tmp_path / "out" / name / "in the way").mkdir(parents=True)
    with nodes.hook() as (url, got):
        plan = edge.settings([str(film)], rules=nodes.rules(tmp_path), detector="bright", alerts=(url,))
        done = edge.run(plan, out=tmp_path / "out", wait_s=30, say=said.append)
    assert len(got.bodies) == 2
    assert (done.failed, done.status["streams"]["a.mp4"]["looked"]) == ({}, 100)
    assert done.status["counts"]["not written"] >= 2
    assert any("alerts.jsonl" in line and "goes on" in line for line in said)


def test_killed_it_goes_on_with_its_queue(tmp_path: Path) -> None:
    film = nodes.film(tmp_path / "a.mp4", 20, [(3, 9)])
    port = nodes.free_port()
    config = _cloudy(tmp_path, [str(film)], f"http://127.0.0.1:{port}")
    out = tmp_path / "out"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in __import__("sys").path if p)}
    first = subprocess.Popen(nodes.command("edge", "run", "--config", str(config), "--out", str(out)), env=environment)
    nodes.until(lambda: len(list((out / "queue").glob("entry-*"))) >= 4, "segments in the queue", 120)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    waiting = {json.loads((p / "facts.json").read_text())["id"] for p in (out / "queue").glob("entry-*")}
    from use.video.cascade import test_link

    from taihang.app import edge_cloud
    from taihang.use.video.cascade import cloud

    kept = cloud.Cloud(tmp_path / "cloud")
    with test_link._served(edge_cloud.create(kept, None)) as far, nodes.line(far) as line:
        config.write_text(config.read_text().replace(f":{port}", f":{line.port}"))
        edge.run(edge.settings(config=config), out=out, wait_s=60)
    assert waiting <= {row["id"] for row in kept.open()}
    assert not list((out / "queue").glob("entry-*"))


def test_a_rulebook_that_is_edited_in_place_is_another_configuration(tmp_path: Path) -> None:
    film = nodes.film(tmp_path / "a.mp4", 2, [])
    config = _cloudy(tmp_path, [str(film)], "http://127.0.0.1:9")
    before, reread = edge.settings(config=config)
    assert reread is not None
    assert reread() == before
    nodes.rules(tmp_path, nodes.RULES + "# once more\n")
    after = reread()
    assert after != before
    assert after.sha256 != before.sha256
    assert after.rules == before.rules
    config.touch()
    assert reread() == after


def test_a_changed_configuration_is_taken_up_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    film = nodes.film(tmp_path / "a.mp4", 120, [(s, s + 2) for s in range(1, 120, 6)])
    with nodes.camera(film, port := nodes.free_port()), nodes.hook() as (url, got):
        config = _cloudy(tmp_path, [f"rtsp://127.0.0.1:{port}/cam"], "http://127.0.0.1:9")
        with _running(edge.settings(config=config), tmp_path / "out") as (said, _):
            nodes.until(lambda: _stream(tmp_path / "out").get("looked", 0) > 5, "pictures")
            config.write_text("taihang: edge/1\nsources: {}\n")
            nodes.until(lambda: [line for line in said if "not used" in line], "the refusal")
            before = _stream(tmp_path / "out")["looked"]
            told = json.loads(_cloudy(tmp_path, [f"rtsp://127.0.0.1:{port}/cam"], "http://127.0.0.1:9").read_text())
            book = nodes.rules(tmp_path, nodes.RULES.replace("orange", "red").replace("cooldown: 3s", "cooldown: 0s"))
            config.write_text(json.dumps({**told, "rules": book, "alerts": [url], "threshold": 0.3}))
            nodes.until(lambda: [line for line in said if "in use" in line], "the new configuration")
            nodes.until(lambda: [b for b in got.bodies if b["level"] == "red"], "an alert by the new rules")
            after = nodes.until(lambda: _stream(tmp_path / "out"), "status")
    assert after["looked"] > before
    assert after["unseen"] == 0
    assert after["up"] == 1


@pytest.mark.long
def test_a_camera_that_dies_and_comes_back_is_watched_again(tmp_path: Path) -> None:
    film = nodes.film(tmp_path / "a.mp4", 60, [])
    port = nodes.free_port()
    plan = edge.settings([f"rtsp://user:word@127.0.0.1:{port}/cam"], rules=nodes.rules(tmp_path), detector="bright")
    out = tmp_path / "out"
    with _running(plan, out) as (said, _):
        with nodes.camera(film, port):
            nodes.until(lambda: _stream(out).get("looked", 0) > 5, "pictures")
        nodes.until(lambda: _stream(out).get("state") in ("down", "stalled"), "the break")
        before = _stream(out)["looked"]
        with nodes.camera(film, port):
            nodes.until(lambda: _stream(out).get("looked", 0) > before + 3, "pictures again")
    assert _stream(out)["up"] >= 2
    assert not any("word" in line for line in said)


def test_a_camera_that_stalls_is_noticed(tmp_path: Path) -> None:
    film = nodes.film(tmp_path / "a.mp4", 60, [])
    config = tmp_path / "c.edge.yaml"
    out = tmp_path / "out"
    with nodes.camera(film, port := nodes.free_port()) as server:
        told = {"taihang": "edge/1", "sources": {"cam": f"rtsp://127.0.0.1:{port}/cam"}, "stall_s": 1.5}
        config.write_text(json.dumps({**told, "rules": nodes.rules(tmp_path), "detector": "bright"}))
        with _running(edge.settings(config=config), out):
            nodes.until(lambda: _stream(out).get("looked", 0) > 5, "pictures")
            server.send_signal(signal.SIGSTOP)
            nodes.until(lambda: _stream(out).get("stalled", 0), "the stall")
            server.send_signal(signal.SIGCONT)
            nodes.until(lambda: _stream(out).get("up", 0) >= 2, "the stream again")
    assert _stream(out)["stalled"] >= 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({}, "--source"),
        ({"sources": ["http://camera/"]}, "rtsp"),
        ({"sources": ["nix.mp4"]}, "nix.mp4"),
        ({"sources": ["rtsp://cam/"], "alerts": ("ftp://x/",)}, "alerts"),
        ({"sources": ["rtsp://cam/"], "fps": 1000}, "fps"),
        ({"sources": ["rtsp://cam/"], "config": "x.yaml"}, "--config"),
        ({"config": "nix.yaml"}, "nix.yaml"),
        ({"sources": ["rtsp://cam/"], "rules": "nix"}, "nix"),
        ({"sources": ["rtsp://cam/"], "detector": "nix"}, "nix"),
        ({"sources": ["rtsp://cam/"], "alerts": ("mqtt://broker/#",)}, "MQTT"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(tmp_path: Path, words: dict[str, Any], reason: str) -> None:
    with pytest.raises(errors.UserError, match=reason) as raised:
        edge.run(edge.settings(**words), out=tmp_path / "out")
    assert "\n" not in str(raised.value)


def test_two_nodes_do_not_share_a_folder(tmp_path: Path) -> None:
    film = nodes.film(tmp_path / "a.mp4", 60, [])
    with nodes.camera(film, port := nodes.free_port()):
        plan = edge.settings([f"rtsp://127.0.0.1:{port}/cam"], rules=nodes.rules(tmp_path), detector="bright")
        with _running(plan, tmp_path / "out"):
            nodes.until(lambda: _stream(tmp_path / "out"), "the first")
            with pytest.raises(errors.Conflict):
                edge.run(plan, out=tmp_path / "out")


def test_alerts_reach_a_real_broker(tmp_path: Path, program: Callable[[str], str]) -> None:
    paho = pytest.importorskip("paho.mqtt.client")
    from paho.mqtt.enums import CallbackAPIVersion

    port = nodes.free_port()
    (tmp_path / "m.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    broker = subprocess.Popen(["/usr/sbin/mosquitto", "-c", str(tmp_path / "m.conf")], stderr=subprocess.DEVNULL)
    got: list[dict[str, Any]] = []
    try:
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.on_message = lambda _c, _u, message: got.append(json.loads(message.payload))

        def joined() -> bool:
            with contextlib.suppress(OSError):
                client.connect("127.0.0.1", port)
                return True
            return False

        nodes.until(joined, "the broker")
        client.subscribe("mine/alerts", qos=1)
        client.loop_start()
        film = nodes.film(tmp_path / "a.mp4", 6, [(1, 6)])
        plan = edge.settings(
            [str(film)],
            rules=nodes.rules(tmp_path),
            detector="bright",
            alerts=(f"mqtt://127.0.0.1:{port}/mine/alerts",),
        )
        edge.run(plan, out=tmp_path / "out", wait_s=30)
        nodes.until(lambda: got, "the alert")
        client.loop_stop()
        client.disconnect()
    finally:
        broker.terminate()
        broker.wait()
    assert (got[0]["rule"], got[0]["stream"]) == ("somebody", "a.mp4")

"""Edge and cloud over a line that is cut, slow, flapping, and a cloud that answers late, twice, wrongly."""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from use.video.cascade import nodes

from taihang.app import edge_cloud
from taihang.core import errors, ids
from taihang.engines.notify import webhook
from taihang.use.video.cascade import cloud, link, spool


def _id(number: int) -> str:
    return ids.content_id("segment", number)


@contextlib.contextmanager
def _served(app: Starlette) -> Iterator[int]:
    port = nodes.free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    nodes.until(lambda: server.started, "the cloud")
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(10)


class _Node:
    def __init__(self, folder: Path, port: int, secret: str | None = None) -> None:
        self.said: list[str] = []
        self.heard: list[tuple[link.Answer, Mapping[str, Any]]] = []
        self.spool = spool.Spool(folder / "queue", 1 << 20)
        self.sent = link.Sent(folder, late_s=60)
        self.link = link.Link(
            f"http://127.0.0.1:{port}",
            secret,
            self.spool,
            self.sent,
            node="n1",
            heard=lambda a, r: self.heard.append((a, r)),
            say=self.said.append,
        )

    def put(self, number: int, level: str = "orange", film: bytes = b"film") -> None:
        facts = {"id": _id(number), "level": level, "rule": "r", "score": 0.4, "drawn": True, "n": number}
        self.spool.put(_id(number), (float(number),), facts, film, keep=True, level=level)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Any]:
    made: list[_Node] = []

    def make(port: int, secret: str | None = None) -> _Node:
        made.append(_Node(tmp_path / f"node{len(made)}", port, secret))
        return made[-1]

    yield make
    for one in made:
        one.link.close(0)


def test_a_flapping_line_loses_nothing_and_keeps_each_segment_once(tmp_path: Path, node: Any) -> None:
    kept = cloud.Cloud(tmp_path / "cloud")
    with _served(edge_cloud.create(kept, b"secret")) as port, nodes.line(port) as line:
        one = node(line.port, "secret")
        line.break_()
        for number in range(12):
            one.put(number, film=bytes(40_000))
        one.link.start()
        nodes.until(lambda: one.link.failed, "a failure")
        for _ in range(4):
            line.mend()
            before = line.carried
            nodes.until(lambda before=before: line.carried > before + 20_000 or not len(one.spool), "some bytes")
            line.break_()
        line.mend()
        nodes.until(lambda: not len(one.spool), "an empty queue")
    assert kept.counts["kept"] == 12
    assert {row["n"] for row in kept.open()} == set(range(12))
    assert len(one.said) >= 2


def test_the_gravest_is_sent_first_over_a_slow_line(tmp_path: Path, node: Any) -> None:
    kept = cloud.Cloud(tmp_path / "cloud")
    with _served(edge_cloud.create(kept, None)) as port, nodes.line(port) as line:
        line.slow_s = 0.05
        one = node(line.port)
        for number in (5, 3, 1, 4, 2):
            one.put(number)
        one.link.start()
        nodes.until(lambda: not len(one.spool), "an empty queue")
    assert [row["id"] for row in link._rows(tmp_path / "node0" / "sent.jsonl")] == [_id(n) for n in (1, 2, 3, 4, 5)]


def test_an_answer_comes_back_once_checked_and_survives_a_restart(tmp_path: Path, node: Any) -> None:
    kept = cloud.Cloud(tmp_path / "cloud")
    with _served(edge_cloud.create(kept, None)) as port:
        one = node(port)
        one.put(1)
        one.link.start()
        nodes.until(lambda: kept.counts["kept"], "the segment")
        with pytest.raises(errors.NotFound):
            kept.answer(_id(2), violated=True, by="nobody")
        kept.answer(_id(1), violated=True, by="Li")
        one.link._asked = 0.0
        one.link.wake()
        [(answer, row)] = nodes.until(lambda: one.heard, "the answer")
    assert (answer.violated, answer.by, row["rule"]) == (True, "Li", "r")
    again = link.Sent(tmp_path / "node0", late_s=60)
    assert again.waiting() == []
    told = answer.model_dump()
    assert again.take(told) is None
    assert again.take({**told, "violated": False}) is None
    assert again.take({**told, "id": _id(7)}) is None
    assert again.take({**told, "sha256": "0" * 64}) is None
    assert again.take({"id": 5}) is None
    assert dict(again.counts) == {"twice": 1, "contradicts": 1, "not ours": 2, "malformed": 1}


def test_a_late_answer_is_taken_and_counted(tmp_path: Path) -> None:
    kept = link.Sent(tmp_path, late_s=0.01)
    made = spool.Spool(tmp_path / "q", 1 << 20)
    made.put(_id(1), (0.0,), {"level": "red"}, keep=True)
    entry = made.next()
    assert entry is not None
    kept.note(entry, entry.facts())
    time.sleep(0.05)
    assert kept.take({"id": _id(1), "sha256": entry.sha256, "violated": None, "by": "m"}) is not None
    assert kept.counts["late"] == 1


def _noted(kept: link.Sent, made: spool.Spool, number: int, *, violated: bool | None = None) -> None:
    """A segment drawn by lot that the edge had cleared where its number is even; perhaps answered."""
    made.put(_id(number), (0.0,), {"level": "red", "rule": "r", "drawn": True, "cleared": number % 2 == 0}, keep=True)
    entry = made.next()
    assert entry is not None
    kept.note(entry, entry.facts())
    made.done(entry)
    if violated is not None:
        kept.take({"id": _id(number), "sha256": entry.sha256, "violated": violated, "by": "m"})


def test_what_was_sent_stays_within_a_size_and_the_audit_forgets_nothing(tmp_path: Path) -> None:
    made = spool.Spool(tmp_path / "q", 1 << 20)
    kept = link.Sent(tmp_path, late_s=60, most=20)
    for number in range(100):
        _noted(kept, made, number, violated=number % 3 == 0)
    _noted(kept, made, 100)
    assert kept.drawn() == {"r": (34, 17)}
    again = link.Sent(tmp_path, late_s=60, most=20)
    assert again.drawn() == {"r": (34, 17)}
    assert again.waiting() == [_id(100)]
    assert len(again.known) <= 20
    assert len(link._rows(tmp_path / "answers.jsonl")) <= 20
    for number in range(101, 140):
        _noted(again, made, number)
    # Of what nobody answered the oldest goes, and is counted.
    assert (len(again.known) <= 20, again.counts["forgotten"] > 0) == (True, True)
    assert again.waiting()[-1] == _id(139)
    assert again.drawn() == {"r": (34, 17)}


def test_old_segments_are_asked_about_too(tmp_path: Path, node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_MOST_ASKED", 3)
    monkeypatch.setattr(link, "_ASK_S", 0.05)
    kept = cloud.Cloud(tmp_path / "cloud")
    with _served(edge_cloud.create(kept, None)) as port:
        one = node(port)
        for number in range(8):
            one.put(number)
        one.link.start()
        nodes.until(lambda: kept.counts["kept"] == 8, "the segments")
        kept.answer(_id(0), violated=True, by="Li")
        kept.answer(_id(7), violated=False, by="Li")
        nodes.until(lambda: len(one.heard) == 2, "both answers")


@pytest.mark.parametrize(
    "said",
    [{"id": _id(99), "sha256": "0" * 64}, {"id": _id(1)}, {}, [], {"id": _id(1), "sha256": "0" * 64, "answers": [3]}],
)
def test_a_segment_that_was_acknowledged_wrongly_is_not_given_up(said: Any, node: Any) -> None:
    async def lie(_request: Any) -> JSONResponse:
        return JSONResponse(said)

    with _served(Starlette(routes=[Route("/v1/segments", lie, methods=["POST"])])) as port:
        one = node(port)
        one.put(1)
        one.link.start()
        nodes.until(lambda: one.link.failed, "a failure")
        assert len(one.spool) == 1
        assert not one.heard


def _body(number: int, film: str = "") -> dict[str, Any]:
    facts = json.dumps({"id": _id(number), "level": "red"})
    return {"node": "n", "id": _id(number), "sha256": ids.digest(facts.encode()), "facts": facts, "clip": film}


def test_the_cloud_takes_a_segment_once_and_refuses_what_is_none(tmp_path: Path) -> None:
    kept = cloud.Cloud(tmp_path)
    client = TestClient(edge_cloud.create(kept, None))
    good = _body(1)
    for _ in range(3):
        assert client.post("/v1/segments", json=good).json()["sha256"] == good["sha256"]
    assert dict(kept.counts) == {"kept": 1, "again": 2}
    other = {**good, "facts": good["facts"] + " "}
    other["sha256"] = ids.digest(other["facts"].encode())
    assert client.post("/v1/segments", json=other).status_code == 409
    for wrong in (
        {**good, "id": "../../etc"},
        {**good, "clip": "§"},
        {**good, "sha256": "1" * 64},
        {**good, "facts": "[1]", "sha256": ids.digest(b"[1]")},
        {**good, "more": 1},
        {},
    ):
        assert client.post("/v1/segments", json=wrong).status_code == 400
    assert client.post("/v1/answers", content=b"\xff").status_code == 400
    assert len(list((tmp_path / "segments").iterdir())) == 1


def test_what_is_not_signed_is_refused(tmp_path: Path) -> None:
    client = TestClient(edge_cloud.create(cloud.Cloud(tmp_path), b"secret"))
    raw = json.dumps(_body(1)).encode()
    assert client.post("/v1/segments", content=raw).status_code == 401
    stale = webhook.signature(b"secret", raw, int(time.time()) - 3600)
    assert client.post("/v1/segments", content=raw, headers={"Taihang-Signature": stale}).status_code == 401
    fresh = webhook.signature(b"secret", raw, int(time.time()))
    assert client.post("/v1/segments", content=raw, headers={"Taihang-Signature": fresh}).status_code == 200


def test_a_segment_that_the_cloud_refuses_holds_up_no_other(tmp_path: Path, node: Any) -> None:
    kept = cloud.Cloud(tmp_path / "cloud")
    other = {**_body(1), "facts": _body(1)["facts"] + " "}
    other["sha256"] = ids.digest(other["facts"].encode())
    kept.take(json.dumps(other).encode())
    told: list[str] = []
    with _served(edge_cloud.create(kept, None)) as port:
        one = node(port)
        one.link._tell = told.append
        for number in (1, 2, 3):
            one.put(number)
        one.link.start()
        nodes.until(lambda: kept.counts["kept"] == 3, "the others")
        nodes.until(lambda: len(one.spool) == 1, "the queue without them")
    assert one.spool.place(_id(1)).exists()
    assert one.link.up
    assert (one.link.failed, one.sent.counts["refused"]) == (0, 1)
    [line] = told
    assert _id(1) in line
    assert "409" in line


def test_a_segment_that_somebody_took_off_the_disk_holds_up_no_other(tmp_path: Path, node: Any) -> None:
    kept = cloud.Cloud(tmp_path / "cloud")
    with _served(edge_cloud.create(kept, None)) as port:
        one = node(port)
        for number in (1, 2):
            one.put(number)
        shutil.rmtree(one.spool.place(_id(1)))
        one.link.start()
        nodes.until(lambda: kept.counts["kept"] and not len(one.spool), "the other")
    assert one.spool.dropped["damaged"] == 1


def test_answers_of_many_words_all_come_back(tmp_path: Path, node: Any) -> None:
    kept = cloud.Cloud(tmp_path / "cloud")
    with _served(edge_cloud.create(kept, None)) as port:
        one = node(port)
        for number in range(40):
            one.put(number)
        one.link.start()
        nodes.until(lambda: kept.counts["kept"] == 40, "the segments")
        for number in range(40):
            kept.answer(_id(number), violated=True, by="Li", text="矿" * 4000)
        nodes.until(lambda: len(one.heard) == 40 or setattr(one.link, "_asked", 0.0), "all answers")
    assert {answer.id for answer, _ in one.heard} == {_id(n) for n in range(40)}


def test_answers_with_any_end_of_line_survive_a_restart(tmp_path: Path) -> None:
    kept = spool.Spool(tmp_path / "queue", 1 << 20)
    facts = {"id": _id(1), "rule": "r\u2028\x85", "drawn": True}
    kept.put(_id(1), (1.0,), facts, keep=True)
    entry = kept.next()
    assert entry is not None
    first = link.Sent(tmp_path, late_s=60)
    first.note(entry, facts)
    told = {"id": _id(1), "sha256": entry.sha256, "violated": True, "by": "Li\x85", "text": "a\u2028b\u2029c\x0bd\x1ee"}
    assert first.take(told) is not None
    again = link.Sent(tmp_path, late_s=60)
    assert (again.waiting(), again.drawn()) == ([], {facts["rule"]: (1, 0)})
    assert again.take(told) is None
    assert dict(again.counts) == {"twice": 1}


def test_a_full_disk_costs_neither_the_queue_nor_an_answer(
    tmp_path: Path, node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, real, full = cloud.Cloud(tmp_path / "cloud"), link._append, [True]

    def append(file: Path, row: Mapping[str, Any]) -> None:
        if full:
            with file.open("ab") as out:
                out.write(b'{"id": "half')
            raise OSError(errno.ENOSPC, "full")
        real(file, row)

    monkeypatch.setattr(link, "_append", append)
    with _served(edge_cloud.create(kept, None)) as port:
        one = node(port)
        one.put(1)
        one.link.start()
        nodes.until(lambda: not len(one.spool), "an empty queue")
        kept.answer(_id(1), violated=True, by="Li")
        one.link._asked = 0.0
        one.link.wake()
        nodes.until(lambda: one.heard, "the answer")
        full.clear()
        one.put(2)
        one.link.wake()
        nodes.until(lambda: not len(one.spool), "the next")
        nodes.until(lambda: not one.sent._owed, "what was owed")
    again = link.Sent(tmp_path / "node0", late_s=60)
    assert (set(again.known), again.waiting()) == ({_id(1), _id(2)}, [_id(2)])


def test_facts_that_nest_without_end_are_no_segment(tmp_path: Path) -> None:
    client = TestClient(edge_cloud.create(cloud.Cloud(tmp_path), None))
    facts = "[" * 200_000
    wrong = {**_body(1), "facts": facts, "sha256": ids.digest(facts.encode())}
    assert client.post("/v1/segments", json=wrong).status_code == 400
    assert not list((tmp_path / "segments").iterdir())

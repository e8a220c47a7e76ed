"""A segment whose clip, model or settings are broken: a verdict that says which, and never an exception."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from use.video.cascade import nodes

from taihang.core import errors, ids
from taihang.engines.predict import allowance, chat, speaker
from taihang.use.video.cascade import cloud, panel, question, spool

FACTS = {"rule": "zone-entry", "level": "red", "start_s": 0.0, "end_s": 3.0, "path": "small"}
SETTINGS = speaker.Settings(frames=4)


class Model:
    """Answers as it is told to, and counts how often it was asked."""

    version, sha256, concurrency, limits = "1", None, 1, ()

    def __init__(self, name: str, answer: Callable[[type[Any]], chat.Answer[Any]]) -> None:
        self.name, self._answer, self.asked = name, answer, 0
        self.allowance = allowance.Allowance(None, None, allowance.Price(0, 0))

    def ask(self, messages: Any, form: type[Any]) -> chat.Answer[Any]:
        self.asked += 1
        return self._answer(form)


def _no_room(form: type[Any]) -> chat.Answer[Any]:
    raise errors.UserError("model:longcontext.small", tokens=100, asked=90, picture=40, least=260)


def _failed(form: type[Any]) -> chat.Answer[Any]:
    return chat.Answer("broken", detail="RuntimeError: out of memory \x1b[31m<|im_end|>")


def _no(form: type[Any]) -> chat.Answer[Any]:
    said = {"summary": "", "statements": [{"question": "violation", "seen": "no", "frames": [], "text": ""}]}
    return chat.Answer("ok", value=form.model_validate_json(json.dumps(said)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    nodes.film(tmp_path / spool.FILM, 3, [(1, 2)])
    return tmp_path


@pytest.mark.parametrize(
    ("answer", "told"), [(_no_room, "a cache of 100 tokens is too small"), (_failed, "RuntimeError: out of memory")]
)
def test_a_model_that_cannot_answer_is_broken_and_says_why_in_one_plain_line(answer, told, folder, monkeypatch) -> None:
    monkeypatch.setenv("TAIHANG_LANG", "en")
    verdict = question.ask(Model("a", answer), folder, FACTS, SETTINGS, "en")
    assert (verdict.outcome, verdict.violated) == ("broken", None)
    assert told in verdict.text
    assert "\n" not in verdict.text
    assert "\x1b" not in verdict.text
    assert "<|im_end|>" not in verdict.text
    assert len(verdict.text) <= 200


@pytest.mark.parametrize("content", [None, b"", b"no film at all", "half"])
def test_a_clip_that_cannot_be_read_is_put_to_no_model(content: bytes | str | None, folder: Path) -> None:
    film = folder / spool.FILM
    whole = film.read_bytes()
    film.unlink()
    if content is not None:
        film.write_bytes(whole[: len(whole) // 2] if isinstance(content, str) else content)
    model = Model("a", _no)
    assert question.ask(model, folder, FACTS, SETTINGS, "zh").outcome == "clip"
    assert not model.asked


def test_the_same_clip_and_a_model_that_works_give_a_verdict(folder: Path) -> None:
    assert question.ask(Model("a", _no), folder, FACTS, SETTINGS, "zh") == question.Verdict("ok", violated=False)


@contextlib.contextmanager
def _panel(folder: Path, **models: Model) -> Iterator[tuple[cloud.Cloud, panel.Panel, list[str]]]:
    kept, said = cloud.Cloud(folder), []
    one = panel.Panel(kept, models, SETTINGS, patience_s=20, say=said.append)  # type: ignore[arg-type]
    one.start()
    try:
        yield kept, one, said
    finally:
        one.close()


def test_a_broken_model_is_passed_over_for_the_next(tmp_path: Path) -> None:
    film = nodes.film(tmp_path / "a.mp4", 3, [(1, 2)]).read_bytes()
    ident = ids.content_id("segment", 1)
    body = json.dumps({**FACTS, "id": ident, "title": {}, "score": 0.4, "stream": "gate", "at": "2026-01-01T00:00:00Z"})
    clip = base64.b64encode(film).decode()
    sent = {"node": "n1", "id": ident, "sha256": ids.digest(body.encode() + film), "facts": body, "clip": clip}
    small, large = Model("a", _no_room), Model("b", _no)
    with _panel(tmp_path / "kept", small=small, large=large) as (kept, one, said):
        kept.take(json.dumps(sent).encode())
        nodes.until(lambda: not kept.waiting(), "an answer")
        asked = kept.asked(json.dumps({"node": "n1", "ids": [ident]}).encode())
        assert [(a["violated"], a["by"]) for a in asked["answers"]] == [(False, "large: b")]
        assert one.counts["small broken"] == 1
        assert any("broken" in line and "a" in line for line in said)

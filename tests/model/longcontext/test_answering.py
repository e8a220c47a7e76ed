"""Questions with pictures under a cap, asked of tiny models of both families as `--vlm hf:` asks them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest

torch = pytest.importorskip("torch", reason="could not import torch (./check --hub)")

from engines.predict import tiny_vlm  # noqa: E402

from taihang.core import errors  # noqa: E402
from taihang.engines.media import clips  # noqa: E402
from taihang.engines.predict import chat, speaker  # noqa: E402
from taihang.model.longcontext import answering, budget  # noqa: E402
from tests.model.longcontext import tiny  # noqa: E402 - after the look for torch

SETTINGS = speaker.Settings(max_tokens=24, total_s=60)
SIZES = ((112, 84), (56, 56), (84, 112), (112, 84), (112, 112), (28, 84))


class Form(pydantic.BaseModel):
    seen: str


@pytest.fixture(scope="module", params=tiny_vlm.FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vlm.save(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture
def plain(folder: Path) -> Any:
    return speaker.load(f"hf:{folder}", SETTINGS)


@pytest.fixture
def fullest(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What each layer held after each of its updates."""
    return tiny.watched(monkeypatch)


def _question(count: int, seed: int = 0) -> list[chat.Message]:
    parts: list[chat.Text | chat.Image] = []
    made = np.random.default_rng(seed)
    for number in range(count):
        width, height = SIZES[number % len(SIZES)]
        pixels = made.integers(0, 255, (height, width, 3), dtype=np.uint8)
        parts += [chat.Text(f"id f{number}:"), chat.Image(clips.still(pixels, "png"), width, height, "image/png")]
    return [chat.Message("system", (chat.Text("Look."),)), chat.Message("user", (*parts, chat.Text("What?")))]


def _wanted(plain: Any, most: int = 24) -> speaker.Wanted:
    return speaker.Wanted(most, 60, plain._special["<|im_end|>"])


@pytest.mark.parametrize("penalty", [1.0, 1.3])
@pytest.mark.parametrize("pictures", [0, 1, 9])
def test_windows_with_room_for_all_give_the_answer_of_transformers(plain: Any, pictures: int, penalty: float) -> None:
    plain._model.generation_config.repetition_penalty = penalty
    feed, length = plain._prompt(_question(pictures))
    with torch.inference_mode():
        today = plain._written(feed, length)
    made = answering.Capped(budget.Cap(2000, 40)).windowed(plain._model, feed, _wanted(plain))
    assert made == today
    assert len(made) > 1


def test_a_prompt_that_fits_is_answered_as_ever(plain: Any, folder: Path, fullest: list[int]) -> None:
    capped = speaker.load(f"hf:{folder}", SETTINGS, writer=answering.Capped.of(1 << 14))
    assert capped.ask(_question(3), Form).text == plain.ask(_question(3), Form).text
    assert not fullest


def test_the_cap_is_never_exceeded_and_the_pictures_are_still_looked_at(folder: Path, fullest: list[int]) -> None:
    spoken = speaker.load(f"hf:{folder}", SETTINGS, writer=answering.Capped.of(1000))
    question = _question(60)
    answer = spoken.ask(question, Form)
    assert answer.usage.prompt > 1000
    assert answer.outcome in {"prose", "cut", "empty", "schema"}  # random weights: judged as any answer is
    assert max(fullest) <= 1000
    assert answer.text == spoken.ask(question, Form).text
    feed, _ = spoken._prompt(question)
    other = {**feed, "pixel_values": feed["pixel_values"].flip(0)}
    wanted = _wanted(spoken)
    writer = answering.Capped.of(1000)
    assert writer.write(spoken._model, feed, wanted) != writer.write(spoken._model, other, wanted)


def test_a_long_answer_stays_under_the_cap(plain: Any, fullest: list[int]) -> None:
    feed, _ = plain._prompt(_question(9))
    wanted = speaker.Wanted(150, 60, -1)
    made = answering.Capped(budget.Cap(100, 50, recent=8)).windowed(plain._model, feed, wanted)
    assert len(made) == 150
    assert max(fullest) <= 100


def test_after_a_long_question_a_short_one_is_answered_as_ever(plain: Any, folder: Path) -> None:
    capped = speaker.load(f"hf:{folder}", SETTINGS, writer=answering.Capped.of(1000))
    before = capped._model.model.language_model.config._attn_implementation
    capped.ask(_question(60), Form)
    assert capped._model.model.language_model.config._attn_implementation == before
    assert capped.ask(_question(1), Form).text == plain.ask(_question(1), Form).text


def test_an_answer_ends_when_its_time_is_over(plain: Any) -> None:
    feed, _ = plain._prompt(_question(9))
    made = answering.Capped(budget.Cap(2000, 40)).windowed(plain._model, feed, speaker.Wanted(24, 0, -1))
    assert len(made) == 1


def test_the_report_says_so_and_the_answers_are_not_taken_for_those_of_the_whole(plain: Any, folder: Path) -> None:
    capped = speaker.load(f"hf:{folder}", SETTINGS, writer=answering.Capped.of(1000))
    other = speaker.load(f"hf:{folder}", SETTINGS, writer=answering.Capped.of(1002))
    assert len({plain.sha256, capped.sha256, other.sha256}) == 3
    *before, told = capped.limits
    assert tuple(before) == plain.limits
    assert "1000" in told.in_("zh")
    assert "under a cap of 1000 tokens" in told.in_("en")


def test_an_impossible_cap_gets_one_line(folder: Path) -> None:
    with pytest.raises(errors.UserError, match="too small"):
        answering.Capped.of(60)
    question = _question(60)
    spoken = speaker.load(f"hf:{folder}", SETTINGS, writer=answering.Capped.of(100))
    with pytest.raises(errors.UserError, match="a cache of 100 tokens is too small") as raised:
        spoken.ask(question, Form)
    assert "\n" not in str(raised.value)
    least = raised.value.message.values["least"]
    fits = speaker.load(f"hf:{folder}", SETTINGS, writer=answering.Capped.of(least))
    assert fits.ask(question, Form).outcome in {"prose", "cut", "empty", "schema"}
    with pytest.raises(errors.UserError):
        speaker.load(f"hf:{folder}", SETTINGS, writer=answering.Capped.of(least - 2)).ask(question, Form)

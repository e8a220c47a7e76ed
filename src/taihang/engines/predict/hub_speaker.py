"""Qwen2.5-VL and Qwen3-VL in this process, by path or hub id, run by transformers.

The prompt is put together from token ids: text of the question is never read as a token that steers the model
(`<|im_end|>` in a picture's caption stays letters). Pictures are prepared by the part of transformers that works
without torchvision.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from taihang.core import errors, i18n, words
from taihang.engines.predict import allowance, chat, hub, said, speaker

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
_FILES = (
    "config.json", "generation_config.json", "preprocessor_config.json", "*.safetensors",
    "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt",
    "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
_NEEDED = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
_READER = "1"  # counts up when equal weights would answer otherwise


class HubSpeaker:
    """One model; it answers one question at a time, greedily, so that equal questions have equal answers."""

    concurrency = 1
    limits: tuple[i18n.Message, ...] = (i18n.Message(key="engines.predict:vlm.limit.process"),)

    def __init__(self, spec: str, given: speaker.Settings, writer: speaker.Writer | None = None) -> None:
        self._torch, transformers = hub.libraries()
        folder = hub.folder_of(spec, _FILES)
        kind = str(hub.json_of(folder / "config.json", spec).get("model_type"))
        if kind not in FAMILIES:
            raise errors.UserError("engines.predict:hub_family", model=spec, kind=kind, known=", ".join(FAMILIES))
        self.name = spec if folder != Path(spec) else folder.resolve().name
        self.sha256: words.Sha256 | None = hub.version_of(folder, _READER + (writer.mark if writer else ""), _FILES)
        self.version = self.sha256[:12]
        self.allowance = given.purse()
        self._given, self._writer, self._lock = given, writer, threading.Lock()
        if writer:
            self.limits = (*self.limits, *writer.limits)
        try:
            self._tokens = transformers.AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
            pictures = getattr(transformers, "Qwen2VLImageProcessorPil", None) or transformers.Qwen2VLImageProcessor
            self._pictures = pictures.from_pretrained(str(folder), local_files_only=True)
            self._model = transformers.AutoModelForImageTextToText.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype="auto"
            ).eval()
            if self._torch.cuda.is_available():
                self._model = self._model.to("cuda")
        except Exception as error:
            raise errors.UserError("engines.predict:cannot_load", path=spec, reason=hub.line(error)) from error
        known = self._tokens.get_added_vocab()
        lacking = [name for name in _NEEDED if name not in known]
        if lacking:
            reason = f"tokenizer: {' '.join(lacking)}"
            raise errors.UserError("engines.predict:cannot_load", path=spec, reason=reason)
        self._special = {name: int(known[name]) for name in _NEEDED}

    def ask(self, messages: Sequence[chat.Message], form: type[chat.Form]) -> chat.Answer[chat.Form]:
        """As the contract says; one question at a time. Raises errors.UserError where the writer says so."""
        with self._lock:
            try:
                return self._asked([*messages, *chat.told(form)], form)
            except errors.UserError:
                raise  # a setting that does not fit: every further question would end so
            except Exception as error:  # noqa: BLE001 - out of memory, or weights that do not fit: an outcome
                return chat.Answer("broken", detail=hub.line(error), attempts=1)

    def _asked(self, messages: Sequence[chat.Message], form: type[chat.Form]) -> chat.Answer[chat.Form]:
        feed, length = self._prompt(messages)
        most = allowance.Usage(length, self._given.max_tokens)
        if not self.allowance.reserve(most):
            return chat.Answer("allowance")
        took = most
        try:
            with self._torch.inference_mode():
                made = self._written(feed, length)
            took = allowance.Usage(length, len(made))
        finally:
            self.allowance.settle(most, took)
        ended = bool(made) and made[-1] == self._special["<|im_end|>"]
        text = self._tokens.decode(made, skip_special_tokens=True)
        outcome, value = said.judged(said.Spoken(text, "stop" if ended else "length"), form)
        return chat.Answer(outcome, text, value, usage=took, attempts=1, model=self.name)

    def _written(self, feed: dict[str, Any], length: int) -> list[int]:
        wanted = speaker.Wanted(self._given.max_tokens, self._given.total_s, self._special["<|im_end|>"])
        made = self._writer.write(self._model, feed, wanted) if self._writer else None
        if made is None:
            made = self._model.generate(
                **feed,
                do_sample=False,
                max_new_tokens=wanted.most,
                max_time=wanted.seconds,
                eos_token_id=wanted.end,
                pad_token_id=wanted.end,
            )[0, length:].tolist()
        return list(made)

    def _prompt(self, messages: Sequence[chat.Message]) -> tuple[dict[str, Any], int]:
        """What the model is fed, and how many tokens that is."""
        ids: list[int] = []
        pictures: list[Any] = []
        merge = self._pictures.merge_size**2
        for message in _turns(messages):
            ids += [self._special["<|im_start|>"], *self._plain(f"{message.role}\n")]
            for part in message.parts:
                if isinstance(part, chat.Text):
                    ids += self._plain(part.text)
                    continue
                pictures.append(self._pictures(images=[_pixels(part)], return_tensors="pt"))
                pad = [self._special["<|image_pad|>"]] * (int(pictures[-1]["image_grid_thw"].prod()) // merge)
                ids += [self._special["<|vision_start|>"], *pad, self._special["<|vision_end|>"]]
            ids += [self._special["<|im_end|>"], *self._plain("\n")]
        ids += [self._special["<|im_start|>"], *self._plain("assistant\n")]
        torch, device = self._torch, self._model.device
        tokens = torch.tensor([ids], device=device)
        feed: dict[str, Any] = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
        if pictures:
            pixels = torch.cat([one["pixel_values"] for one in pictures])
            feed["pixel_values"] = pixels.to(device, self._model.dtype)
            feed["image_grid_thw"] = torch.cat([one["image_grid_thw"] for one in pictures]).to(device)
            if "mm_token_type_ids" in inspect.signature(self._model.forward).parameters:
                feed["mm_token_type_ids"] = (tokens == self._special["<|image_pad|>"]).long()
        return feed, len(ids)

    def _plain(self, text: str) -> list[int]:
        """Letters only: what looks like a special token is split like any other text."""
        return list(self._tokens.encode(text, add_special_tokens=False, split_special_tokens=True))


def _turns(messages: Sequence[chat.Message]) -> list[chat.Message]:
    """Messages of one role in a row as one: the templates of these models know no others."""
    found: list[chat.Message] = []
    for message in messages:
        if found and found[-1].role == message.role:
            found[-1] = chat.Message(message.role, (*found[-1].parts, chat.Text("\n"), *message.parts))
        else:
            found.append(message)
    return found


def _pixels(part: chat.Image) -> np.ndarray:
    read = cv2.imdecode(np.frombuffer(part.data, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB))

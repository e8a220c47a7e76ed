"""Answering: a question with pictures is read and answered under a cap, in place of transformers' `generate`.

What `engines.predict.speaker.Writer` asks for; `app.speaking` hands it to the model in this process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import transformers

from taihang.core import errors, i18n
from taihang.engines.predict import speaker
from taihang.model.longcontext import budget, reading


@dataclasses.dataclass(frozen=True, slots=True)
class Capped:
    """Writes answers from a cache that never exceeds `cap`; what stays is chosen by `policy.Policy` with the probe."""

    cap: budget.Cap

    @classmethod
    def of(cls, tokens: int) -> Capped:
        """A cache of so many tokens a layer, half of them for the window that is being read.

        Raises errors.UserError where that leaves no room for what is always kept.
        """
        return cls(budget.Cap(tokens, tokens // 2))

    @property
    def mark(self) -> str:
        """What tells its answers from those that a whole cache gives."""
        return f"cache {self.cap.tokens}/{self.cap.window}"

    @property
    def limits(self) -> tuple[i18n.Message, ...]:
        """What a report says of it."""
        return (i18n.Message(key="model:longcontext.limit", values={"tokens": self.cap.tokens}),)

    def write(self, model: Any, feed: Mapping[str, Any], wanted: speaker.Wanted) -> list[int] | None:
        """The answer's tokens; None where prompt and longest answer fit the cap, which then asks for nothing new.

        Raises errors.UserError where the question and its largest picture do not fit a window.
        """
        if feed["input_ids"].shape[1] + wanted.most <= self.cap.tokens:
            return None
        return self.windowed(model, feed, wanted)

    @torch.inference_mode()
    def windowed(self, model: Any, feed: Mapping[str, Any], wanted: speaker.Wanted) -> list[int]:
        """The same, read window by window however short the prompt is."""
        until = time.monotonic() + wanted.seconds
        prompt = self._fitting(model, feed)
        with _own_attention(model):
            reader = reading.Reader(model, reading.Plan(self.cap))
            read = reader.read(prompt)
            return reader.generate(read, wanted.most, (wanted.end,), until=until, weigh=_weighing(model, prompt.ids))

    def _fitting(self, model: Any, feed: Mapping[str, Any]) -> reading.Prompt:
        """The prompt, whose pictures are not cut: a window ends between two of them."""
        ids = feed["input_ids"][0]
        pictures = [(int(t), int(h), int(w)) for t, h, w in feed.get("image_grid_thw", ())]
        kinds = (ids == model.config.image_token_id).long()
        prompt = reading.Prompt(ids, kinds, feed.get("pixel_values", torch.empty(0)), None, pictures=pictures)
        merged = model.model.visual.spatial_merge_size**2
        asked = reading.asked_tokens(kinds)
        largest = max((height * width // merged for height, width in prompt.frames), default=1)
        if asked + largest > self.cap.window:
            least = 2 * max(asked + largest, self.cap.sinks + self.cap.recent)
            given = self.cap.tokens
            raise errors.UserError("model:longcontext.small", tokens=given, asked=asked, picture=largest, least=least)
        return prompt


@contextlib.contextmanager
def _own_attention(model: Any) -> Iterator[None]:
    """The reader exchanges the model's attention; after it, questions that fit are answered as ever."""
    config = model.model.language_model.config
    before = config._attn_implementation
    try:
        yield
    finally:
        config._attn_implementation = before


def _weighing(model: Any, ids: torch.Tensor) -> Callable[[torch.Tensor, list[int]], torch.Tensor] | None:
    """What the model's own settings do to the logits of a greedy answer: Qwen2.5-VL is shipped with a penalty."""
    penalty = getattr(model.generation_config, "repetition_penalty", None)
    if penalty in (None, 1.0):
        return None
    apply = transformers.RepetitionPenaltyLogitsProcessor(penalty)

    def weigh(logits: torch.Tensor, found: list[int]) -> torch.Tensor:
        so_far = torch.cat([ids, ids.new_tensor(found)])
        return torch.as_tensor(apply(so_far[None], logits[None].float())[0])

    return weigh

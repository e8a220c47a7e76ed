"""Tiny models of both families, built from config with random weights, and prompts for them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

from taihang.model.longcontext import cache, reading

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
TEXT = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 200, "max_position_embeddings": 100_000, "bos_token_id": 1,
    "eos_token_id": 2, "tie_word_embeddings": False,
}  # fmt: skip
IMAGE, VIDEO, START, END = 190, 191, 192, 193


def watched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What each layer holds after each of its updates, as they come."""
    found: list[int] = []
    update = cache.CappedLayer.update

    def noted(self: cache.CappedLayer, *args: Any, **kwargs: Any) -> Any:
        made = update(self, *args, **kwargs)
        found.append(self.held)
        return made

    monkeypatch.setattr(cache.CappedLayer, "update", noted)
    return found


def model(family: str, dtype: torch.dtype = torch.float32, seed: int = 0, **changes: Any) -> Any:
    torch.manual_seed(seed)
    tokens = {
        "image_token_id": IMAGE,
        "video_token_id": VIDEO,
        "vision_start_token_id": START,
        "vision_end_token_id": END,
    }
    if family == "qwen2_5_vl":
        text = {
            **TEXT,
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0},
            **changes,
        }
        vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": 64,
                  "patch_size": 4, "window_size": 16, "fullatt_block_indexes": [1], "tokens_per_second": 2}  # fmt: skip
        made = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=vision, **tokens))
    else:
        rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0, "mrope_interleaved": True}
        text = {**TEXT, "head_dim": 16, "rope_parameters": rope, **changes}
        vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": 64,
                  "patch_size": 4, "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1]}  # fmt: skip
        made = Qwen3VLForConditionalGeneration(Qwen3VLConfig(text_config=text, vision_config=vision, **tokens))
    return made.to(dtype).eval()


def prompt(
    family: str, frames: int, *, seed: int = 0, side: int = 4, events: tuple[int, ...] = (), still: bool = False
) -> reading.Prompt:
    """`frames` temporal patches of side × side patches, four text tokens before and six after."""
    made = torch.Generator().manual_seed(seed)
    per = side * side // 4
    text = torch.randint(3, 180, (10,), generator=made)
    ids, kinds = [*text[:4].tolist()], [0] * 4
    if family == "qwen2_5_vl":
        ids += [START, *[VIDEO] * (per * frames), END]
        kinds += [0, *[2] * (per * frames), 0]
    else:
        for number in range(frames):
            ids += [3 + number % 7, START, *[VIDEO] * per, END]
            kinds += [0, 0, *[2] * per, 0]
    ids += text[4:].tolist()
    kinds += [0] * 6
    area = side * side
    pixels = torch.randn(frames * area, 3 * 2 * 4 * 4, generator=made)
    if still:
        pixels = pixels[:area].repeat(frames, 1)
    return reading.Prompt(torch.tensor(ids), torch.tensor(kinds), pixels, (frames, side, side), 1.0, events)

"""Models and films for the GPU list: Qwen2.5-VL-7B from config with random weights, or a tiny one."""

from __future__ import annotations

import datetime
import platform
from typing import Any

import torch
import transformers

from taihang.model.longcontext import reading
from tests.model.longcontext import tiny

# Of the published config.json of Qwen2.5-VL-7B-Instruct.
TEXT = {
    "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
    "num_key_value_heads": 4, "vocab_size": 152064, "max_position_embeddings": 128000, "tie_word_embeddings": False,
    "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1000000.0},
}  # fmt: skip
VISION = {
    "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 3584,
    "patch_size": 14, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31], "tokens_per_second": 2,
}  # fmt: skip
VIDEO, START, END = 151656, 151652, 151653


def model(small: bool, device: str) -> Any:
    """In bfloat16 on the device; the tiny one in float32."""
    if small:
        return tiny.model("qwen2_5_vl").to(device)
    config = transformers.Qwen2_5_VLConfig(
        text_config=TEXT, vision_config=VISION, video_token_id=VIDEO, vision_start_token_id=START,
        vision_end_token_id=END, image_token_id=151655,
    )  # fmt: skip
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            return transformers.Qwen2_5_VLForConditionalGeneration(config).eval()
    finally:
        torch.set_default_dtype(torch.float32)


def film(frames: int, small: bool, *, seconds: float = 2.0, seed: int = 0) -> reading.Prompt:
    """A prompt with one film: `frames` frames (two make a temporal patch) of 280 x 504 pixels, 180 tokens a patch.

    The picture drifts slowly and is replaced at random moments, where events begin.
    """
    made = torch.Generator().manual_seed(seed)
    patches = max(1, frames // 2)
    height, width = (4, 4) if small else (20, 36)
    values = 3 * 2 * (4 * 4 if small else 14 * 14)
    dtype = torch.float32 if small else torch.bfloat16
    pixels = torch.empty(patches, height * width, values, dtype=dtype)
    events, scene = [], torch.randn(height * width, values, generator=made)
    for number in range(patches):
        if number and float(torch.rand(1, generator=made)) < 0.02:
            events.append(number)
            scene = torch.randn(height * width, values, generator=made)
        scene = 0.98 * scene + 0.2 * torch.randn(height * width, values, generator=made)
        pixels[number] = scene
    video, start, end = (tiny.VIDEO, tiny.START, tiny.END) if small else (VIDEO, START, END)
    per = height * width // 4
    before, after = [5, 6, 7, start], [end, *range(8, 24)]
    ids = [*before, *[video] * (per * patches), *after]
    kinds = [*[0] * len(before), *[2] * (per * patches), *[0] * len(after)]
    grid = (patches, height, width)
    return reading.Prompt(torch.tensor(ids), torch.tensor(kinds), pixels.flatten(0, 1), grid, seconds, tuple(events))


def spread(prompt: reading.Prompt, most: int) -> reading.Prompt:
    """The same film by every so many-th temporal patch, so that the whole prompt has at most `most` tokens (one patch
    stays in any case). The time between them grows as the step does; events are not told."""
    assert prompt.grid is not None
    patches, height, width = prompt.grid
    per = int((prompt.kinds == 2).sum()) // patches
    text = len(prompt.ids) - per * patches
    step = -(-patches // max(1, (most - text) // per))
    taken = torch.arange(0, patches, step)
    pixels = prompt.pixels.view(patches, height * width, -1)[taken].flatten(0, 1)
    keep = torch.ones(len(prompt.ids), dtype=torch.bool)
    keep[(prompt.kinds == 2).nonzero()[len(taken) * per :, 0]] = False
    grid = (len(taken), height, width)
    return reading.Prompt(prompt.ids[keep], prompt.kinds[keep], pixels, grid, prompt.seconds * step)


def machine(device: str) -> dict[str, Any]:
    """Day, card and versions, for the result file."""
    card = torch.cuda.get_device_name() if device.startswith("cuda") else platform.processor() or platform.machine()
    return {"date": datetime.datetime.now(datetime.UTC).date().isoformat(), "device": card,
            "torch": torch.__version__, "transformers": transformers.__version__}  # fmt: skip

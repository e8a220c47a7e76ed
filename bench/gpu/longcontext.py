"""A long film in 32 GB: peak memory, time and distance, beside transformers' full cache on the same frames.

    python -m bench.gpu.longcontext --out FILE [--tiny --device cpu]

The allocator is held to 32 GB of the card, whatever its size. `full` is transformers' own forward pass with
its own cache; where it does not fit, that is its row. `kl` and `agree` compare the next 16 tokens' distributions
along the full cache's own continuation, on the lengths that both read. `selected` reads 2% of the frames.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
import transformers

from bench.gpu import models
from taihang.model.longcontext import budget, policy, reading

LIMIT = 32 * 2**30
NEXT = 16


def _clock(device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter()


def _peak(device: str) -> float:
    return round(torch.cuda.max_memory_allocated() / 2**30, 2) if device.startswith("cuda") else 0.0


def _fresh(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


@torch.inference_mode()
def full(model: Any, prompt: reading.Prompt, device: str) -> tuple[dict[str, Any], torch.Tensor | None, list[int]]:
    """transformers alone: its row, the log-probabilities of the next tokens, and these."""
    _fresh(device)
    model.model.language_model.config._attn_implementation = "sdpa"
    cache = transformers.DynamicCache()
    began = _clock(device)
    try:
        out = model(
            input_ids=prompt.ids[None].to(device), mm_token_type_ids=prompt.kinds[None].to(device),
            pixel_values_videos=prompt.pixels.to(device), video_grid_thw=torch.tensor([prompt.grid], device=device),
            second_per_grid_ts=torch.tensor([prompt.seconds], device=device),
            past_key_values=cache, use_cache=True, logits_to_keep=1,
        )  # fmt: skip
        read_s = _clock(device) - began
        found, tokens = [out.logits[0, -1].float().log_softmax(-1).cpu()], []
        began = _clock(device)
        for _ in range(NEXT):
            tokens.append(int(found[-1].argmax()))
            out = model(input_ids=torch.tensor([[tokens[-1]]], device=device), past_key_values=cache, use_cache=True)
            found.append(out.logits[0, -1].float().log_softmax(-1).cpu())
        each = (_clock(device) - began) / NEXT
    except torch.cuda.OutOfMemoryError:
        return {"way": "full cache", "fits": False, "peak_gb": _peak(device)}, None, []
    row = {"way": "full cache", "fits": True, "read_s": round(read_s, 2), "token_ms": round(1000 * each, 2),
           "peak_gb": _peak(device)}  # fmt: skip
    return row, torch.stack(found), tokens


@torch.inference_mode()
def capped(
    model: Any, prompt: reading.Prompt, plan: reading.Plan, device: str, beside: tuple[torch.Tensor | None, list[int]]
) -> dict[str, Any]:
    """Ours: time, memory, and where the full cache could read, the distance along its continuation."""
    wanted, tokens = beside
    _fresh(device)
    reader = reading.Reader(model, plan)
    began = _clock(device)
    read = reader.read(prompt)
    read_s = _clock(device) - began
    found = [read.logits.float().log_softmax(-1).cpu()]
    began = _clock(device)
    words = tokens or [int(found[0].argmax())] * NEXT
    found.extend(reader.follow(read, token).float().log_softmax(-1).cpu() for token in words)
    each = (_clock(device) - began) / NEXT
    row = {"fits": True, "read_s": round(read_s, 2), "token_ms": round(1000 * each, 2), "peak_gb": _peak(device),
           "held": read.cache.peak // reader.layers,
           "came": read.tokens + read.merged, "merged": read.merged}  # fmt: skip
    if wanted is not None:
        logits = torch.stack(found)
        far = torch.nn.functional.kl_div(logits, wanted, log_target=True, reduction="batchmean")
        row |= {"kl": round(float(far), 5),
                "agree": round(float((logits.argmax(-1) == wanted.argmax(-1)).float().mean()), 3)}  # fmt: skip
    return row


def ways(small: bool) -> dict[str, reading.Plan]:
    """The plans that are compared."""
    cap = budget.Cap(120, 60, recent=8) if small else budget.Cap(16_384, 4_096)
    choose = policy.Policy("mixed", recent=cap.recent)
    return {
        "capped": reading.Plan(cap, choose),
        "capped, repeats merged": reading.Plan(cap, choose, merge=0.95),
        "capped, int8": reading.Plan(cap, choose, form="int8"),
        "capped, fp8": reading.Plan(cap, choose, form="fp8"),
    }


def run(small: bool, device: str) -> dict[str, Any]:
    """All rows."""
    if device.startswith("cuda"):
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, LIMIT / total))
    model = models.model(small, device)
    rows: list[dict[str, Any]] = []
    for minutes in (5, 20, 40, 60):
        frames = minutes * 60 // (30 if small else 1)
        for kind, count in (("1 fps", frames), ("selected, 2% of 25 fps", max(4, frames // 2))):
            prompt = models.film(count, small)
            row, wanted, tokens = full(model, prompt, device)
            rows.append({"minutes": minutes, "frames": kind, **row})
            for name, plan in ways(small).items():
                found = capped(model, prompt, plan, device, (wanted, tokens))
                rows.append({"minutes": minutes, "frames": kind, "way": name, **found})
            for one in rows[-1 - len(ways(small)) :]:
                print(one, flush=True)
    return {**models.machine(device), "limit_gb": LIMIT / 2**30, "tiny": small, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args()
    given.out.write_text(json.dumps(run(given.tiny, given.device), indent=1) + "\n")


if __name__ == "__main__":
    main()

"""A long film in 32 GB: peak memory, time and distance, beside transformers' full cache on the same frames.

    python -m bench.gpu.longcontext --out FILE [--tiny --device cpu] [--limit-s 540]

The allocator is held to 32 GB of the card, whatever its size. `full cache` is transformers' own forward pass with
its own cache; `same windows, nothing cut` reads as Taihang does and lets nothing go, so that a long film fails for
its cache and not for reading all of it at once. What does not fit has a row that says so. `kl` and `agree` compare
the next 16 tokens' distributions along the full cache's own continuation, on the lengths that both read.
`selected` reads 2% of the frames. `evenly spread frames` is what one does without a capped cache: as many frames of
the same film as the capped cache holds between windows, evenly spread, nothing cut. The file is written after every
row; what the time did not reach is a row too.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from bench.gpu import models
from taihang.model.longcontext import budget, policy, reading

LIMIT = 32 * 2**30
NEXT = 16
MINUTES = (60, 20, 40, 5)  # what matters most first: the time may run out
EACH_SECOND, SELECTED = "1 fps", "selected, 2% of 25 fps"
FULL, UNCUT, CAPPED, SPREAD = "full cache", "same windows, nothing cut", "capped", "evenly spread frames"


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
        return {"way": FULL, "fits": False, "peak_gb": _peak(device)}, None, []
    row = {"way": FULL, "fits": True, "read_s": round(read_s, 2), "token_ms": round(1000 * each, 2),
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
    ample = dataclasses.replace(cap, tokens=1_000_000)
    choose = policy.Policy("mixed", recent=cap.recent)
    return {
        CAPPED: reading.Plan(cap, choose),
        UNCUT: reading.Plan(ample, choose),
        "capped, repeats merged": reading.Plan(cap, choose, merge=0.95),
        "capped, int8": reading.Plan(cap, choose, form="int8"),
        "capped, fp8": reading.Plan(cap, choose, form="fp8"),
    }


def reads(prompt: reading.Prompt, small: bool) -> Iterator[tuple[str, reading.Prompt, reading.Plan]]:
    """Each way beside the full cache: its name, what it is given of the film, and its plan."""
    plans = ways(small)
    for way, plan in plans.items():
        yield way, prompt, plan
    cap = plans[CAPPED].cap
    yield SPREAD, models.spread(prompt, cap.tokens - cap.window), plans[UNCUT]


def film_rows(model: Any, minutes: int, kind: str, *, small: bool, device: str, until: float) -> Iterator[dict]:
    """One film's rows, one way after the other; those that began too late say so."""
    frames = minutes * 60 // (30 if small else 1)
    head = {"minutes": minutes, "frames": kind}
    if time.monotonic() > until:
        yield from ({**head, "way": way, "reached": False} for way in (FULL, *ways(small), SPREAD))
        return
    prompt = models.film(frames if kind == EACH_SECOND else max(4, frames // 2), small)
    row, wanted, tokens = full(model, prompt, device)
    yield {**head, **row}
    for way, given, plan in reads(prompt, small):
        if time.monotonic() > until:
            yield {**head, "way": way, "reached": False}
            continue
        try:
            yield {**head, "way": way, **capped(model, given, plan, device, (wanted, tokens))}
        except torch.cuda.OutOfMemoryError:
            yield {**head, "way": way, "fits": False, "peak_gb": _peak(device)}


def goals(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was aimed at: an hour within the limit; 3 times as quick as the quicker uncut way at the longest length
    that one fits; 8 times with frames selected, beside the same way without. None where a row for it is missing."""

    def seconds(minutes: int, kind: str, *names: str) -> float | None:
        found = [row["read_s"] for row in rows if row.get("fits") and row["way"] in names
                 and (row["minutes"], row["frames"]) == (minutes, kind)]  # fmt: skip
        return min(found) if found else None

    hour = [row["fits"] for row in rows if (row["minutes"], row["frames"], row["way"]) == (60, EACH_SECOND, CAPPED)
            and "fits" in row]  # fmt: skip
    told: dict[str, Any] = {"an hour fits": hour[0] if hour else None, "longest uncut, minutes": None,
                            "times as quick (goal 3)": None, "with selection (goal 8)": None}  # fmt: skip
    for minutes in sorted(MINUTES, reverse=True):
        uncut, cut = seconds(minutes, EACH_SECOND, FULL, UNCUT), seconds(minutes, EACH_SECOND, CAPPED)
        selected = seconds(minutes, SELECTED, CAPPED)
        if uncut is not None:
            told["longest uncut, minutes"] = minutes
            told["times as quick (goal 3)"] = round(uncut / cut, 2) if cut else None
            told["with selection (goal 8)"] = round(uncut / selected, 2) if selected else None
            break
    return told


def run(small: bool, device: str, limit_s: float = 540.0, keep: Callable[[dict], None] | None = None) -> dict[str, Any]:
    """All rows; `keep` gets what there is after each. No new row is begun once `limit_s` is over."""
    until = time.monotonic() + limit_s
    if device.startswith("cuda"):
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, LIMIT / total))
    model = models.model(small, device)
    rows: list[dict[str, Any]] = []
    told = {**models.machine(device), "limit_gb": LIMIT / 2**30, "tiny": small, "goals": goals(rows), "rows": rows}
    for minutes, kind in itertools.product(MINUTES, (EACH_SECOND, SELECTED)):
        for row in film_rows(model, minutes, kind, small=small, device=device, until=until):
            rows.append(row)
            told["goals"] = goals(rows)
            print(row, flush=True)
            if keep is not None:
                keep(told)
    return told


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--limit-s", type=float, default=540.0)
    given = parser.parse_args()

    def keep(told: dict[str, Any]) -> None:
        given.out.write_text(json.dumps(told, indent=1) + "\n")

    print(run(given.tiny, given.device, given.limit_s, keep)["goals"])


if __name__ == "__main__":
    main()

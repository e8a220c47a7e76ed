"""A trained proof: a tiny vision-language model learns to find needles in a video; then its cache is cut.

    python -m bench.longcontext.needle --out FOLDER [--steps 600] [--seed 0]

Each frame is one token and shows one of ten patterns; four frames carry one of four marks over it. The
question names a mark, the answer is the pattern that stood there: one frame of 64 decides, and guessing
gives 0.1. The model is trained (from random weights, about four CPU minutes) on videos of 6 to 64 frames
with all four questions after each, and asked about others of 64 that it has not seen. `recall` is the
share of right answers, over caps from the whole sequence down to four tokens beside the sinks and the
most recent ones; `kl` and `agree` are the distance to, and the top-1 agreement with, the full cache.
`recency` is plain truncation with attention sinks (StreamingLLM), `uniform` evenly spread tokens,
`key-norm`, `value-norm` and `attention` the scores of that name, `mixed` attention times value norm;
`+ probe` lets the question look back after each window. The weights are kept in FOLDER, for
`bench.longcontext.kvpress_peer`, which reads the same films with kvpress's methods.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from taihang.model.longcontext import budget, policy, reading
from tests.model.longcontext import tiny

# Qwen3-VL writes three more tokens beside each frame: its films want other budgets and four times the training.
FAMILIES = ("qwen2_5_vl",)
PATTERNS, MARKS, SIDE = 10, 4, 2
ANSWER, ASK = 20, 40
FRAMES, WINDOW, SINKS, RECENT = 64, 16, 2, 2
KEPT = (48, 32, 24, 16, 12, 8)


def world(seed: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    """What patterns and marks look like: (patterns or marks, values of one temporal patch)."""
    made = torch.Generator().manual_seed(seed)
    width = 3 * 2 * 4 * 4
    return torch.randn(PATTERNS, SIDE * SIDE, width, generator=made), torch.randn(
        MARKS, SIDE * SIDE, width, generator=made
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Films:
    """Some films of one length: `pixels` (films, frames, patches, values), `asked` and `answers` (films, marks)."""

    pixels: torch.Tensor
    asked: torch.Tensor
    answers: torch.Tensor


def films(count: int, frames: int, made: torch.Generator) -> Films:
    """Draw them: each mark stands once in each, and is asked for once."""
    patterns, marks = world()
    shown = torch.randint(PATTERNS, (count, frames), generator=made)
    places = torch.stack([torch.randperm(frames, generator=made)[:MARKS] for _ in range(count)])
    asked = torch.stack([torch.randperm(MARKS, generator=made) for _ in range(count)])
    pixels = patterns[shown] + 0.3 * torch.randn(count, frames, *patterns.shape[1:], generator=made)
    each = torch.arange(count)
    for mark in range(MARKS):
        pixels[each, places[:, mark]] += marks[mark]
    return Films(pixels, asked, shown[each[:, None], places[each[:, None], asked]])


def prompt(some: Films, number: int) -> reading.Prompt:
    """One film with its first question."""
    pixels = some.pixels[number]
    frames = pixels.shape[0]
    ids = [3, 4, tiny.START, *[tiny.VIDEO] * frames, tiny.END, ASK + int(some.asked[number, 0])]
    kinds = [0, 0, 0, *[2] * frames, 0, 0]
    return reading.Prompt(torch.tensor(ids), torch.tensor(kinds), pixels.flatten(0, 1), (frames, SIDE, SIDE))


def _loss(model: Any, some: Films) -> torch.Tensor:
    """All questions of each film in one pass, each followed by its answer."""
    count, frames = some.pixels.shape[:2]
    head = torch.tensor([3, 4, tiny.START, *[tiny.VIDEO] * frames, tiny.END]).expand(count, -1)
    ids = torch.cat([head, torch.stack([ASK + some.asked, ANSWER + some.answers], -1).flatten(1)], 1)
    seconds = {"second_per_grid_ts": torch.ones(count)} if "2_5" in model.config.model_type else {}
    out = model(
        input_ids=ids,
        mm_token_type_ids=(ids == tiny.VIDEO).long() * 2,
        pixel_values_videos=some.pixels.flatten(0, 2),
        video_grid_thw=torch.tensor([[frames, SIDE, SIDE]] * count),
        **seconds,
    )
    found = out.logits[:, -2 * MARKS :: 2]
    return torch.nn.functional.cross_entropy(found.flatten(0, 1), (ANSWER + some.answers).flatten())


def train(model: Any, steps: int, seed: int, batch: int = 32) -> list[float]:
    """From random weights, on films that grow from 8 to 64 frames. The losses."""
    made = torch.Generator().manual_seed(1000 + seed)
    model.train()
    best = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01, betas=(0.9, 0.98))
    lost: list[float] = []
    for step in range(steps):
        for group in best.param_groups:
            group["lr"] = 2e-3 * min(1.0, step / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))
        longest = min(FRAMES, 8 + step * FRAMES * 2 // steps)
        loss = _loss(model, films(batch, int(torch.randint(6, longest + 1, (1,), generator=made)), made))
        best.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        best.step()
        lost.append(float(loss.detach()))
        if step % 100 == 0:
            print(step, longest, round(lost[-1], 3), flush=True)
    model.eval()
    return lost


def asked_of(model: Any, plan: reading.Plan, some: Films) -> tuple[float, int, torch.Tensor]:
    """Share of right answers, the most tokens that a layer held, the log-probabilities of each film's answer."""
    reader = reading.Reader(model, plan)
    found, peak = [], 0
    for number in range(len(some.asked)):
        read = reader.read(prompt(some, number))
        found.append(read.logits.log_softmax(-1))
        peak = max(peak, *(layer.peak for layer in read.cache.layers))
    logits = torch.stack(found)
    right = (logits.argmax(-1) == ANSWER + some.answers[:, 0]).float().mean()
    return float(right), peak, logits


def evaluate(model: Any, seed: int, count: int = 200, budgets: Sequence[int] = KEPT) -> Iterator[dict[str, Any]]:
    """Recall over caps and policies, on films of a seed of their own; row by row."""
    some = films(count, FRAMES, torch.Generator().manual_seed(900_000 + seed))
    recall, peak, whole = asked_of(model, reading.Plan(budget.Cap(400, WINDOW, SINKS, RECENT)), some)
    yield {"kept": peak, "policy": "full", "recall": round(recall, 3), "peak": peak}
    ways = [(name, False) for name in policy.SCORES] + [("attention", True), ("mixed", True)]
    for kept in budgets:
        for name, probe in ways:
            cap = budget.Cap(kept + WINDOW, WINDOW, SINKS, RECENT)
            choose = policy.Policy(name, sinks=SINKS, recent=RECENT, observed=4, pool=1)  # type: ignore[arg-type]
            recall, peak, logits = asked_of(model, reading.Plan(cap, choose, probe=probe), some)
            far = torch.nn.functional.kl_div(logits, whole, log_target=True, reduction="batchmean")
            agree = (logits.argmax(-1) == whole.argmax(-1)).float().mean()
            way = name + (" + probe" if probe else "")
            yield {"kept": kept, "policy": way, "recall": round(recall, 3), "kl": round(float(far), 4),
                   "agree": round(float(agree), 3), "peak": peak}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--family", choices=FAMILIES, default="qwen2_5_vl")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--films", type=int, default=200)
    parser.add_argument("--kept", default=",".join(map(str, KEPT)))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    model = tiny.model(given.family, seed=given.seed)
    weights = given.out / f"{given.family}-{given.seed}.pt"
    began = time.process_time()
    trained: int | None = None
    if weights.exists():  # trained before: only asked anew
        model.load_state_dict(torch.load(weights, weights_only=True))
    else:
        train(model, given.steps, given.seed)
        torch.save(model.state_dict(), weights)
        trained = round(time.process_time() - began)
    rows: list[dict[str, Any]] = []
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    result = {"date": today, "family": given.family, "seed": given.seed,
              "steps": given.steps, "train_cpu_s": trained, "films": given.films, "frames": FRAMES,
              "rows": rows}  # fmt: skip
    for row in evaluate(model, given.seed, given.films, [int(kept) for kept in given.kept.split(",")]):
        rows.append(row)  # written as they come: a run that is stopped leaves what it found
        print(row, flush=True)
        (given.out / f"needle-{given.family}-{given.seed}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

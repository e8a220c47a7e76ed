"""A trained proof: a tiny vision-language model learns to find needles in a video; then its cache is cut.

    python -m bench.longcontext.needle --out FOLDER [--steps 1500] [--family qwen2_5_vl] [--seed 0]

Each frame shows one of ten patterns; four frames carry one of four marks over it. The question names
a mark, the answer is the pattern that stood there. The model is trained on videos of 8 to 32 frames
and asked about others of 32 that it has not seen; recall is the share of right answers, over caps from
the whole sequence down to a sixteenth. `recency` is plain truncation with attention sinks (StreamingLLM),
`uniform` evenly spread tokens, `key-norm`, `value-norm` and `attention` the scores of that name, `mixed`
attention times value norm; `+ probe` lets the question look back after each window.

No result of it is kept yet: in the runs so far the model told the four marked frames from the others but
not which mark was asked for (loss near ln 4), so its recall says nothing about the cache.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import time
from pathlib import Path
from typing import Any

import torch

from taihang.model.longcontext import budget, policy, reading
from tests.model.longcontext import tiny

PATTERNS, MARKS, SIDE = 10, 4, 4
ANSWER, ASK = 20, 40
CAPS = (1.0, 0.5, 0.25, 0.125, 0.0625)


def world(seed: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    """What patterns and marks look like: (patterns or marks, values of one temporal patch)."""
    made = torch.Generator().manual_seed(seed)
    width = 3 * 2 * 4 * 4
    return torch.randn(PATTERNS, SIDE * SIDE, width, generator=made), torch.randn(
        MARKS, SIDE * SIDE, width, generator=made
    )


def video(
    frames: int, made: torch.Generator, looks: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, int, int]:
    """Pixels, the mark that is asked for, the pattern that stands there."""
    shown = torch.randint(PATTERNS, (frames,), generator=made)
    places = torch.randperm(frames, generator=made)[:MARKS]
    pixels = looks[0][shown] + 0.3 * torch.randn(frames, *looks[0].shape[1:], generator=made)
    for mark, place in enumerate(places):
        pixels[place] += looks[1][mark]
    asked = int(torch.randint(MARKS, (1,), generator=made))
    return pixels.reshape(frames * SIDE * SIDE, -1), asked, int(shown[places[asked]])


def prompt(pixels: torch.Tensor, asked: int) -> reading.Prompt:
    frames = pixels.shape[0] // SIDE**2
    per = SIDE * SIDE // 4
    ids = [3, 4, tiny.START, *[tiny.VIDEO] * (per * frames), tiny.END, 5, ASK + asked, 6]
    kinds = [0, 0, 0, *[2] * (per * frames), 0, 0, 0, 0]
    return reading.Prompt(torch.tensor(ids), torch.tensor(kinds), pixels, (frames, SIDE, SIDE))


def train(model: Any, steps: int, seed: int, batch: int = 32) -> list[float]:
    made, looks = torch.Generator().manual_seed(1000 + seed), world()
    model.train()
    best = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    lost: list[float] = []
    for step in range(steps):
        rate = 2e-3 * min(1.0, step / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in best.param_groups:
            group["lr"] = rate
        frames = int(torch.randint(8, min(32, 8 + step // 30) + 1, (1,), generator=made))
        films = [video(frames, made, looks) for _ in range(batch)]
        prompts = [prompt(pixels, asked) for pixels, asked, _ in films]
        out = model(
            input_ids=torch.stack([one.ids for one in prompts]),
            mm_token_type_ids=torch.stack([one.kinds for one in prompts]),
            pixel_values_videos=torch.cat([one.pixels for one in prompts]),
            video_grid_thw=torch.tensor([one.grid for one in prompts]),
            logits_to_keep=1,
        )
        wanted = torch.tensor([ANSWER + shown for _, _, shown in films])
        loss = torch.nn.functional.cross_entropy(out.logits[:, -1], wanted)
        best.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        best.step()
        lost.append(float(loss))
        if step % 100 == 0:
            print(step, frames, round(sum(lost[-50:]) / len(lost[-50:]), 3), flush=True)
    model.eval()
    return lost


def asked_of(model: Any, plan: reading.Plan, films: list[tuple[torch.Tensor, int, int]]) -> tuple[float, int]:
    """Share of right answers, and the most tokens that the cache held."""
    reader = reading.Reader(model, plan)
    right = peak = 0
    for pixels, asked, shown in films:
        read = reader.read(prompt(pixels, asked))
        right += int(read.logits.argmax()) == ANSWER + shown
        peak = max(peak, read.cache.peak)
    return right / len(films), peak // reader.layers


def evaluate(model: Any, seed: int, films: int = 200, frames: int = 32) -> list[dict[str, Any]]:
    made = torch.Generator().manual_seed(900_000 + seed)
    asked = [video(frames, made, world()) for _ in range(films)]
    length = len(prompt(asked[0][0], 0).ids)
    rows: list[dict[str, Any]] = []
    ways = [(name, False) for name in policy.SCORES] + [("attention", True), ("mixed", True)]
    for share in CAPS:
        for name, probe in ways:
            kept = max(12, int(length * share))
            window = 28
            cap = budget.Cap(kept + window if share < 1 else 2 * length, window, sinks=4, recent=4)
            choose = policy.Policy(name, sinks=4, recent=4, observed=8, pool=1)  # type: ignore[arg-type]
            recall, peak = asked_of(model, reading.Plan(cap, choose, probe=probe), asked)
            rows.append({"kept": share, "policy": name + (" + probe" if probe else ""), "recall": recall, "peak": peak})
            print(rows[-1], flush=True)
            if share == 1:
                break
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--family", choices=tiny.FAMILIES, default="qwen2_5_vl")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    model = tiny.model(given.family, seed=given.seed)
    weights = given.out / f"{given.family}-{given.seed}.pt"
    began = time.process_time()
    if weights.exists():
        model.load_state_dict(torch.load(weights, weights_only=True))
    else:
        train(model, given.steps, given.seed)
        torch.save(model.state_dict(), weights)
    trained = time.process_time() - began
    rows = evaluate(model, given.seed)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    result = {"date": today, "family": given.family, "seed": given.seed,
              "steps": given.steps, "train_cpu_s": round(trained), "films": 200, "frames": 32,
              "rows": rows}  # fmt: skip
    (given.out / f"needle-{given.family}-{given.seed}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""A trained proof: a tiny vision-language model learns to find needles in a video; then its cache is cut.

    python -m bench.longcontext.needle --out FOLDER [--family qwen2_5_vl] [--steps 600] [--seed 0]

Each frame is one visual token (Qwen3-VL writes three more beside it: when it was, where it starts and
ends) and shows one of ten patterns; four frames carry one of four marks over it. The question names a
mark, the answer is the pattern that stood there: one frame of 64 decides, and guessing gives 0.1. The
model is trained (from random weights, in CPU minutes) on videos of 6 to 64 frames with all four
questions after each, and asked about others of 64 that it has not seen. `recall` is the share of right
answers, over caps from the whole sequence down to a few tokens beside a window, the sinks and the most
recent ones in them; `kl` and `agree` are the distance to, and the top-1 agreement with, the full cache.
`recency` is plain truncation with attention sinks (StreamingLLM), `uniform` evenly spread tokens,
`key-norm`, `value-norm` and `attention` the scores of that name, `key-diff` how little a key looks like the others,
`mixed` attention times value norm;
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

PATTERNS, MARKS, SIDE = 10, 4, 2
ANSWER, ASK = 20, 40
FRAMES, SINKS = 64, 2
AMPLE = 1000  # tokens: more than any film here has


@dataclasses.dataclass(frozen=True, slots=True)
class Sizes:
    """What a family's films take, in tokens: a frame, a window of 16 frames, the newest that stay, the caps."""

    frame: int
    window: int
    recent: int
    kept: tuple[int, ...]

    def cap(self, kept: int) -> budget.Cap:
        """`kept` tokens beside a window."""
        return budget.Cap(kept + self.window, self.window, SINKS, self.recent)


# As many frames for either family. Of the four tokens of a frame of Qwen3-VL one tells what is seen: its caps go lower.
SIZES = {
    "qwen2_5_vl": Sizes(1, 16, 2, (48, 32, 24, 16, 12, 8)),
    "qwen3_vl": Sizes(4, 64, 2, (192, 128, 96, 64, 32, 16)),
}
FAMILIES = tuple(SIZES)


def world(seed: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    """What patterns and marks look like: (patterns or marks, values of one temporal patch)."""
    made = torch.Generator().manual_seed(seed)
    width = 3 * 2 * 4 * 4
    return torch.randn(PATTERNS, SIDE * SIDE, width, generator=made), torch.randn(
        MARKS, SIDE * SIDE, width, generator=made
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Films:
    """Some films of one length: `pixels` (films, frames, patches, values); `places` (the frames with the marks),
    `asked` and `answers` (films, marks)."""

    pixels: torch.Tensor
    places: torch.Tensor
    asked: torch.Tensor
    answers: torch.Tensor


def films(count: int, frames: int, made: torch.Generator, noise: float = 0.3) -> Films:
    """Draw them: each mark stands once in each, and is asked for once. More `noise` makes a model less sure."""
    patterns, marks = world()
    shown = torch.randint(PATTERNS, (count, frames), generator=made)
    places = torch.stack([torch.randperm(frames, generator=made)[:MARKS] for _ in range(count)])
    asked = torch.stack([torch.randperm(MARKS, generator=made) for _ in range(count)])
    pixels = patterns[shown] + noise * torch.randn(count, frames, *patterns.shape[1:], generator=made)
    each = torch.arange(count)
    for mark in range(MARKS):
        pixels[each, places[:, mark]] += marks[mark]
    return Films(pixels, places, asked, shown[each[:, None], places[each[:, None], asked]])


def before(family: str, frames: int) -> list[int]:
    """The tokens of a film, with what comes before it."""
    if family == "qwen2_5_vl":
        return [3, 4, tiny.START, *[tiny.VIDEO] * frames, tiny.END]
    # The time of each frame is text: here one of seven tokens, as if it were the seconds' last digit.
    each = ([5 + number % 7, tiny.START, tiny.VIDEO, tiny.END] for number in range(frames))
    return [3, 4, *(token for one in each for token in one)]


def prompt(family: str, some: Films, number: int, *, events: bool = False) -> reading.Prompt:
    """One film with its first question. `events`: a marked frame begins an event, and so does the frame after it, as
    a prefilter would say that sees that something is there, not what."""
    pixels = some.pixels[number]
    frames = pixels.shape[0]
    ids = torch.tensor([*before(family, frames), ASK + int(some.asked[number, 0])])
    starts = {at + after for at in some.places[number].tolist() for after in (0, 1)} if events else ()
    kinds = (ids == tiny.VIDEO).long() * 2
    return reading.Prompt(ids, kinds, pixels.flatten(0, 1), (frames, SIDE, SIDE), events=starts)


def _loss(model: Any, some: Films) -> torch.Tensor:
    """All questions of each film in one pass, each followed by its answer."""
    count, frames = some.pixels.shape[:2]
    head = torch.tensor(before(model.config.model_type, frames)).expand(count, -1)
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
        read = reader.read(prompt(model.config.model_type, some, number))
        found.append(read.logits.log_softmax(-1))
        peak = max(peak, *(layer.peak for layer in read.cache.layers))
    logits = torch.stack(found)
    right = (logits.argmax(-1) == ANSWER + some.answers[:, 0]).float().mean()
    return float(right), peak, logits


def chooser(name: str, sizes: Sizes) -> policy.Policy:
    """A policy of the bench: the last four queries of a window are watched, and no score is smeared over neighbours."""
    return policy.Policy(name, sinks=SINKS, recent=sizes.recent, observed=4, pool=1)  # type: ignore[arg-type]


def evaluate(
    model: Any, seed: int, count: int = 200, budgets: Sequence[int] = (), only: str = ""
) -> Iterator[dict[str, Any]]:
    """Recall over caps and policies, on films of a seed of their own; row by row."""
    some = films(count, FRAMES, torch.Generator().manual_seed(900_000 + seed))
    sizes = SIZES[model.config.model_type]
    recall, peak, whole = asked_of(model, reading.Plan(sizes.cap(AMPLE)), some)
    yield {"kept": peak, "policy": "full", "recall": round(recall, 3), "peak": peak}
    ways = [(name, False) for name in policy.SCORES] + [("attention", True), ("mixed", True)]
    for kept in budgets or sizes.kept:
        for name, probe in ways:
            if only not in ("", name):
                continue
            plan = reading.Plan(sizes.cap(kept), chooser(name, sizes), probe=probe)
            recall, peak, logits = asked_of(model, plan, some)
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
    parser.add_argument("--kept", default="", help="caps, in tokens beside a window; those of the family otherwise")
    parser.add_argument("--only", choices=sorted(policy.SCORES), default="", help="this score alone")
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
    for row in evaluate(
        model, given.seed, given.films, [int(kept) for kept in given.kept.split(",") if kept], given.only
    ):
        rows.append(row)  # written as they come: a run that is stopped leaves what it found
        print(row, flush=True)
        (given.out / f"needle-{given.family}-{given.seed}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""How far each saving takes the answer from the full cache's: every part alone, over its own budgets.

    python -m bench.longcontext.fidelity --out FOLDER [--seed 0]

Reads the films of `bench.longcontext.needle` with the model that it trained (run it first, same FOLDER).
For each part: `kl` (nats, from the full cache, mean over films), `agree` (share of films with the same
likeliest token), `recall` (right answers), and what it spends: `tokens` a layer held at most, `bytes` of
the cache, `read` (share of held tokens that a window attends to), `gates` (share of MLP activations used).
CPU time is not a result here: a tiny model on a CPU says nothing of a large one on a GPU.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from bench.longcontext import needle
from taihang.model.longcontext import budget, linear8, policy, reading, sparse
from tests.model.longcontext import tiny

AMPLE = budget.Cap(400, needle.WINDOW, needle.SINKS, needle.RECENT)


def cases(model: Any, calibrate: Any) -> Iterator[tuple[str, Any, Any, reading.Plan]]:
    """Part, budget, a context to read in, the plan."""
    none = contextlib.nullcontext
    plan = reading.Plan(AMPLE)
    for kept in needle.KEPT:
        cap = budget.Cap(kept + needle.WINDOW, needle.WINDOW, needle.SINKS, needle.RECENT)
        choose = policy.Policy("mixed", sinks=needle.SINKS, recent=needle.RECENT, observed=4, pool=1)
        yield "eviction, mixed + probe", kept, none, reading.Plan(cap, choose)
        yield "the same, pyramid of layers", kept, none, reading.Plan(cap, choose, shape="pyramid")
        yield "the same, layers 0-1 share", kept, none, reading.Plan(cap, dataclasses.replace(choose, shared=2))
        yield "the same, events keep a floor", kept, none, reading.Plan(cap, dataclasses.replace(choose, floor=0.5))
    for share in (0.9, 0.7, 0.5, 0.3):
        yield "attention, blocks of 4", share, none, dataclasses.replace(plan, blocks=sparse.Blocks(share, 4))
        limits = sparse.thresholds(model, share, calibrate)
        yield "activations, threshold", share, lambda limits=limits: sparse.activations(model, limits), plan
    for near in (0.98, 0.95, 0.9, 0.8):
        yield "repeats merged", near, none, dataclasses.replace(plan, merge=near)
    for form in ("int8", "fp8"):
        yield f"cache in {form}", form, none, dataclasses.replace(plan, form=form)  # type: ignore[arg-type]


def measure(reader: reading.Reader, some: needle.Films, whole: torch.Tensor | None) -> dict[str, Any]:
    """Read every film; compare with the full cache's log-probabilities."""
    found, held, size = [], 0, 0
    for number in range(len(some.asked)):
        read = reader.read(needle.prompt(some, number))
        found.append(read.logits.log_softmax(-1))
        held = max(held, *(layer.peak for layer in read.cache.layers))
        size = max(size, *(layer.peak_bytes for layer in read.cache.layers))
    logits = torch.stack(found)
    whole = logits if whole is None else whole
    right = logits.argmax(-1) == needle.ANSWER + some.answers[:, 0]
    far = torch.nn.functional.kl_div(logits, whole, log_target=True, reduction="batchmean")
    agree = (logits.argmax(-1) == whole.argmax(-1)).float().mean()
    return {"kl": round(float(far), 5), "agree": round(float(agree), 3),
            "recall": round(float(right.float().mean()), 3), "tokens": held, "bytes": size,
            "logits": logits}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--family", choices=needle.FAMILIES, default="qwen2_5_vl")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--films", type=int, default=100)
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = tiny.model(given.family, seed=given.seed)
    model.load_state_dict(torch.load(given.out / f"{given.family}-{given.seed}.pt", weights_only=True))
    some = needle.films(given.films, needle.FRAMES, torch.Generator().manual_seed(800_000 + given.seed))
    apart = needle.films(8, needle.FRAMES, torch.Generator().manual_seed(700_000 + given.seed))
    plain = reading.Reader(model, reading.Plan(AMPLE))
    base = measure(plain, some, None)
    whole = base.pop("logits")
    rows: list[dict[str, Any]] = [{"part": "full cache", **base}]

    def calibrate() -> None:
        for number in range(len(apart.asked)):
            plain.read(needle.prompt(apart, number))

    for part, spent, inside, plan in cases(model, calibrate):
        with inside():
            found = measure(reading.Reader(model, plan), some, whole)
        found.pop("logits")
        rows.append({"part": part, "budget": spent, **found})
        print(rows[-1], flush=True)
    small = copy.deepcopy(model)
    linear8.convert(small, calibrate)
    found = measure(reading.Reader(small, reading.Plan(AMPLE)), some, whole)
    found.pop("logits")
    rows.append({"part": "linear layers in fp8", "budget": "e4m3", **found})
    print(rows[-1], flush=True)
    result = {"family": given.family, "seed": given.seed, "films": given.films, "frames": needle.FRAMES, "rows": rows}
    (given.out / f"fidelity-{given.family}-{given.seed}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

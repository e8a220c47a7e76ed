"""How far each saving takes the answer from the full cache's: every part alone, over its own budgets.

    python -m bench.longcontext.fidelity --out FOLDER [--family qwen2_5_vl] [--seed 0] [--noise 2.5] [--films 60]

Reads the films of `bench.longcontext.needle` with the model that it trained (run it first, same FOLDER).
For each part: `kl` (nats, from the full cache, mean over films), `agree` (share of films with the same
likeliest token), `recall` (right answers), and what it spends: `tokens` that one layer held at most, `bytes`
that all layers held. Every way of eviction has the same bytes at one budget: merged pairs and measured room
hold more tokens in some layers for it. Curves without the probe: plain; with windows that end where events
begin (a marked frame is one); and with room dealt out among the events, too. The answer of one frame does not
depend on where a window ends, so the second shows what that costs, not what a longer event gains by it.
A model that has learnt its films to certainty shows no small distance: `--noise` blurs the films that are
measured, until it is less sure (0.3 is what it was trained with; 2.5 was taken from films kept apart, where the
full cache then answers 0.72 of them). Layers' room and thresholds are measured on films kept apart, too.
CPU time is not a result here: a tiny model on a CPU says nothing of a large one on a GPU.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch

from bench.longcontext import needle
from taihang.model.longcontext import linear8, pairs, policy, reading, sparse
from tests.model.longcontext import tiny


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """A part at one budget: the plan, a context to read in, whether the films tell of events."""

    part: str
    budget: Any
    plan: reading.Plan
    inside: Callable[[], Any] = contextlib.nullcontext
    events: bool = False


class Seeing(reading.Reader):
    """Half of the time of these tiny models goes into looking: each film is looked at once for all cases."""

    looked: ClassVar[dict[int, list[Any]]] = {}

    def _frames(self, prompt: reading.Prompt) -> Iterator[tuple[torch.Tensor, list[torch.Tensor]]]:
        where = prompt.pixels.data_ptr()
        if where not in self.looked:
            self.looked[where] = [*super()._frames(prompt)]
        return iter(self.looked[where])


def eviction(family: str, room: list[float]) -> Iterator[Case]:
    """What is let go, over the family's caps; `room` is what layers were measured to need."""
    sizes = needle.SIZES[family]
    choose = needle.chooser("mixed", sizes)
    floor = dataclasses.replace(choose, floor=0.5)
    for kept in sizes.kept:
        cap = sizes.cap(kept)
        plan, blind = reading.Plan(cap, choose), reading.Plan(cap, choose, probe=False)
        yield Case("eviction, mixed + probe", kept, plan)
        yield Case("the same, pyramid of layers", kept, dataclasses.replace(plan, shape="pyramid"))
        shared = dataclasses.replace(choose, shared=2)
        yield Case("the same, layers 0-1 share", kept, dataclasses.replace(plan, choose=shared))
        yield Case("eviction, mixed, no probe", kept, blind)
        unlike = needle.chooser("key-diff", sizes)
        yield Case("eviction, key-diff, no probe", kept, dataclasses.replace(blind, choose=unlike))
        for told, one in (("the same", plan), ("no probe", blind)):
            for first in (0, 1):
                merged = dataclasses.replace(one, pairs=pairs.Pairs(first))
                yield Case(f"{told}, layers {first}-{first + 1} merged", kept, merged)
            yield Case(f"{told}, room as measured", kept, dataclasses.replace(one, weights=room))
        yield Case("the same, windows end at events", kept, blind, events=True)
        yield Case("the same, events keep a floor", kept, dataclasses.replace(blind, choose=floor), events=True)


def savings(model: Any, calibrate: Any) -> Iterator[Case]:
    """What is read or held at less cost, nothing let go."""
    family = model.config.model_type
    plan = reading.Plan(needle.SIZES[family].cap(needle.AMPLE))
    for share in (0.9, 0.7, 0.5, 0.3, 0.2, 0.1):
        yield Case("attention, blocks of 4", share, dataclasses.replace(plan, blocks=sparse.Blocks(share, 4)))
        limits = sparse.thresholds(model, share, calibrate)
        yield Case("activations, threshold", share, plan, lambda limits=limits: sparse.activations(model, limits))
    for near in (0.98, 0.95, 0.9, 0.8):
        yield Case("repeats merged", near, dataclasses.replace(plan, merge=near))
    for form in ("int8", "fp8"):
        yield Case(f"cache in {form}", form, dataclasses.replace(plan, form=form))  # type: ignore[arg-type]
    yield Case("cache waits in the machine's memory", "offload", dataclasses.replace(plan, offload=True))


def measure(
    reader: reading.Reader, some: needle.Films, whole: torch.Tensor | None, *, events: bool = False
) -> dict[str, Any]:
    """Read every film; compare with the full cache's log-probabilities."""
    found, held, size, family = [], 0, 0, reader.model.config.model_type
    for number in range(len(some.asked)):
        read = reader.read(needle.prompt(family, some, number, events=events))
        found.append(read.logits.log_softmax(-1))
        held = max(held, *(layer.peak for layer in read.cache.layers))
        size = max(size, read.cache.peak_bytes)
    logits = torch.stack(found)
    whole = logits if whole is None else whole
    right = logits.argmax(-1) == needle.ANSWER + some.answers[:, 0]
    far = torch.nn.functional.kl_div(logits, whole, log_target=True, reduction="batchmean")
    agree = (logits.argmax(-1) == whole.argmax(-1)).float().mean()
    return {"kl": round(float(far), 5), "agree": round(float(agree), 3),
            "recall": round(float(right.float().mean()), 3), "tokens": held, "bytes": size,
            "logits": logits}  # fmt: skip


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--family", choices=needle.FAMILIES, default="qwen2_5_vl")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--films", type=int, default=100)
    parser.add_argument("--noise", type=float, default=0.3)
    parser.add_argument("--part", default="", help="only parts with this in their name; the others' rows stay")
    return parser.parse_args()


def needed(model: Any, apart: needle.Films) -> list[float]:
    """For each layer how many tokens bring 95% of what the question takes there (attention times value), over films
    kept apart; heads and films averaged."""
    sizes = needle.SIZES[model.config.model_type]
    choose = dataclasses.replace(needle.chooser("mixed", sizes), observed=1, fading=1.0)
    reader = reading.Reader(model, reading.Plan(sizes.cap(needle.AMPLE), choose))
    found = []
    for number in range(len(apart.asked)):
        layers = reader.read(needle.prompt(model.config.model_type, apart, number)).cache.layers
        brought = [policy.SCORES["mixed"](one.marks).sort(dim=-1, descending=True).values.cumsum(-1) for one in layers]
        found.append([float((one < 0.95 * one[..., -1:]).sum(-1).float().mean()) + 1 for one in brought])
    return [round(sum(one) / len(one), 2) for one in zip(*found, strict=True)]


def main() -> None:
    given = _asked()
    torch.set_num_threads(1)
    model = tiny.model(given.family, seed=given.seed)
    model.load_state_dict(torch.load(given.out / f"{given.family}-{given.seed}.pt", weights_only=True))
    some, apart = (
        needle.films(count, needle.FRAMES, torch.Generator().manual_seed(first + given.seed), given.noise)
        for count, first in ((given.films, 800_000), (8, 700_000))
    )
    ample = reading.Plan(needle.SIZES[given.family].cap(needle.AMPLE))
    plain = Seeing(model, ample)
    base = measure(plain, some, None)
    whole = base.pop("logits")
    rows: list[dict[str, Any]] = []
    room = needed(model, apart)
    result = {"family": given.family, "seed": given.seed, "films": given.films, "noise": given.noise,
              "frames": needle.FRAMES, "needed": room, "rows": rows}  # fmt: skip
    name = f"fidelity-{given.family}-{given.seed}" + ("" if given.noise == 0.3 else f"-noise{given.noise:g}")

    def keep(row: dict[str, Any]) -> None:
        row.pop("logits", None)
        rows.append(row)  # written as they come: a run that is stopped leaves what it found
        print(row, flush=True)
        file.write_text(json.dumps(result, indent=1) + "\n")

    def calibrate() -> None:
        for number in range(len(apart.asked)):
            plain.read(needle.prompt(given.family, apart, number))

    file = given.out / f"{name}.json"
    if given.part and file.exists():
        rows += [row for row in json.loads(file.read_text())["rows"] if given.part not in row["part"]]
    else:
        keep({"part": "full cache", **base})
    for case in itertools.chain(eviction(given.family, room), savings(model, calibrate)):
        if given.part not in case.part:
            continue
        with case.inside():
            found = measure(Seeing(model, case.plan), some, whole, events=case.events)
        keep({"part": case.part, "budget": case.budget, **found})
    if given.part not in "linear layers in fp8":
        return
    small = copy.deepcopy(model)
    linear8.convert(small, calibrate)
    found = measure(Seeing(small, ample), some, whole)
    keep({"part": "linear layers in fp8", "budget": "e4m3", **found})


if __name__ == "__main__":
    main()

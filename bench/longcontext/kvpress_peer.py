"""The same films and weights, with the cache cut by kvpress: which of its methods run, and what they recall.

    python -m bench.longcontext.kvpress_peer --out FOLDER [--family qwen2_5_vl] [--seed 0]

Run `bench.longcontext.needle` first, with the same FOLDER: it leaves weights there. kvpress wants an older
transformers than Taihang, so this is for an environment of its own, in which Taihang lies too:
`pip install torch==2.13.0 kvpress==0.5.5 pyyaml pydantic`, then with this checkout's `src` on the path.

kvpress reads the whole video uncompressed, then cuts once; Taihang never holds more than its cap. To be
fair to it, each method keeps as many tokens as Taihang's cache holds at its fullest, the window included.
None of them sees the question: compare with Taihang's rows that have no probe.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import kvpress
import torch
import transformers

from bench.longcontext import needle
from tests.model.longcontext import tiny

PRESSES = (
    "KnormPress", "StreamingLLMPress", "RandomPress", "KeyDiffPress", "LagKVPress", "LeverageScorePress",
    "SnapKVPress", "PyramidKVPress", "TOVAPress", "ExpectedAttentionPress", "CURPress", "NonCausalAttnPress",
)  # fmt: skip


def answer(model: Any, press: Any, prompt: Any) -> int:
    """The likeliest token after the question, with the cache cut before it."""
    ids, kinds = prompt.ids, prompt.kinds
    cache = transformers.DynamicCache()
    video = {"pixel_values_videos": prompt.pixels, "video_grid_thw": torch.tensor([prompt.grid])}
    positions = _positions(model, prompt)
    before = len(ids) - 1
    with press(model):
        model(
            input_ids=ids[None, :before],
            mm_token_type_ids=kinds[None, :before],
            position_ids=positions[..., :before],
            past_key_values=cache,
            cache_position=torch.arange(before),
            **video,
        )
    out = model(
        input_ids=ids[None, before:],
        position_ids=positions[..., before:],
        past_key_values=cache,
        cache_position=torch.tensor([before]),
        # One query sees all that is left. Qwen2.5-VL takes masks by kind of layer, Qwen3-VL takes one, or makes it.
        attention_mask={"full_attention": None} if "2_5" in model.config.model_type else None,
    )
    return int(out.logits[0, -1].argmax())


def _positions(model: Any, prompt: Any) -> torch.Tensor:
    """M-RoPE's three axes over the whole prompt: (3, 1, tokens)."""
    import inspect

    asked = inspect.signature(model.model.get_rope_index).parameters
    extra: dict[str, Any] = {"video_grid_thw": torch.tensor([prompt.grid])}
    if "second_per_grid_ts" in asked:
        extra["second_per_grid_ts"] = torch.tensor([1.0])
    if "mm_token_type_ids" in asked:
        extra["mm_token_type_ids"] = prompt.kinds[None]
    return torch.as_tensor(model.model.get_rope_index(prompt.ids[None], **extra)[0])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--family", choices=needle.FAMILIES, default="qwen2_5_vl")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--films", type=int, default=200)
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = tiny.model(given.family, seed=given.seed)
    model.load_state_dict(torch.load(given.out / f"{given.family}-{given.seed}.pt", weights_only=True))
    some = needle.films(given.films, needle.FRAMES, torch.Generator().manual_seed(900_000 + given.seed))
    prompts = [needle.prompt(given.family, some, number) for number in range(len(some.asked))]
    wanted = (needle.ANSWER + some.answers[:, 0]).tolist()
    rows: list[dict[str, Any]] = []
    result = {"kvpress": _version("kvpress"), "transformers": transformers.__version__, "torch": torch.__version__,
              "family": given.family, "seed": given.seed, "films": given.films, "rows": rows}  # fmt: skip
    sizes = needle.SIZES[given.family]
    for kept in sizes.kept:
        for name in PRESSES:
            ratio = 1 - (kept + sizes.window) / (len(prompts[0].ids) - 1)
            try:
                press = getattr(kvpress, name)(compression_ratio=max(0.0, ratio))
                with torch.inference_mode():
                    found = [answer(model, press, prompt) for prompt in prompts]
            except Exception as error:  # noqa: BLE001 - that a method does not run is a result
                rows.append({"kept": kept, "press": name, "fault": f"{type(error).__name__}: {str(error)[:120]}"})
            else:
                right = sum(a == b for a, b in zip(found, wanted, strict=True))
                rows.append({"kept": kept, "press": name, "recall": round(right / len(wanted), 3)})
            print(rows[-1], flush=True)
            (given.out / f"kvpress-{given.family}-{given.seed}.json").write_text(json.dumps(result, indent=1) + "\n")


def _version(name: str) -> str:
    import importlib.metadata

    return importlib.metadata.version(name)


if __name__ == "__main__":
    main()

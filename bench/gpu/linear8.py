"""Linear layers in e4m3 against bfloat16, on the whole model: time, memory, distance.

python -m bench.gpu.linear8 --out FILE [--tiny --device cpu]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from bench.gpu import models
from taihang.model.longcontext import budget, linear8, reading


def _times(reader: reading.Reader, prompt: reading.Prompt, device: str) -> tuple[dict[str, Any], torch.Tensor]:
    def clock() -> float:
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        return time.perf_counter()

    reader.read(prompt)  # the first one warms up
    began = clock()
    read = reader.read(prompt)
    read_s = clock() - began
    first = read.logits.float().log_softmax(-1).cpu()
    began = clock()
    for _ in range(16):
        reader.follow(read, 7)
    row = {"read_s": round(read_s, 3), "token_ms": round((clock() - began) / 16 * 1000, 2)}
    if device.startswith("cuda"):
        row["weights_gb"] = round(sum(
            t.numel() * t.element_size() for t in [*reader.model.parameters(), *reader.model.buffers()]
        ) / 2**30, 2)  # fmt: skip
    return row, first


def run(small: bool, device: str) -> dict[str, Any]:
    """Two rows: as it is, and in 8 bits."""
    model = models.model(small, device)
    cap = budget.Cap(120, 60, recent=8) if small else budget.Cap(16_384, 4_096)
    reader = reading.Reader(model, reading.Plan(cap))
    prompt = models.film(40 if small else 300, small)
    apart = models.film(20 if small else 60, small, seed=1)
    plain, wanted = _times(reader, prompt, device)
    layers = linear8.convert(model, lambda: reader.read(apart))
    eight, found = _times(reader, prompt, device)
    far = torch.nn.functional.kl_div(found, wanted, log_target=True, reduction="sum")
    eight |= {"kl": round(float(far), 5), "same_token": bool(found.argmax() == wanted.argmax()), "layers": layers,
              "multiplies_in_8_bits": linear8.multiplies(torch.device(device))}  # fmt: skip
    return {**models.machine(device), "tiny": small,
            "rows": [{"way": "as it is", **plain}, {"way": "e4m3", **eight}]}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args()
    given.out.write_text(json.dumps(run(given.tiny, given.device), indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Sparse: less of the held cache read for each window, and less of each MLP for each token.

Both trade fidelity for work; each stands alone and is off unless asked for. `bench/longcontext/fidelity.py`
draws their curves.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import torch

from taihang.core import errors


@dataclasses.dataclass(frozen=True, slots=True)
class Blocks:
    """Which part of the held tokens a window attends to: the `share` of blocks of `size` tokens whose mean key
    lies nearest to the window's mean query, a choice for each head. The first and the last block always stay.

    After Tang et al., Quest, 2024; chosen once a window, since neighbouring queries look alike. A `share` of
    1 reads all. Raises errors.UserError for a share outside (0, 1] or a size below 1.
    """

    share: float = 1.0
    size: int = 16

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or self.size < 1:
            raise errors.UserError("model:longcontext.share", share=self.share)

    def chosen(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The keys and values to attend to, in order; the newest are the queries' own and stay.

        Shapes: query (batch, query heads, queries, width), key and value (batch, heads, tokens, width).
        """
        held = key.shape[-2] - query.shape[-2]
        count = held // self.size
        most = max(2, round(count * self.share))
        if most >= count:
            return key, value
        batch, heads, _, width = key.shape
        old = key[..., : count * self.size, :].reshape(batch, heads, count, self.size, width).mean(-2)
        asked = query.reshape(batch, heads, -1, query.shape[-2], width).mean((2, 3))
        score = (old.float() @ asked.float().unsqueeze(-1)).squeeze(-1)
        score[..., [0, -1]] = float("inf")
        blocks = score.topk(most, dim=-1).indices.sort(-1).values
        inside = torch.arange(self.size, device=key.device)
        index = (blocks.unsqueeze(-1) * self.size + inside).flatten(-2)
        wide = index.unsqueeze(-1).expand(*index.shape, width)
        rest = slice(count * self.size, None)
        return (
            torch.cat([key.gather(-2, wide), key[..., rest, :]], -2),
            torch.cat([value.gather(-2, wide), value[..., rest, :]], -2),
        )


def thresholds(model: Any, share: float, *passes: Any) -> list[float]:
    """For each layer the size of gate that `share` of its activations exceed, over calibration passes.

    `passes` are functions without arguments that run the model. Raises errors.UserError for a share outside
    (0, 1]. Source: Lee et al., CATS: contextually-aware thresholding for sparsity, 2024.
    """
    if not 0 < share <= 1:
        raise errors.UserError("model:longcontext.share", share=share)
    seen: list[list[torch.Tensor]] = [[] for _ in _blocks(model)]

    def note(layer: int, mlp: Any) -> Any:
        def hook(_: Any, __: Any, gate: torch.Tensor) -> None:
            flat = mlp.act_fn(gate).abs().flatten().float()
            # A sample is enough for a quantile, and bounds the memory.
            seen[layer].append(flat[:: max(1, flat.numel() // 4096)].cpu())

        return hook

    handles = [m.gate_proj.register_forward_hook(note(i, m)) for i, m in enumerate(_blocks(model))]
    try:
        for one in passes:
            with torch.inference_mode():
                one()
    finally:
        for handle in handles:
            handle.remove()
    return [float(torch.cat(one).quantile(1 - share)) if one else 0.0 for one in seen]


@contextlib.contextmanager
def activations(model: Any, limits: list[float]) -> Iterator[None]:
    """Inside the block, gates of each layer's MLP that are smaller than its limit count as zero.

    For a single token (decoding) the rows and columns that they would have met are not read at all; for
    many tokens the same numbers come from the dense product, for no saving.
    """
    mlps = _blocks(model)
    before = [mlp.forward for mlp in mlps]
    for mlp, limit in zip(mlps, limits, strict=True):
        mlp.forward = _Thresholded(mlp, limit)
    try:
        yield
    finally:
        for mlp, forward in zip(mlps, before, strict=True):
            mlp.forward = forward


class _Thresholded:
    def __init__(self, mlp: Any, limit: float) -> None:
        self.mlp, self.limit = mlp, limit
        # Columns of the last product are gathered, so they have to lie together.
        self.down = mlp.down_proj.weight.detach().T.contiguous()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        mlp = self.mlp
        gate = mlp.act_fn(mlp.gate_proj(x))
        open_ = gate.abs() > self.limit
        if x.numel() != x.shape[-1]:
            return torch.as_tensor(mlp.down_proj(torch.where(open_, gate * mlp.up_proj(x), 0)))
        some = open_.flatten().nonzero().squeeze(-1)
        up = torch.nn.functional.linear(x, mlp.up_proj.weight[some])
        found = (gate[..., some] * up) @ self.down[some]
        return found if mlp.down_proj.bias is None else found + mlp.down_proj.bias


def _blocks(model: Any) -> list[Any]:
    return [layer.mlp for layer in model.model.language_model.layers]

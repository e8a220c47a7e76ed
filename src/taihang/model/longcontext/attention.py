"""Attention: the causal attention of a window over what a capped cache holds, and a watch on where it looks."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from transformers import masking_utils, modeling_utils

from taihang.model.longcontext import cache as caches
from taihang.model.longcontext import sparse

NAME = "taihang_capped"


@dataclasses.dataclass(frozen=True, slots=True)
class Watch:
    """Where observations go: the last `count` queries of a window (all for 0), with this weight."""

    cache: caches.CappedCache
    count: int
    weight: float


_watch: contextvars.ContextVar[Watch | None] = contextvars.ContextVar("watch", default=None)
_blocks: contextvars.ContextVar[sparse.Blocks | None] = contextvars.ContextVar("blocks", default=None)


@contextlib.contextmanager
def watching(watch: Watch | None, blocks: sparse.Blocks | None = None) -> Iterator[None]:
    """Inside the block the attention of a model that uses this function is observed, and reads these blocks only."""
    tokens = _watch.set(watch), _blocks.set(blocks)
    try:
        yield
    finally:
        _watch.reset(tokens[0])
        _blocks.reset(tokens[1])


def attend(  # noqa: PLR0917 - as transformers calls it
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers calls it. The newest key is the newest query's own, whatever went before.

    The mask that transformers makes is one for all layers and is not used: each layer may hold
    another number of tokens.
    """
    groups = query.shape[1] // key.shape[1]
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    count, total = query.shape[-2], key.shape[-2]
    watch = _watch.get()
    if watch is not None:
        last = count if not watch.count else min(watch.count, count)
        watch.cache.observe(module.layer_idx, query[..., count - last :, :], key, scale, watch.weight)
    blocks = _blocks.get()
    if blocks is not None and blocks.share < 1:
        key, value = blocks.chosen(query, key, value)
        total = key.shape[-2]
    mask = None
    if count > 1 and total > count:
        mask = torch.ones(count, total, dtype=torch.bool, device=query.device).tril(total - count)
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    found = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, dropout_p=dropout, scale=scale, is_causal=count > 1 and total == count
    )
    return found.transpose(1, 2).contiguous(), None


def _no_mask(*_: Any, **__: Any) -> None:
    return None


modeling_utils.ALL_ATTENTION_FUNCTIONS.register(NAME, attend)
masking_utils.ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, _no_mask)

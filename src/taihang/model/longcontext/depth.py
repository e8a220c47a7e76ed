"""Depth: how much of what is read each layer needs, measured, so that a cap goes where it counts."""

from __future__ import annotations

from taihang.core import errors
from taihang.model.longcontext import policy, reading


def needed(read: reading.Read, share: float = 0.95) -> list[float]:
    """For each layer how many of the tokens that it holds bring `share` of what its newest queries took.

    What a token brings is its attention times the norm of its value; heads are averaged. As `reading.Plan.weights`,
    over prompts that nothing is cut from. Raises errors.UserError for a share outside (0, 1].
    """
    if not 0 < share <= 1:
        raise errors.UserError("model:longcontext.share", share=share)
    found = []
    for layer in read.cache.layers:
        brought = policy.SCORES["mixed"](layer.marks).sort(dim=-1, descending=True).values.cumsum(-1)
        found.append(float((brought < share * brought[..., -1:]).sum(-1).float().mean()) + 1)
    return found

"""Losses: how far a student is from hard labels, and from its teacher's soft ones."""

from __future__ import annotations

import torch

from taihang.model.distil import network as nets

_SEEN, _BELIEVED = 0.2, 0.1  # from which heat a peak is an object, and from which trust a box is worth learning

Maps = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
"""Heat (n, classes, h, w), sides (n, 4, h, w), trust (n, h, w), attention (n, h, w)."""


def hard(seen: nets.Seen, told: Maps) -> torch.Tensor:
    """Against boxes that are certain: the focal loss of CenterNet for the heat, and GIoU for the sides."""
    heat, sides, trust, _ = told
    chance = torch.sigmoid(seen.heat).clamp(1e-4, 1 - 1e-4)
    centre = heat >= 1
    at = -((1 - chance) ** 2) * torch.log(chance)
    beside = -((1 - heat) ** 4) * chance**2 * torch.log(1 - chance)
    focal = torch.where(centre, at, beside).sum() / centre.sum().clamp(min=1)
    return focal + 2.0 * boxes(seen.sides, sides, trust)


def soft(seen: nets.Seen, told: Maps) -> torch.Tensor:
    """Against a teacher's maps: the cross-entropy of each place's heat, a yes or no for each class (Hinton, Vinyals and
    Dean, 2015, arXiv:1503.02531), that counts by how far apart the two are (Li et al., "Generalized Focal Loss",
    NeurIPS 2020), or the many places with nothing would drown the few with something; for each object that the teacher
    sees. Its sides count by its heat."""
    heat, sides, trust, _ = told
    cross = torch.nn.functional.binary_cross_entropy_with_logits(seen.heat, heat, reduction="none")
    apart = (torch.sigmoid(seen.heat) - heat).abs()
    peak = (heat >= torch.nn.functional.max_pool2d(heat, 3, 1, 1)) & (heat > _SEEN)
    objects = heat[peak].sum().clamp(min=1)
    believed = torch.where(trust > _BELIEVED, trust, torch.zeros_like(trust))
    return (apart * cross).sum() / objects + 4.0 * boxes(seen.sides, sides, believed)


def attention(seen: nets.Seen, told: Maps) -> torch.Tensor:
    """Squared distance of the attention maps; pictures whose teacher shows none do not count."""
    goal = told[3]
    shown = (goal.flatten(1).norm(dim=1) > 0).to(goal.dtype)
    apart = (seen.attention - goal).square().flatten(1).sum(1)
    return (apart * shown).sum() / shown.sum().clamp(min=1)


def boxes(given: torch.Tensor, goal: torch.Tensor, trust: torch.Tensor) -> torch.Tensor:
    """Mean of 1 - GIoU over the cells, weighted by trust (Rezatofighi et al., CVPR 2019); both boxes hold the cell."""
    shared = torch.minimum(given[:, 0], goal[:, 0]) + torch.minimum(given[:, 2], goal[:, 2])
    shared = shared * (torch.minimum(given[:, 1], goal[:, 1]) + torch.minimum(given[:, 3], goal[:, 3]))
    area = (given[:, 0] + given[:, 2]) * (given[:, 1] + given[:, 3])
    other = (goal[:, 0] + goal[:, 2]) * (goal[:, 1] + goal[:, 3])
    union = area + other - shared
    around = torch.maximum(given[:, 0], goal[:, 0]) + torch.maximum(given[:, 2], goal[:, 2])
    around = around * (torch.maximum(given[:, 1], goal[:, 1]) + torch.maximum(given[:, 3], goal[:, 3]))
    giou = shared / union.clamp(min=1e-6) - (around - union) / around.clamp(min=1e-6)
    return ((1 - giou) * trust).sum() / trust.sum().clamp(min=1)

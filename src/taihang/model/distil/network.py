"""Network: a small detector without anchors, whose answer is a heat map for each class and four sides at every cell.

Objects as points: Zhou, Wang and Krähenbühl, 2019 (arXiv:1904.07850); sides from a cell: Tian et al.,
"FCOS", ICCV 2019.
"""

from __future__ import annotations

import dataclasses

import torch

STRIDE = 4
MULTIPLE = 16  # both sides of a picture
_RARE = -2.2  # bias of the heat: an object is rare, and training begins by saying so
_FARTHEST = 6.0  # e^6 cells: no picture is that wide
_NEVER = -20.0  # logit of a cell that is no peak


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What the network makes of pictures: `heat` logits (n, classes, h, w), `sides` (n, 4, h, w) in cells from the
    cell's middle to left, top, right, bottom, and `attention` (n, h, w), each map of unit length."""

    heat: torch.Tensor
    sides: torch.Tensor
    attention: torch.Tensor


class Network(torch.nn.Module):
    """RGB pictures (n, 3, H, W) in 0 to 1 to `Seen` on a grid of H / 4 by W / 4; `width` sets its size."""

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        w = width
        self.enter = torch.nn.Sequential(_layer(3, w, 2), _layer(w, 2 * w, 2), _layer(2 * w, 2 * w))
        self.eighth = torch.nn.Sequential(_layer(2 * w, 4 * w, 2), _layer(4 * w, 4 * w))
        self.sixteenth = torch.nn.Sequential(_layer(4 * w, 6 * w, 2), _layer(6 * w, 6 * w))
        self.up = torch.nn.ModuleList(
            [torch.nn.Conv2d(6 * w, 4 * w, 1, bias=False), torch.nn.Conv2d(4 * w, 2 * w, 1, bias=False)]
        )
        self.mix = _layer(2 * w, 3 * w)
        self.heat = torch.nn.Conv2d(3 * w, classes, 1)
        self.sides = torch.nn.Conv2d(3 * w, 4, 1)
        torch.nn.init.constant_(self.heat.bias, _RARE)
        torch.nn.init.constant_(self.sides.bias, 1.0)

    def forward(self, pictures: torch.Tensor) -> Seen:
        """As the class says."""
        fourth = self.enter((pictures - 0.45) / 0.25)
        eighth = self.eighth(fourth)
        coarse = self.up[0](self.sixteenth(eighth))
        eighth = torch.relu(eighth + torch.nn.functional.interpolate(coarse, scale_factor=2.0))
        fine = torch.nn.functional.interpolate(self.up[1](eighth), scale_factor=2.0)
        features = self.mix(torch.relu(fourth + fine))
        sides = torch.exp(self.sides(features).clamp(max=_FARTHEST))
        return Seen(self.heat(features), sides, attention(features))


class Exported(torch.nn.Module):
    """The network for one picture, as it is written to a file, in the form of a detection transformer: `logits`
    (1, cells, classes), `pred_boxes` (1, cells, 4) as centre and size in shares of the picture. A cell that is no peak
    of its class among its neighbours says nothing, so nothing is left to suppress. `scale` (classes, 2): by what each
    class's logits are multiplied, and what is added. With `maps`, also `heat`, `sides` and `attention`, for a student
    of this one."""

    def __init__(self, network: Network, *, maps: bool, scale: torch.Tensor | None = None) -> None:
        super().__init__()
        self.network = network
        self.maps = maps
        self.scale = scale

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """As the class says."""
        seen = self.network(pictures)
        peak = seen.heat >= torch.nn.functional.max_pool2d(seen.heat, 3, 1, 1)
        heat = seen.heat
        if self.scale is not None:
            heat = heat * self.scale[:, 0, None, None] + self.scale[:, 1, None, None]
        logits = torch.where(peak, heat, torch.full_like(heat, _NEVER))
        edges = corners(seen.sides)
        scale = torch.tensor([pictures.shape[3], pictures.shape[2]] * 2, dtype=torch.float32) / STRIDE
        edges = edges.flatten(2).transpose(1, 2) / scale
        low, high = edges[..., :2].clamp(0, 1), edges[..., 2:].clamp(0, 1)
        found = torch.cat([(low + high) / 2, high - low], dim=2)
        told = (logits.flatten(2).transpose(1, 2), found)
        return (*told, torch.sigmoid(seen.heat), seen.sides, seen.attention) if self.maps else told


def attention(features: torch.Tensor) -> torch.Tensor:
    """Where features are strong: the mean square over the channels, (n, h, w), of unit length.

    Zagoruyko and Komodakis, "Paying More Attention to Attention", ICLR 2017.
    """
    strength = features.square().mean(1)
    return strength / strength.flatten(1).norm(dim=1).clamp(min=1e-6)[:, None, None]


def corners(sides: torch.Tensor) -> torch.Tensor:
    """Boxes (n, 4, h, w) as x0, y0, x1, y1 in cells, from the sides at every cell."""
    height, width = sides.shape[2:]
    x = torch.arange(width, dtype=sides.dtype) + 0.5
    y = torch.arange(height, dtype=sides.dtype)[:, None] + 0.5
    return torch.stack([x - sides[:, 0], y - sides[:, 1], x + sides[:, 2], y + sides[:, 3]], dim=1)


def _layer(enter: int, leave: int, stride: int = 1) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Conv2d(enter, leave, 3, stride, 1, bias=False), torch.nn.BatchNorm2d(leave), torch.nn.ReLU()
    )

"""Large: the bench's teacher, a deeper network with the outputs of the student's."""

from __future__ import annotations

import torch

from taihang.model.distil import network as nets


class Large(nets.Network):
    """As `network.Network`, with a residual block after each stage (He et al., CVPR 2016)."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__(classes, width)
        self.enter = torch.nn.Sequential(*self.enter, _Block(2 * width))
        self.eighth = torch.nn.Sequential(*self.eighth, _Block(4 * width))
        self.sixteenth = torch.nn.Sequential(*self.sixteenth, _Block(6 * width), _Block(6 * width))
        self.mix = torch.nn.Sequential(_layer(2 * width, 3 * width), _Block(3 * width))


class _Block(torch.nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = _layer(channels, channels)
        self.b = torch.nn.Sequential(*list(_layer(channels, channels))[:2])
        # It begins by changing nothing.
        torch.nn.init.zeros_(self.b[1].weight)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return torch.relu(given + self.b(self.a(given)))


def _layer(enter: int, leave: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Conv2d(enter, leave, 3, 1, 1, bias=False), torch.nn.BatchNorm2d(leave), torch.nn.ReLU()
    )

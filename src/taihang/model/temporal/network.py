"""Network: a MobileViT whose layers see their neighbours in time, and a small head over time.

Backbone: MobileViT (Mehta and Rastegari, ICLR 2022) of transformers. Between its layers an eighth of the
channels comes from the step before and an eighth from the step after (Lin, Gan and Han, "TSM: Temporal Shift
Module for Efficient Video Understanding", ICCV 2019), which costs nothing. Two depthwise convolutions over
time follow. So a step's answer depends on `REACH` steps to each side, and on no other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

from taihang.core import errors
from taihang.model.temporal import steps as stepping

SHIFTS, CONVOLUTIONS = 4, 2
REACH = SHIFTS + CONVOLUTIONS
_SHARE = 8
_FAMILY = "mobilevit"
_SMALL: dict[str, Any] = {
    "hidden_sizes": [24, 32, 40],
    "neck_hidden_sizes": [8, 12, 20, 28, 36, 44, 44],
    "num_attention_heads": 4,
    "expand_ratio": 2.0,
    "hidden_dropout_prob": 0.0,
}


def shift(features: torch.Tensor, share: int = _SHARE) -> torch.Tensor:
    """(films, steps, channels, …): the first 1/share of the channels from the step after, the next from the one
    before, zero beyond the ends."""
    part = features.shape[2] // share
    none = torch.zeros_like(features[:, :1, :part])
    later = torch.cat([features[:, 1:, :part], none], dim=1)
    earlier = torch.cat([none, features[:, :-1, part : 2 * part]], dim=1)
    return torch.cat([later, earlier, features[:, :, 2 * part :]], dim=2)


class Network(torch.nn.Module):
    """Pictures (films, steps, 6, H, W) and numbers (films, steps, 5) to logits (films, steps, classes)."""

    def __init__(self, classes: int, backbone: Any) -> None:
        super().__init__()
        self.backbone = backbone
        width = int(backbone.config.neck_hidden_sizes[5])
        self.enter = torch.nn.Linear(2 * width + len(stepping.NUMBERS), width)
        self.along = torch.nn.ModuleList(
            torch.nn.Conv1d(width, width, 3, padding=1, groups=width) for _ in range(CONVOLUTIONS)
        )
        self.mix = torch.nn.ModuleList(torch.nn.Linear(width, width) for _ in range(CONVOLUTIONS))
        self.leave = torch.nn.Linear(width, classes)

    def forward(self, pictures: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """Logits; every step's from at most `REACH` steps to each side."""
        films = pictures.shape[0]
        features = self.backbone.conv_stem(pictures.flatten(0, 1))
        for place, layer in enumerate(self.backbone.encoder.layer):
            if place:
                features = shift(features.reshape(films, -1, *features.shape[1:])).flatten(0, 1)
            features = layer(features)
        # The mean tells of the scene, the largest of one small figure in it.
        told = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        line = self.enter(torch.cat([told.reshape(films, -1, told.shape[1]), numbers], dim=2))
        for along, mix in zip(self.along, self.mix, strict=True):
            line = line + mix(torch.relu(along(line.transpose(1, 2)).transpose(1, 2)))
        return self.leave(torch.relu(line))


class Exported(torch.nn.Module):
    """The network for one film, as it is written to a file: (steps, …) in, outputs in 0 to 1 out."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """(steps, classes)."""
        return torch.sigmoid(self.network(pictures[None], numbers[None]))[0]


def build(classes: int, checkpoint: Path | None = None) -> Network:
    """A network with fresh weights, or with the backbone of a local MobileViT checkpoint.

    A checkpoint's three colours are averaged for the luma plane; planes that it never saw begin at zero.
    Raises errors.UserError when it is not a MobileViT or cannot be read.
    """
    planes = len(stepping.PLANES)
    if checkpoint is None:
        config = transformers.MobileViTConfig(num_channels=planes, output_stride=16, **_SMALL)
        return Network(classes, _begun(transformers.MobileViTModel(config, expand_output=False)))
    try:
        config = transformers.AutoConfig.from_pretrained(str(checkpoint), local_files_only=True)
        if config.model_type != _FAMILY:
            raise errors.UserError("model.temporal:family", path=checkpoint, family=config.model_type)
        colours = transformers.MobileViTModel.from_pretrained(
            str(checkpoint), expand_output=False, local_files_only=True, use_safetensors=True
        )
        config.num_channels = planes
        wider = transformers.MobileViTModel(config, expand_output=False)
        known = colours.state_dict()
        stem = "conv_stem.convolution.weight"
        known[stem] = torch.cat(
            [known[stem].mean(1, keepdim=True), torch.zeros_like(wider.state_dict()[stem])[:, 1:]], 1
        )
        wider.load_state_dict(known)
    except errors.UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise errors.UserError("model.temporal:checkpoint", path=checkpoint, reason=reason) from error
    return Network(classes, wider)


def _begun(backbone: Any) -> Any:
    """Fresh weights that keep the size of what passes (He et al., ICCV 2015; Glorot and Bengio, AISTATS 2010).

    The model's own draw all from a normal distribution of deviation 0.02, the factors of batch normalisation too, which
    are to begin at one: then what passes shrinks fifty times a layer, until the variance to divide by is below epsilon.
    """
    for part in backbone.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        elif isinstance(part, torch.nn.Linear):
            torch.nn.init.xavier_normal_(part.weight)
        elif isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(part.weight)
    return backbone

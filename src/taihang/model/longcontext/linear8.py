"""Linear layers in 8 bits: e4m3 weights with a scale a row, and calibrated or own scales of what comes in.

On a GPU that multiplies e4m3 (compute capability 8.9 and above) the product runs in 8 bits. Elsewhere the
numbers are the same, but each weight is widened first: that saves memory and no time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from taihang.core import errors

_LARGEST = 448.0  # of e4m3fn
_FORM = torch.float8_e4m3fn


class Linear8(torch.nn.Module):
    """A linear layer whose weight is e4m3. `coming` is the largest input that calibration saw (0: each token's own).

    Inputs beyond `coming` are clamped to it, as the hardware would.
    """

    def __init__(self, linear: torch.nn.Linear, coming: float = 0.0) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scale = weight.abs().amax(1, keepdim=True).clamp_min(1e-12) / _LARGEST
        self.register_buffer("weight", (weight / scale).to(_FORM))
        self.register_buffer("scale", scale)
        self.register_buffer("bias", None if linear.bias is None else linear.bias.detach().clone())
        self.coming = coming
        self.in_features, self.out_features = linear.in_features, linear.out_features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in) to (..., out), in x's type."""
        flat = x.reshape(-1, x.shape[-1])
        scale = self._scale(flat)
        small = (flat.float() / scale).clamp(-_LARGEST, _LARGEST).to(_FORM)
        if multiplies(x.device):
            found = torch._scaled_mm(small, self.weight.T, scale, self.scale.T.contiguous(), out_dtype=torch.bfloat16)
            found = found.to(x.dtype)
        else:
            found = ((small.float() * scale) @ (self.weight.float() * self.scale).T).to(x.dtype)
        if self.bias is not None:
            found = found + self.bias
        return found.reshape(*x.shape[:-1], self.out_features)

    def _scale(self, flat: torch.Tensor) -> torch.Tensor:
        if self.coming:
            return torch.full((flat.shape[0], 1), self.coming / _LARGEST, device=flat.device)
        return flat.abs().amax(1, keepdim=True).float().clamp_min(1e-12) / _LARGEST


def multiplies(device: torch.device) -> bool:
    """True where the device has e4m3 products of its own."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 9)


def convert(model: Any, *passes: Callable[[], Any]) -> int:
    """Exchange the linear layers of the language model (not its head); how many. Scales are calibrated by `passes`
    (functions without arguments that run the model); without any each token has its own.

    Raises errors.Failure when e4m3 products are corrupt on the model's device.
    """
    checked(model.device)
    found = {name: one for name, one in model.model.language_model.named_modules() if type(one) is torch.nn.Linear}
    coming = _calibrated(found, passes)
    for name, linear in found.items():
        owner, _, leaf = name.rpartition(".")
        setattr(model.model.language_model.get_submodule(owner), leaf, Linear8(linear, coming.get(name, 0.0)))
    return len(found)


def _calibrated(linears: dict[str, Any], passes: tuple[Callable[[], Any], ...]) -> dict[str, float]:
    largest: dict[str, float] = {}

    def note(name: str) -> Any:
        def hook(_: Any, given: tuple[torch.Tensor, ...]) -> None:
            largest[name] = max(largest.get(name, 0.0), float(given[0].abs().max()))

        return hook

    handles = [one.register_forward_pre_hook(note(name)) for name, one in linears.items()]
    try:
        for one in passes:
            with torch.inference_mode():
                one()
    finally:
        for handle in handles:
            handle.remove()
    return largest


def checked(device: torch.device) -> None:
    """Refuse a back end whose e4m3 products are wrong: one known product, against its value in float64.

    Each factor is off by at most 1/16 (half a step of three bits of mantissa), so each sum of products by
    at most 13% of the sum of their sizes; an error of the accumulator shows far above. Raises errors.Failure.
    """
    made = torch.Generator().manual_seed(0)
    linear = torch.nn.Linear(64, 32, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.randn(32, 64, generator=made))
    x = torch.randn(16, 64, generator=made)
    wanted = x.double() @ linear.weight.detach().double().T
    sizes = x.abs().double() @ linear.weight.detach().abs().double().T
    found = Linear8(linear).to(device)(x.to(device)).double().cpu()
    if not bool(torch.isfinite(found).all()) or bool(((found - wanted).abs() > 0.13 * sizes + 1e-3).any()):
        raise errors.Failure("model:longcontext.corrupts", form="fp8", device=str(device))

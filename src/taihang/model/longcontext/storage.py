"""Storage: in which form keys and values wait: as they are, as 8-bit whole numbers, or as 8-bit floats (e4m3)."""

from __future__ import annotations

import dataclasses
from typing import Literal

import torch

from taihang.core import errors

Form = Literal["plain", "int8", "fp8"]
_FP8_LARGEST = 448.0  # of e4m3fn


@dataclasses.dataclass(slots=True)
class Stored:
    """Numbers of shape (batch, heads, tokens, width), and a scale a head and token where they are 8 bits wide."""

    data: torch.Tensor
    scale: torch.Tensor | None = None

    @property
    def tokens(self) -> int:
        """How many there are."""
        return int(self.data.shape[-2])

    @property
    def size(self) -> int:
        """Bytes in all."""
        scale = 0 if self.scale is None else self.scale.numel() * self.scale.element_size()
        return self.data.numel() * self.data.element_size() + scale

    def joined(self, other: Stored) -> Stored:
        """These, then those."""
        scale = None if self.scale is None or other.scale is None else torch.cat([self.scale, other.scale], -2)
        return Stored(torch.cat([self.data, other.data], -2), scale)

    def moved(self, device: torch.device) -> Stored:
        """The same numbers on a device; these, when they are there already."""
        if self.data.device == device:
            return self
        return Stored(self.data.to(device), None if self.scale is None else self.scale.to(device))

    def first(self, count: int) -> Stored:
        """The first so many tokens."""
        return Stored(self.data[..., :count, :], None if self.scale is None else self.scale[..., :count, :])

    def taken(self, index: torch.Tensor) -> Stored:
        """The tokens at `index` (batch, heads, kept), a choice of its own for each head."""
        index = index.to(self.data.device)
        wide = index.unsqueeze(-1)
        # torch gathers no e4m3 on a CPU; its bytes are as good.
        bare = self.data.view(torch.uint8) if self.data.dtype == torch.float8_e4m3fn else self.data
        data = bare.gather(-2, wide.expand(*index.shape, self.data.shape[-1])).view(self.data.dtype)
        return Stored(data, None if self.scale is None else self.scale.gather(-2, wide))


def store(values: torch.Tensor, form: Form) -> Stored:
    """Bring numbers into a form. The scale of each token and head is that of its largest number."""
    if form == "plain":
        return Stored(values)
    most = values.abs().amax(-1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny).float()
    if form == "int8":
        scale = most / 127
        return Stored((values.float() / scale).round().clamp(-127, 127).to(torch.int8), scale)
    scale = most / _FP8_LARGEST
    return Stored((values.float() / scale).to(torch.float8_e4m3fn), scale)


def read(stored: Stored, dtype: torch.dtype) -> torch.Tensor:
    """The numbers again, in a type to compute with."""
    if stored.scale is None:
        return stored.data.to(dtype)
    return (stored.data.float() * stored.scale).to(dtype)


def checked(form: Form, device: torch.device, *, width: int = 128) -> None:
    """Refuse a back end that corrupts: numbers go in and come out, and must be near what they were.

    The bound is the form's own: half a step of 1/127 of the largest for int8, 1/16 of each number (three
    bits of mantissa, half a step) for fp8, with the smallest e4m3 step below. Raises errors.Failure.
    """
    if form == "plain":
        return
    given = torch.linspace(-8, 8, 16 * width, device=device).reshape(1, 1, 16, width) ** 3
    found = read(store(given, form), torch.float32)
    most = given.abs().amax(-1, keepdim=True)
    allowed = most / 254 if form == "int8" else torch.maximum(given.abs() / 16, most / _FP8_LARGEST * 2**-9)
    if not bool(torch.isfinite(found).all()) or bool(((found - given).abs() > allowed * 1.01).any()):
        raise errors.Failure("model:longcontext.corrupts", form=form, device=str(device))

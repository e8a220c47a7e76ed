"""Pairs: two adjacent layers keep in one what they have in common.

Of a token's keys in both layers one direction is kept, and for each layer how far it goes along it; the same of its
values. Tokens that matter and whose directions lie far apart stay as they are. The idea is that of Liu et al.,
MiniCache, 2024, which looks at the directions alone.
Both layers turn a token's keys by the same angles, so what they have in common survives the rotary position.
"""

from __future__ import annotations

import dataclasses
import math

import torch

from taihang.core import errors
from taihang.model.longcontext import storage

_LENGTHS = 8  # bytes: two float32


@dataclasses.dataclass(frozen=True, slots=True)
class Pairs:
    """Layers `first` and the next, the two after them, and so on. Of the tokens that they hold the share `apart`, those
    that would lose most, is not merged.

    Raises errors.UserError for a share outside [0, 1) or a negative `first`.
    """

    first: int = 0
    apart: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.apart < 1 or self.first < 0:
            raise errors.UserError("model:longcontext.pairs", first=self.first, apart=self.apart)

    def groups(self, layers: int) -> list[tuple[int, ...]]:
        """The numbers of all layers: pairs, and alone those before `first` and one that is left over."""
        pairs = range(self.first, layers - 1, 2)
        alone = [*range(min(self.first, layers)), *range(self.first + 2 * len(pairs), layers)]
        return sorted([(one, one + 1) for one in pairs] + [(one,) for one in alone])

    def kept_apart(self, tokens: int) -> int:
        """How many of so many tokens are not merged."""
        return math.ceil(self.apart * tokens)

    def most(self, room: int, token: int) -> int:
        """How many tokens two layers can hold in the bytes of `room` plain ones; a head's key has `token` bytes."""

        def cost(tokens: int) -> int:
            apart = self.kept_apart(tokens)
            return apart * 2 * token + (tokens - apart) * (token + _LENGTHS) + tokens

        found = room * token // int((1 - self.apart) * (token + _LENGTHS) + self.apart * 2 * token + 1)
        while found > 0 and cost(found) > room * token:
            found -= 1
        return found


@dataclasses.dataclass(slots=True)
class Merged:
    """Keys, or values, of two layers for the same tokens.

    `alike` (batch, heads, tokens) is true for merged ones: of these `common` are the directions (batch, heads, merged,
    width) and `lengths` what each layer has of them (batch, heads, merged, 1). `own` holds each layer's other tokens.
    """

    alike: torch.Tensor
    common: storage.Stored
    lengths: tuple[torch.Tensor, torch.Tensor]
    own: tuple[storage.Stored, storage.Stored]

    @property
    def tokens(self) -> int:
        """How many each of the two layers has."""
        return int(self.alike.shape[-1])

    @property
    def size(self) -> int:
        """Bytes for both layers, and for telling which tokens are merged."""
        bare = sum(one.numel() * one.element_size() for one in (self.alike, *self.lengths))
        return bare + self.common.size + sum(one.size for one in self.own)

    def moved(self, device: torch.device) -> Merged:
        """The same on a device."""
        lengths, own = [one.to(device) for one in self.lengths], [one.moved(device) for one in self.own]
        return Merged(self.alike.to(device), self.common.moved(device), (lengths[0], lengths[1]), (own[0], own[1]))

    def read(self, side: int, device: torch.device) -> torch.Tensor:
        """What the first (0) or second (1) layer has now: (batch, heads, tokens, width), float32."""
        along = storage.read(self.common, torch.float32) * self.lengths[side]
        return self._spread(along, storage.read(self.own[side], torch.float32)).to(device)

    def directions(self, device: torch.device) -> torch.Tensor:
        """Of the merged tokens; zero for the others: (batch, heads, tokens, width), float32."""
        rest = torch.zeros_like(self.own[0].data, dtype=torch.float32)
        return self._spread(storage.read(self.common, torch.float32), rest).to(device)

    def _spread(self, merged: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        whole = merged.new_empty(*self.alike.shape, merged.shape[-1])
        whole[self.alike] = merged.flatten(0, 2)
        whole[~self.alike] = others.flatten(0, 2)
        return whole


def merge(
    one: torch.Tensor,
    two: torch.Tensor,
    known: torch.Tensor,
    apart: int,
    *,
    weight: torch.Tensor | None = None,
    form: storage.Form,
    dtype: torch.dtype,
) -> Merged:
    """Keys, or values, of two layers in one; all (batch, heads, tokens, width) in float32.

    `known` are directions found before, zero for tokens not merged so far: such a token stays merged as it is, so that
    nothing drifts from window to window. `apart` tokens of each head are not merged: those that would lose most, by how
    far their directions lie apart and by `weight` (batch, heads, tokens), how much they matter.
    """
    tokens, width = one.shape[-2:]
    first, second = (torch.nn.functional.normalize(side, dim=-1) for side in (one, two))
    before = known.abs().amax(-1) > 0
    loses = (1 - (first * second).sum(-1)) * (1 if weight is None else weight)
    least = loses.masked_fill(before, -1.0).topk(tokens - apart, dim=-1, largest=False).indices
    alike = torch.zeros_like(before).scatter(-1, least, value=True)
    middle = torch.where(before[..., None], known, torch.nn.functional.normalize(first + second, dim=-1))

    def those(values: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        return values[which].view(*one.shape[:-2], -1, width)

    common = storage.store(those(middle, alike).to(dtype), form)
    # As long as brings each layer nearest to what it had, along the direction that is really kept.
    along = storage.read(common, torch.float32)
    square = along.square().sum(-1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
    long = [(those(side, alike) * along).sum(-1, keepdim=True) / square for side in (one, two)]
    own = [storage.store(those(side, ~alike).to(dtype), form) for side in (one, two)]
    return Merged(alike, common, (long[0], long[1]), (own[0], own[1]))

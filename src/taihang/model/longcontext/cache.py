"""Cache: keys and values of every layer under a cap; after each window the least useful tokens go.

Keys are kept as the attention made them, their rotary position already inside. So what stays needs no
new position when others go, and multimodal positions (M-RoPE) are as safe as plain ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import cache_utils

from taihang.model.longcontext import pairs, policy, storage


class CappedLayer(cache_utils.CacheLayerMixin):
    """One layer. `seen` counts all tokens that ever came, `held` those that are here, `peak` the most at once."""

    def __init__(self, form: storage.Form = "plain", *, offload: bool = False) -> None:
        super().__init__()
        self.form = form
        self.offload = offload
        self.seen = 0
        self.peak = 0
        self.peak_bytes = 0
        self._keys: storage.Stored | None = None
        self._values: storage.Stored | None = None
        # What it shares with its neighbour; those tokens come before the others.
        self._shared: tuple[pairs.Merged, pairs.Merged] | None = None
        self._side = 0
        self.token_bytes = 0
        self.marks = policy.Marks.empty()
        self.events: torch.Tensor | None = None

    @property
    def held(self) -> int:
        """Tokens that are here."""
        plain = 0 if self._keys is None else self._keys.tokens
        return plain if self._shared is None else plain + self._shared[0].tokens

    @property
    def size(self) -> int:
        """Bytes of keys, values and scales; of what two layers share, half."""
        shared = sum(one.size for one in self._shared or ())
        return sum(one.size for one in (self._keys, self._values) if one is not None) + (shared + self._side) // 2

    @property
    def worth(self) -> float:
        """As many plain tokens take the bytes that are held."""
        return self.held if self._shared is None else self.size / self.token_bytes

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Remember type and place of the numbers."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self.is_initialized = True

    @property
    def _home(self) -> torch.device:
        return torch.device("cpu") if self.offload else self.device

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add a window's tokens; gives all that are here, to attend to. Shapes (batch, heads, tokens, width)."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        keys = storage.store(key_states, self.form).moved(self._home)
        values = storage.store(value_states, self.form).moved(self._home)
        self._keys = keys if self._keys is None else self._keys.joined(keys)
        self._values = values if self._values is None else self._values.joined(values)
        count = key_states.shape[-2]
        self.token_bytes = (keys.size + values.size) // count
        places = torch.arange(self.seen, self.seen + count, device=key_states.device)
        self.marks = self.marks.joined(policy.Marks.fresh(key_states, value_states, places, self.events))
        self.seen += count
        self.peak = max(self.peak, self.held)
        self.peak_bytes = max(self.peak_bytes, self.size)
        return self.keys_now(), self.values_now()

    def keys_now(self) -> torch.Tensor:
        """The keys that are here: (batch, heads, tokens, width)."""
        return self._now(self._keys, 0, self.dtype)

    def values_now(self) -> torch.Tensor:
        """The values that are here: (batch, heads, tokens, width)."""
        return self._now(self._values, 1, self.dtype)

    def _now(self, plain: storage.Stored | None, which: int, dtype: torch.dtype) -> torch.Tensor:
        parts = [] if plain is None else [storage.read(plain.moved(self.device), dtype)]
        if self._shared is not None:
            parts.insert(0, self._shared[which].read(self._side, self.device).to(dtype))
        return parts[0] if len(parts) == 1 else torch.cat(parts, -2)

    def keep(self, index: torch.Tensor) -> None:
        """Keep the tokens at `index` (batch, heads, kept), ascending; the others are gone."""
        assert self._keys is not None and self._values is not None
        self._keys, self._values = self._keys.taken(index), self._values.taken(index)
        self.marks = self.marks.taken(index)

    def forget(self, count: int) -> None:
        """Take back the last `count` tokens: a probe leaves no trace."""
        assert self._keys is not None and self._values is not None
        plain = self._keys.tokens - count
        self._keys, self._values = self._keys.first(plain), self._values.first(plain)
        self.marks = self.marks.first(self.marks.places.shape[-1] - count)
        self.seen -= count

    def share(self, other: CappedLayer, index: torch.Tensor, weight: torch.Tensor, how: pairs.Pairs) -> None:
        """Keep the tokens at `index` (batch, heads, kept), ascending, in one with the next layer, which holds the same
        tokens; the others are gone from both."""
        wide = index.unsqueeze(-1)
        made = []
        for which in (0, 1):
            one, two = ((side._keys, side._values)[which] for side in (self, other))
            sides = [side._now(plain, which, torch.float32) for side, plain in ((self, one), (other, two))]
            known = torch.zeros_like(sides[0])
            if self._shared is not None:
                known[..., : self._shared[which].tokens, :] = self._shared[which].directions(self.device)
            *sides, known = (part.gather(-2, wide.expand(*index.shape, part.shape[-1])) for part in (*sides, known))
            apart = how.kept_apart(index.shape[-1])
            made.append(
                pairs.merge(sides[0], sides[1], known, apart, weight=weight, form=self.form, dtype=self.dtype).moved(
                    self._home
                )
            )
        for number, side in enumerate((self, other)):
            side._shared, side._side = (made[0], made[1]), number
            side._keys = side._values = None
            side.marks = side.marks.taken(index)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """As transformers asks; the attention of this package makes its own mask."""
        return self.held + query_length, 0

    def get_seq_length(self) -> int:
        """All tokens that ever came: the next one's position follows from these, not from what is left."""
        return self.seen

    def get_max_length(self) -> int:
        """No limit on what may come."""
        return -1


class CappedCache(cache_utils.Cache):
    """The layers of one model for one sequence (batch 1)."""

    layers: list[CappedLayer]

    def __init__(
        self, layers: int, form: storage.Form = "plain", *, offload: bool = False, paired: pairs.Pairs | None = None
    ) -> None:
        super().__init__(layers=[CappedLayer(form, offload=offload) for _ in range(layers)])
        self.paired = paired
        self._groups = paired.groups(layers) if paired else [(number,) for number in range(layers)]

    @property
    def peak(self) -> int:
        """The most tokens that all layers held at once, together; one that two layers share counts in both."""
        return sum(layer.peak for layer in self.layers)

    @property
    def peak_bytes(self) -> int:
        """No more bytes than these were held at once."""
        return sum(layer.peak_bytes for layer in self.layers)

    @property
    def size(self) -> int:
        """Bytes that are held now."""
        return sum(layer.size for layer in self.layers)

    def coming(self, events: torch.Tensor) -> None:
        """Which event each token of the next window belongs to."""
        for layer in self.layers:
            layer.events = events

    def observe(self, layer: int, query: torch.Tensor, keys: torch.Tensor, scaling: float, weight: float) -> None:
        """Note where these queries look: adds to what is known of each key's use."""
        self.layers[layer].marks.looked(query, keys, scaling, weight)

    def over(self, kept: Sequence[int]) -> bool:
        """True when a layer, or a pair together, holds more than the bytes of so many plain tokens a layer."""
        return any(self._over(group, kept) for group in self._groups)

    def _over(self, group: tuple[int, ...], kept: Sequence[int]) -> bool:
        return sum(self.layers[number].worth for number in group) > sum(kept[number] for number in group)

    def shrink(self, kept: Sequence[int], chosen: policy.Policy) -> None:
        """Let tokens go until each layer holds at most the bytes of its share of `kept`.

        Adjacent layers may share one choice (`policy.Policy.shared`), from what all of them know if they hold the same
        tokens. Pairs (`pairs.Pairs`) share what they hold, too.
        """
        for layer in self.layers if chosen.compares else ():
            layer.marks.compared(layer.keys_now())
        index: torch.Tensor | None = None
        for group in self._groups:
            number, layer = group[0], self.layers[group[0]]
            if not self._over(group, kept):
                index = None
            elif len(group) == 1:
                most = kept[number]
                if index is None or number % chosen.shared == 0 or index.shape[-1] != most:
                    index = chosen.choose(self._known(number, chosen.shared), most)
                layer.keep(index)
            else:
                index = None
                self._merge(layer, self.layers[group[1]], sum(kept[n] for n in group), chosen)

    def _known(self, number: int, shared: int) -> policy.Marks:
        """Of a layer's tokens, with what those know that will share its choice."""
        own = self.layers[number].marks
        others = self.layers[number + 1 : number - number % shared + shared]
        alike = [one.marks for one in others if torch.equal(one.marks.places, own.places)]
        return policy.Marks.mean([own, *alike]) if alike else own

    def _merge(self, one: CappedLayer, two: CappedLayer, room: int, chosen: policy.Policy) -> None:
        assert self.paired is not None
        marks = policy.Marks.mean([one.marks, two.marks])
        batch, heads, held = marks.places.shape
        most = min(held, self.paired.most(room, one.token_bytes // (2 * batch * heads)))
        every = torch.arange(held, device=one.device).expand(batch, heads, held)
        index = every if most == held else chosen.choose(marks, most)
        one.share(two, index, policy.SCORES[chosen.name](marks).gather(-1, index), self.paired)

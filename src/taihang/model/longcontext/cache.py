"""Cache: keys and values of every layer under a cap; after each window the least useful tokens go.

Keys are kept as the attention made them, their rotary position already inside. So what stays needs no
new position when others go, and multimodal positions (M-RoPE) are as safe as plain ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import cache_utils

from taihang.model.longcontext import policy, storage


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
        self.marks = policy.Marks.empty()
        self.events: torch.Tensor | None = None

    @property
    def held(self) -> int:
        """Tokens that are here."""
        return 0 if self._keys is None else self._keys.tokens

    @property
    def size(self) -> int:
        """Bytes of keys, values and scales."""
        return sum(one.size for one in (self._keys, self._values) if one is not None)

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Remember type and place of the numbers."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add a window's tokens; gives all that are here, to attend to. Shapes (batch, heads, tokens, width)."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        home = torch.device("cpu") if self.offload else key_states.device
        keys = storage.store(key_states, self.form).moved(home)
        values = storage.store(value_states, self.form).moved(home)
        self._keys = keys if self._keys is None else self._keys.joined(keys)
        self._values = values if self._values is None else self._values.joined(values)
        count = key_states.shape[-2]
        places = torch.arange(self.seen, self.seen + count, device=key_states.device)
        self.marks = self.marks.joined(policy.Marks.fresh(key_states, value_states, places, self.events))
        self.seen += count
        self.peak = max(self.peak, self.held)
        self.peak_bytes = max(self.peak_bytes, self.size)
        here = self.device
        return storage.read(self._keys.moved(here), self.dtype), storage.read(self._values.moved(here), self.dtype)

    def keys_now(self) -> torch.Tensor:
        """The keys that are here: (batch, heads, tokens, width)."""
        assert self._keys is not None
        return storage.read(self._keys.moved(self.device), self.dtype)

    def keep(self, index: torch.Tensor) -> None:
        """Keep the tokens at `index` (batch, heads, kept), ascending; the others are gone."""
        assert self._keys is not None and self._values is not None
        self._keys, self._values = self._keys.taken(index), self._values.taken(index)
        self.marks = self.marks.taken(index)

    def forget(self, count: int) -> None:
        """Take back the last `count` tokens: a probe leaves no trace."""
        kept = self.held - count
        heads = self.marks.places.shape
        self.keep(torch.arange(kept, device=self.device).expand(heads[0], heads[1], kept))
        self.seen -= count

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

    def __init__(self, layers: int, form: storage.Form = "plain", *, offload: bool = False) -> None:
        super().__init__(layers=[CappedLayer(form, offload=offload) for _ in range(layers)])

    @property
    def peak(self) -> int:
        """The most tokens that all layers held at once, together."""
        return sum(layer.peak for layer in self.layers)

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

    def shrink(self, kept: Sequence[int], chosen: policy.Policy) -> None:
        """Let tokens go until each layer holds at most its share of `kept`.

        Adjacent layers may share one choice (`policy.Policy.shared`): the first of a group decides.
        """
        index: torch.Tensor | None = None
        for number, (layer, most) in enumerate(zip(self.layers, kept, strict=True)):
            if layer.held <= most:
                index = None
                continue
            if index is None or number % chosen.shared == 0 or index.shape[-1] != most:
                index = chosen.choose(layer.marks, most)
            layer.keep(index)

"""Budget: how a cap on the cache is shared among a model's layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

from taihang.core import errors

Shape = Literal["uniform", "pyramid"]


@dataclasses.dataclass(frozen=True, slots=True)
class Cap:
    """What the cache may hold at any moment, the window that is being read included.

    `tokens` are tokens a layer on average, so `tokens * layers` in all; `window` is the longest
    window. Between windows a layer keeps what `kept` says. Raises errors.UserError when the cap
    leaves no room beside the window and what is always kept.
    """

    tokens: int
    window: int
    sinks: int = 4
    recent: int = 32

    def __post_init__(self) -> None:
        room = self.tokens - self.window
        if min(self.window, self.sinks + 1, self.recent + 1) < 1 or room < self.sinks + self.recent:
            raise errors.UserError(
                "model:longcontext.cap", tokens=self.tokens, window=self.window, least=self.sinks + self.recent
            )

    @classmethod
    def of_bytes(
        cls, size: int, *, window: int, layers: int, token_bytes: int, sinks: int = 4, recent: int = 32
    ) -> Cap:
        """The cap for `size` bytes in all; `token_bytes` are those of one token in one layer."""
        return cls(size // (layers * token_bytes), window, sinks, recent)

    def kept(self, layers: int, shape: Shape = "uniform", weights: Sequence[float] | None = None) -> tuple[int, ...]:
        """Tokens that each layer keeps between windows; their mean is at most `tokens - window`.

        `uniform`: all alike. `pyramid`: from 1.5 times the mean in the first layer down to half of it
        in the last (deep layers look at fewer places: Cai et al., PyramidKV, 2024). `weights` replace
        the shape by measured shares. No layer goes below its sinks and recent tokens. Raises errors.UserError for
        another number of weights than of layers.
        """
        room = self.tokens - self.window
        least = self.sinks + self.recent
        if weights is None:
            last = max(layers - 1, 1)
            weights = [1.0 if shape == "uniform" else 1.5 - layer / last for layer in range(layers)]
        if len(weights) != layers:
            raise errors.UserError("model:longcontext.weights", given=len(weights), layers=layers)
        spare = (room - least) * layers
        total = sum(weights) or 1.0
        return tuple(least + int(spare * weight / total) for weight in weights)

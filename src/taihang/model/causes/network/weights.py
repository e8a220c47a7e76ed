"""Weights: what the network learned, with the card that says from what."""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import json
from typing import Any

import numpy as np

from taihang.core import ids, words
from taihang.model.causes.network import attention


@dataclasses.dataclass(frozen=True, slots=True)
class Learned:
    """Weights by name, and their card: name, what they were learned from (synthetic), size and limits."""

    weights: attention.Weights
    card: dict[str, Any]
    sha256: str

    @property
    def producer(self) -> words.Producer:
        """The network as a report names it."""
        return words.Producer(name=f"causes:{self.card['name']}", version="1", sha256=self.sha256)


@functools.cache
def load() -> Learned:
    """The weights that come along."""
    data = (importlib.resources.files("taihang.model.causes") / "parameters" / "network.json").read_bytes()
    value = json.loads(data)
    held = {name: np.array(flat, np.float64).reshape(shape) for name, (shape, flat) in value["weights"].items()}
    return Learned(held, value["card"], ids.digest(data))

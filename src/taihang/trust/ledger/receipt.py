"""Receipts: where appended entries stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import overload


@dataclasses.dataclass(frozen=True, slots=True)
class Receipt:
    """An entry's place; it is durable, and `leaf_hash` is what a proof starts from."""

    index: int
    leaf_hash: bytes


class Receipts(Sequence[Receipt]):
    """The receipts of a batch, made when they are looked at: most callers only want the first or none."""

    def __init__(self, first: int, hashes: Sequence[bytes]) -> None:
        self.first = first
        self._hashes = hashes

    def __len__(self) -> int:
        return len(self._hashes)

    @overload
    def __getitem__(self, place: int) -> Receipt: ...
    @overload
    def __getitem__(self, place: slice) -> list[Receipt]: ...
    def __getitem__(self, place: int | slice) -> Receipt | list[Receipt]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        return Receipt(self.first + place % max(1, len(self)), self._hashes[place])

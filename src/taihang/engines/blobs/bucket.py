"""Bucket: the port under blobs. Whole objects by key; a folder and an S3 bucket have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

PIECE = 1 << 20


class Bucket(Protocol):
    """Objects by key (`a/b/c`); an object is there whole or not at all, and durable when a call returns.

    Everything raises errors.Failure for a disk's faults, blob.Unreachable for a server that is away, and
    errors.UserError for a store that refuses the credentials or is not there.
    """

    @property
    def name(self) -> str:
        """What messages call the bucket; never a credential."""

    def size(self, key: str) -> int | None:
        """Bytes of the object, or None when there is none."""

    def read(self, key: str, start: int, end: int) -> bytes | None:
        """Bytes [start, end) as far as the object goes, or None when there is none."""

    def put(self, key: str, pieces: Iterable[bytes]) -> None:
        """Make an object of the pieces; an error of theirs leaves no object behind."""

    def write(self, key: str, data: bytes, *, if_absent: bool = False) -> bool:
        """Make a small object; False when `if_absent` and there is one already."""

    def delete(self, key: str) -> bool:
        """Take the object away; False when the store keeps an older version of it."""

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Key and size of every object below `prefix` (which ends at a slash)."""

    def path(self, key: str) -> Path | None:
        """The object's file, for a bucket that has files."""

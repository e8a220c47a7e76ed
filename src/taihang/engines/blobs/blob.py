"""What is said about blobs: an address, the proof that one is gone, and what can be wrong."""

from __future__ import annotations

import dataclasses
import datetime

from taihang.core import errors


@dataclasses.dataclass(frozen=True, slots=True)
class Blob:
    """The address of bytes: their SHA-256 (64 hex digits), and how many there are."""

    sha256: str
    size: int


@dataclasses.dataclass(frozen=True, slots=True)
class Gone:
    """What a deletion found: whether the bytes were there, and that they cannot be read any more.

    `erased` is False when the store still keeps an older version (a bucket with versioning): then its own
    rules decide when the bytes are gone.
    """

    sha256: str
    existed: bool
    erased: bool
    checked_at: datetime.datetime


class Damaged(errors.Failure):
    """The bytes are not those that the hash was made of: cut, changed, or swapped."""


class Unreachable(errors.Failure, errors.Transient):
    """The object store does not answer."""

"""What retention speaks of: rules, holds, and the proof that something is gone."""

from __future__ import annotations

import datetime
from typing import Literal

import pydantic

from taihang.catalog import words as catalogued
from taihang.core import asset as assets
from taihang.core import ids, words

Cause = Literal["retention", "request", "error"]
Held = Literal["legal", "certificate"]
_MOST_DAYS = 365 * 1000


class Rule(words.Word):
    """Versions of assets of this kind and sensitivity (None: of any) stay `keep_days` and go after `delete_days`.

    Where several rules speak of an asset, the one that names its sensitivity and kind counts, then the one
    that names its sensitivity, then its kind, then neither. `delete_days` None: they are never due.
    """

    kind: assets.Kind | None = None
    sensitivity: catalogued.Sensitivity | None = None
    keep_days: int = pydantic.Field(default=0, ge=0, le=_MOST_DAYS)
    delete_days: int | None = pydantic.Field(default=None, ge=0, le=_MOST_DAYS)

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> Rule:
        if self.delete_days is not None and self.delete_days < self.keep_days:
            raise ValueError("delete_days is less than keep_days")
        return self

    @property
    def id(self) -> str:
        """One rule for a kind and a sensitivity."""
        return ids.content_id("retention", [self.kind, self.sensitivity])

    @property
    def weight(self) -> int:
        """How closely it names an asset."""
        return 2 * (self.sensitivity is not None) + (self.kind is not None)


class Hold(words.Word):
    """Something that forbids the deletion of a version, or of all versions of an asset (`target`)."""

    id: str
    target: str
    kind: Held
    reason: str
    placed_by: str
    placed: datetime.datetime
    released_by: str | None = None
    released: datetime.datetime | None = None
    release_reason: str = ""


class Terms(words.Word):
    """When a version may be deleted, when it is due, and what holds it now."""

    version_id: str
    keep_until: datetime.datetime
    due: datetime.datetime | None
    holds: tuple[Hold, ...] = ()


class Place(words.Word):
    """One place that was searched for what must be gone.

    `how`: `bytes` every byte of its files was read, `rows` the store was asked, `asked` the object store
    was asked, `unseen` it cannot be read from here. `rows`, `content` and `hash` count what was found of
    catalogue rows about the version, of its bytes, and of its SHA-256.
    """

    name: str
    how: Literal["bytes", "rows", "asked", "unseen"]
    size: int = 0
    rows: int = 0
    content: int = 0
    hash: int = 0


class Proof(words.Word):
    """What was removed, and what a search of the disk found of it afterwards.

    `proved`: every place was read byte by byte, and nothing was found of the version's rows and bytes.
    `hash_left`: how often its SHA-256 is still named, in the history of jobs or in tickets (a hash tells
    nobody the content, and the history must say what it was about). `shared`: another version holds the
    same content, which therefore stays. `left`: files that could not be removed, or lie where nothing
    may be removed; `left_at` names them to the caller and is not kept.
    """

    version_id: str
    cause: Cause
    finished: datetime.datetime
    proved: bool
    shared: bool = False
    findings: int = 0
    reports: int = 0
    blobs: int = 0
    files: int = 0
    left: int = 0
    left_at: tuple[str, ...] = ()
    hash_left: int = 0
    places: tuple[Place, ...] = ()

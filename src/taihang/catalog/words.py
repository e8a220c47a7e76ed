"""What the catalogue answers with: assets, versions, reports, findings, pages of them."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Mapping
from typing import Annotated, Generic, Literal, TypeVar

import pydantic

from taihang.core import asset as assets
from taihang.core import finding as verdicts
from taihang.core import words

T = TypeVar("T")
# From what anybody may know to what the state guards; "important" and "core" as in GB/T 43697-2024.
Sensitivity = Literal["public", "internal", "sensitive", "important", "core"]
State = Literal["open", "accepted", "rejected"]
Tag = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=100)]


# Marks among an asset's tags that only their own calls set: no new version is taken; no job may use it.
LOCKED, PAUSED = "taihang:locked", "taihang:paused"
MARKS = (LOCKED, PAUSED)


class Column(words.Word):
    """A column of a table; `type` in the words of where it came from."""

    name: Annotated[str, pydantic.StringConstraints(min_length=1, max_length=500)]
    type: Annotated[str, pydantic.StringConstraints(max_length=500)] = ""
    nullable: bool | None = None


class Catalogued(words.Word):
    """An asset: what its versions have in common. `revision` grows with each change of the description."""

    id: str
    kind: assets.Kind
    name: str
    owner: str = ""
    licence: str = ""
    sensitivity: Sensitivity = "internal"
    description: str = ""
    tags: tuple[str, ...] = ()
    versions: int
    latest: str
    revision: int
    created: datetime.datetime
    changed: datetime.datetime


class Version(words.Word):
    """One content of an asset; never changes, but for columns that become known.

    `number` counts from 1 in order of registration. `stored`: the bytes are in the blob
    store under `asset.sha256`. `source`: where they were read.
    """

    id: str
    asset_id: str
    number: int
    asset: assets.Asset
    columns: tuple[Column, ...] = ()
    source: str = ""
    stored: bool = False
    registered_by: str = ""
    job_id: str = ""
    recorded: datetime.datetime


class Told(words.Word):
    """A report on a version, without its findings. `counts`: violated per level, and `insufficient`.

    `sha256` is of the report as JSON; `made` when it was written, `recorded` when it came here.
    """

    id: str
    version_id: str
    asset_id: str
    kind: str
    job_id: str
    sha256: words.Sha256
    folder: str
    made: datetime.datetime
    recorded: datetime.datetime
    counts: dict[str, int]


@dataclasses.dataclass(frozen=True)
class Found:
    """A finding where it was found, and what a reviewer said of it.

    `body` is the finding as JSON; `finding` reads it when asked, since most lists pass it on as it is.
    `revision` grows with each review. `boxes` is a JSON list of `Corrected`, "" while nobody corrected one.
    """

    version_id: str
    id: str
    asset_id: str
    rule: str
    rulebook: str
    dimension: str
    verdict: verdicts.Verdict
    level: words.Level
    recorded: datetime.datetime
    job_id: str
    state: State
    revision: int
    reason: str
    reviewer: str
    reviewed: datetime.datetime | None
    boxes: str
    body: str

    @functools.cached_property
    def finding(self) -> verdicts.Finding:
        """The finding itself."""
        return verdicts.Finding.model_validate_json(self.body)


@dataclasses.dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the cursor for those after them (None at the end)."""

    items: tuple[T, ...]
    next: str | None = None


class Corrected(words.Word):
    """A box of a finding's evidence as a reviewer drew it: in frame `number` the box at `index`, in pixels.

    `x1`, `y1` are exclusive, as in `core.evidence.Box`.
    """

    number: int
    index: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclasses.dataclass(frozen=True, slots=True)
class Review:
    """One decision of a reviewer about a finding; `number` counts from 1."""

    number: int
    state: State
    reason: str
    reviewer: str
    at: datetime.datetime
    boxes: str


@dataclasses.dataclass(frozen=True, slots=True)
class Filter:
    """Which findings: every part that is given must hold.

    `level`: that level; `floor`: that level or graver. `since` ≤ recorded < `until`. `job`: found by a
    report of that job, `report` by that report.
    """

    level: words.Level | None = None
    floor: words.Level | None = None
    rule: str | None = None
    rulebook: str | None = None
    dimension: str | None = None
    verdict: verdicts.Verdict | None = None
    asset: str | None = None
    version: str | None = None
    job: str | None = None
    report: str | None = None
    state: State | None = None
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None

    def parts(self) -> Mapping[str, object]:
        """What is given, as plain values."""
        given = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {
            name: value.isoformat() if isinstance(value, datetime.datetime) else value
            for name, value in given.items()
            if value is not None
        }

"""What a server answers, as far as clients use it; what a newer server adds is passed over."""

from __future__ import annotations

import datetime
from typing import Any

import pydantic

from taihang.core import job as jobs


class Answer(pydantic.BaseModel):
    """Base: frozen, and open to more."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")


class Me(Answer):
    """Who the token stands for. `csrf` only for a session."""

    id: str
    tenant: str
    roles: tuple[str, ...]
    login: str = ""
    csrf: str | None = None


class Upload(Answer):
    """An upload; `version` once it is whole."""

    id: str
    length: int
    received: int
    state: str
    sha256: str | None = None
    version: str | None = None


class Job(Answer):
    """A job; `result` holds `report`, `findings` and `exit_code` once it is done."""

    id: str
    kind: str
    state: jobs.State
    done: float
    stage: str | None = None
    reason: str | None = None
    owner: str = ""
    submitted: datetime.datetime | None = None
    ended: datetime.datetime | None = None
    result: dict[str, Any] | None = None

    @property
    def over(self) -> bool:
        """True when nothing more happens to it by itself."""
        return self.state in ("done", "failed", "cancelled")


class Event(Answer):
    """Something that happened to a job; `stage` is a catalogue key, `text` the same in words."""

    number: int
    stage: str
    text: str | None = None
    done: float = 0.0
    total: float = 0.0
    message: str | None = None


class Found(Answer):
    """A finding and what a reviewer said of it; `finding` as in `report.json`."""

    version_id: str
    id: str
    asset_id: str
    rule: str
    verdict: str
    level: str
    state: str
    revision: int
    boxes: list[dict[str, Any]] = []
    finding: dict[str, Any]


class Report(Answer):
    """A report on a version."""

    id: str
    version_id: str
    kind: str
    job_id: str
    sha256: str
    counts: dict[str, int]


class File(Answer):
    """A file of a report; `given`: `whole`, `masked` (what is downloaded has another hash) or `withheld`."""

    name: str
    sha256: str
    size: int
    given: str = "whole"


class Rule(Answer):
    """A retention rule; `kind` and `sensitivity` None: of any."""

    id: str
    kind: str | None = None
    sensitivity: str | None = None
    keep_days: int = 0
    delete_days: int | None = None


class Content(Answer):
    """What a version is of."""

    name: str
    kind: str
    sha256: str
    size: int


class Version(Answer):
    """A version of an asset."""

    id: str
    asset_id: str
    number: int
    recorded: datetime.datetime
    asset: Content


class Hold(Answer):
    """What forbids a deletion."""

    id: str
    target: str
    kind: str
    reason: str
    placed_by: str
    released: datetime.datetime | None = None


class Terms(Answer):
    """Until when a version must stay, when it is due, what holds it."""

    version_id: str
    keep_until: datetime.datetime
    due: datetime.datetime | None = None
    holds: tuple[Hold, ...] = ()


class Place(Answer):
    """One place that was searched after a deletion, and how often something was found there."""

    name: str
    how: str
    size: int = 0
    rows: int = 0
    content: int = 0
    hash: int = 0


class Proof(Answer):
    """What went with a version, and whether every place was read and nothing of it found."""

    version_id: str
    cause: str
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


class Mark(Answer):
    """What a ticket marks bad in a version: rows, or spans in seconds. Not `complete`: more is bad than is known."""

    ticket: str
    table: str
    rule: str
    kind: str
    count: int
    complete: bool
    active: bool
    spans: tuple[tuple[float, float], ...] = ()


class Delivery(Answer):
    """A message to somebody outside."""

    id: str
    name: str
    topic: str
    state: str
    attempts: int
    created: datetime.datetime
    reason: str = ""


class Revocations(Answer):
    """The list after a revocation."""

    number: int
    count: int
    until: datetime.datetime


class Issued(Answer):
    """A new token's secret, shown once."""

    secret: str

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
    """A file of a report."""

    name: str
    sha256: str
    size: int


class Issued(Answer):
    """A new token's secret, shown once."""

    secret: str

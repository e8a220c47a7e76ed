"""Job: declared work with inputs, state and progress; and how work reports on itself."""

from __future__ import annotations

import datetime
from typing import Any, Literal, Protocol

from taihang.core import i18n, words

State = Literal["queued", "running", "done", "failed", "cancelled"]


class Job(words.Word):
    """One piece of long work; `inputs` are content hashes, known when it ends.

    `stage` is a catalogue key, `done` the share of it in [0, 1]. `reason` says why it failed or was
    cancelled. `attempts` counts how often it was started.
    """

    id: str
    kind: str
    tenant: str
    inputs: tuple[words.Sha256, ...] = ()
    state: State = "queued"
    done: float = 0.0
    owner: str = ""
    parameters: dict[str, Any] = {}
    stage: str | None = None
    attempts: int = 0
    submitted: datetime.datetime | None = None
    started: datetime.datetime | None = None
    ended: datetime.datetime | None = None
    reason: i18n.Message | None = None
    result: dict[str, Any] | None = None

    @property
    def over(self) -> bool:
        """True when nothing more will happen to it by itself."""
        return self.state in ("done", "failed", "cancelled")


class Progress(Protocol):
    """Told by long work how far it is; the work stops when `update` raises `errors.Cancelled`."""

    def update(self, stage: str, done: float, total: float) -> None:
        """`stage` is a catalogue key; `done` and `total` are in one unit of the stage's choice."""


class Silent:
    """Progress that nobody watches."""

    def update(self, stage: str, done: float, total: float) -> None:
        """Nothing is shown, nothing is stopped."""

"""Job: declared work with inputs, state and progress; and how work reports on itself."""

from __future__ import annotations

from typing import Literal, Protocol

from taihang.core import words

State = Literal["queued", "running", "done", "failed", "cancelled"]


class Job(words.Word):
    """One piece of long work; `inputs` are content hashes."""

    id: str
    kind: str
    tenant: str
    inputs: tuple[words.Sha256, ...]
    state: State = "queued"
    done: float = 0.0


class Progress(Protocol):
    """Told by long work how far it is; the work stops when `update` raises `errors.Cancelled`."""

    def update(self, stage: str, done: float, total: float) -> None:
        """`stage` is a catalogue key; `done` and `total` are in one unit of the stage's choice."""


class Silent:
    """Progress that nobody watches."""

    def update(self, stage: str, done: float, total: float) -> None:
        """Nothing is shown, nothing is stopped."""

"""Ticket: a finding, or a group, that someone must resolve."""

from __future__ import annotations

import datetime
from typing import Literal

from taihang.core import words

State = Literal["new", "acknowledged", "assigned", "resolved", "verified", "closed"]
NEXT: dict[State, tuple[State, ...]] = {
    "new": ("acknowledged", "assigned"),
    "acknowledged": ("assigned",),
    "assigned": ("resolved",),
    # `verified` is reached only by running the rule again; a regression sends it back.
    "resolved": ("verified", "assigned"),
    "verified": ("closed", "assigned"),
    "closed": ("assigned",),
}


class Ticket(words.Word):
    """Who must do what by when, about which findings."""

    id: str
    tenant: str
    findings: tuple[str, ...]
    level: words.Level
    state: State = "new"
    owner: str = ""
    due: datetime.datetime | None = None
    reason: str = ""

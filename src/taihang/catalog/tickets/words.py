"""What the desk answers with, and what it is asked about: subjects, cards, events, re-runs."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pyarrow as pa
import pydantic

from taihang.core import asset as assets
from taihang.core import finding as verdicts
from taihang.core import i18n, ticket, words

Group = Literal["rule", "asset", "place"]
Kind = Literal[
    "opened",
    "acknowledged",
    "assigned",
    "reassigned",
    "resolved",
    "returned",
    "verified",
    "unverified",
    "closed",
    "reopened",
    "found",
    "commented",
    "attached",
    "reminded",
]
Name = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=500)]


class Subject(words.Word):
    """The asset version that findings are about. `asset` is the same for all its versions; `number`
    orders them where somebody counts them."""

    asset: Name
    kind: assets.Kind = "table"
    version: words.Sha256
    number: int | None = None
    owner: Annotated[str, pydantic.StringConstraints(max_length=200)] = ""
    domain: Annotated[str, pydantic.StringConstraints(max_length=200)] = ""
    tags: tuple[str, ...] = ()


class RuleName(words.Word):
    """A rule of a rulebook, whatever the book's version."""

    rulebook: str
    rule: str


class Card(ticket.Ticket):
    """A ticket as it stands. `version` is the number of its last event: hand it back with a change.

    `asset_version` is the newest version in which its findings were found. `policy` says which entry
    of which policy opened it.
    """

    asset: str
    kind: assets.Kind
    domain: str = ""
    grouped: Group
    title: i18n.Text
    rules: tuple[RuleName, ...]
    asset_version: words.Sha256
    version: int
    reopened: int
    opened_at: datetime.datetime
    changed_at: datetime.datetime
    overdue: bool
    policy: str


class Event(words.Word):
    """One line of a ticket's history. `note` is what the desk itself says; `reason` what a person said."""

    number: int
    at: datetime.datetime
    who: str
    kind: Kind
    from_state: ticket.State | Literal[""]
    to_state: ticket.State
    reason: str = ""
    note: i18n.Text | None = None
    body: dict[str, Any] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class Bad:
    """Bad rows of one rule and table: int64 positions under `row`, and key columns where rows have keys.

    `complete`: these are all of them.
    """

    data: pa.Table
    complete: bool = True


@dataclasses.dataclass(frozen=True)
class Rerun:
    """What running a ticket's rules again on an asset version said.

    `judged`: for each rule how much of it was decided one way or the other; a rule that is not named
    was not run. `rows`: all bad rows by (table, rule), where findings do not name them all. `told` goes
    into the history: counts, what ran first.
    """

    version: str
    judged: Mapping[str, int]
    number: int | None = None
    findings: tuple[verdicts.Finding, ...] = ()
    not_judged: tuple[verdicts.NotJudged, ...] = ()
    rulebooks: tuple[words.Producer, ...] = ()
    rows: Mapping[tuple[str, str], Bad] = dataclasses.field(default_factory=dict)
    told: Mapping[str, words.Scalar] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """What became of findings: ids of tickets. `left`: findings that no entry of the policy makes a ticket of."""

    opened: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Filter:
    """Which tickets: every part that is given must hold. `floor`: that level or graver."""

    state: ticket.State | None = None
    open: bool | None = None
    level: words.Level | None = None
    floor: words.Level | None = None
    owner: str | None = None
    asset: str | None = None
    domain: str | None = None
    rule: str | None = None
    overdue: bool | None = None

    def parts(self) -> dict[str, object]:
        """What is given, as plain values."""
        given = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: value for name, value in given.items() if value is not None}

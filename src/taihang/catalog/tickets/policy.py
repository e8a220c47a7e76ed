"""Policy: which findings become whose tickets, due when, and who is told; a YAML file."""

from __future__ import annotations

import dataclasses
import datetime
import fnmatch
import importlib.resources
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic
import pydantic_core

from taihang.catalog.tickets import groups, hours, words
from taihang.catalog.tickets import rota as turns
from taihang.core import errors, finding, i18n, ids
from taihang.core import words as core
from taihang.engines.notify import channel
from taihang.rules import form, marks

SUFFIX = ".tickets.yaml"
SHIPPED = "taihang.catalog.tickets"
Pattern = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=500)]
Patterns = Annotated[tuple[Pattern, ...], pydantic.Field(max_length=200)]
News = Literal["opened", "assigned", "returned", "reopened", "resolved", "verified", "closed", "reminded"]


class Match(hours.Part):
    """What an entry is about: every part that is given must hold. `*` and `?` stand for any characters."""

    level: core.Level | None = None
    """This level or graver."""
    rules: Patterns = ()
    """Ids of rules."""
    rulebooks: Patterns = ()
    """Ids of rulebooks."""
    dimensions: Patterns = ()
    """Dimensions of rules."""
    assets: Patterns = ()
    """Names of assets."""
    owners: Patterns = ()
    """Owners of assets."""
    domains: Patterns = ()
    """Domains of assets."""
    tags: Patterns = ()
    """Tags of assets, one of which must fit."""
    verdicts: Annotated[tuple[finding.Verdict, ...], pydantic.Field(min_length=1)] = ("violated",)
    """Verdicts; what is only suspected makes no ticket unless it is named."""

    def holds(self, found: finding.Finding, subject: words.Subject) -> bool:
        """True when a finding about a subject is meant."""
        if found.verdict not in self.verdicts or (self.level is not None and not found.level.reaches(self.level)):
            return False
        pairs = (
            (self.rules, (found.rule.id,)),
            (self.rulebooks, (found.rule.rulebook,)),
            (self.dimensions, (found.rule.dimension,)),
            (self.assets, (subject.asset,)),
            (self.owners, (subject.owner,)),
            (self.domains, (subject.domain,)),
            (self.tags, subject.tags),
        )
        return all(not wanted or _fits(wanted, given) for wanted, given in pairs)


class Owner(hours.Part):
    """Who becomes the owner: the first of these that names somebody."""

    asset: bool = False
    """The asset's owner."""
    domain: bool = False
    """Whoever the policy's `domains` name for the asset's domain."""
    rota: Pattern | None = None
    """Whose turn it is in this rota."""
    fixed: turns.Person | None = None
    """Always this one."""


class Entry(hours.Part):
    """One line of a policy; the first that matches a finding decides."""

    id: core.Slug
    """Named in the history of its tickets."""
    match: Match = Match()
    """Which findings it is about."""
    ticket: bool = True
    """False: these findings make no ticket."""
    group: words.Group = "rule"
    """One ticket for each rule, for the whole asset, or for each place."""
    owner: Owner = Owner()
    """Who gets it; a ticket without an owner stays new."""
    due: Mapping[core.Level, hours.Due] = {}
    """When, by level; the policy's own `due` for levels that are not named."""
    notify: Annotated[tuple[Pattern, ...], pydantic.Field(max_length=50)] = ()
    """Channels that hear of it."""
    on: Annotated[tuple[News, ...], pydantic.Field(max_length=20)] = ("opened", "returned", "reopened", "reminded")
    """What they hear of."""
    quarantine: bool = False
    """Mark the bad rows or spans, until the ticket is verified."""


class Policy(hours.Part):
    """A policy file."""

    taihang: Literal["tickets/1"]
    """The format's version."""
    id: core.Slug
    """Stays the same over versions."""
    version: Annotated[str, pydantic.StringConstraints(min_length=1, max_length=100)]
    """Changes whenever the policy does; write it in quotes."""
    title: i18n.Text
    """The policy's title."""
    calendar: hours.Calendar = hours.Calendar()
    """Working days and hours."""
    due: Mapping[core.Level, hours.Due] = {}
    """How long there is, by level; a level that is not named has no due date."""
    domains: Mapping[Pattern, turns.Person] = {}
    """Domain → who is responsible."""
    rotas: Mapping[Pattern, turns.Rota] = {}
    """Rotas by name."""
    channels: Mapping[Pattern, channel.Channel] = {}
    """Channels by name."""
    keys: Mapping[Pattern, Annotated[tuple[Pattern, ...], pydantic.Field(min_length=1, max_length=16)]] = {}
    """Table → columns that name a row in every version; then a fix is first tried on the ticket's rows alone."""
    entries: Annotated[tuple[Entry, ...], pydantic.Field(min_length=1, max_length=2000)]
    """What to do, in order."""

    @pydantic.model_validator(mode="after")
    def _known(self) -> Self:
        for entry in self.entries:
            for kind, name, known in (
                *(("channel", n, self.channels) for n in entry.notify),
                *((("rota", entry.owner.rota, self.rotas),) if entry.owner.rota else ()),
            ):
                if name not in known:
                    told: Any = f"policy_{kind}"
                    values = {"entry": entry.id, "name": name}
                    raise pydantic_core.PydanticCustomError(told, "{entry}: no {name}", values)
        if len({e.id for e in self.entries}) != len(self.entries):
            raise pydantic_core.PydanticCustomError("policy_twice", "ids of entries that differ")
        return self


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """A group of findings that an entry makes one ticket of."""

    key: str
    entry: Entry
    findings: tuple[finding.Finding, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """A policy and the SHA-256 of its file."""

    policy: Policy
    sha256: str

    def named(self, entry: Entry) -> str:
        """How the history names an entry: policy, version, hash, entry."""
        return f"{self.policy.id} {self.policy.version} {self.sha256[:16]} {entry.id}"

    def drafts(
        self, findings: Sequence[finding.Finding], subject: words.Subject
    ) -> tuple[list[Draft], tuple[str, ...]]:
        """Groups in the order of their first finding, and the ids of findings that make no ticket."""
        made: dict[str, tuple[Entry, list[finding.Finding]]] = {}
        left = []
        for found in findings:
            entry = next((e for e in self.policy.entries if e.match.holds(found, subject)), None)
            if entry is None or not entry.ticket:
                left.append(found.id)
                continue
            made.setdefault(groups.key(entry.group, subject.asset, found), (entry, []))[1].append(found)
        return [Draft(key, entry, tuple(some)) for key, (entry, some) in made.items()], tuple(left)

    def owner(self, entry: Entry, subject: words.Subject, at: datetime.datetime) -> str:
        """Who gets a ticket, or an empty text."""
        return next((name for name in self._owners(entry.owner, subject, at) if name), "")

    def due(self, entry: Entry, level: core.Level, at: datetime.datetime) -> datetime.datetime | None:
        """When a ticket is due, or None."""
        due = entry.due.get(level) or self.policy.due.get(level)
        return due.at(at, self.policy.calendar) if due else None

    def notify(self, entry: Entry) -> list[dict[str, Any]]:
        """The channels of an entry and what each hears of, as plain values; secrets are references in it."""
        return [
            {"name": n, "on": list(entry.on), "channel": self.policy.channels[n].model_dump(mode="json")}
            for n in entry.notify
        ]

    def _owners(self, owner: Owner, subject: words.Subject, at: datetime.datetime) -> Iterator[str]:
        yield subject.owner if owner.asset else ""
        yield self.policy.domains.get(subject.domain, "") if owner.domain else ""
        yield self.policy.rotas[owner.rota].on(at, self.policy.calendar) if owner.rota else ""
        yield owner.fixed or ""


def load(path_or_name: str | os.PathLike[str]) -> Loaded:
    """Read a policy file, or a shipped policy by its name. Raises errors.UserError with file, line and column."""
    given = os.fspath(path_or_name)
    path = Path(given)
    if path.is_file():
        return loads(path.read_bytes(), given)
    if given in shipped():
        return loads(importlib.resources.files(SHIPPED).joinpath(given + SUFFIX).read_bytes(), given + SUFFIX)
    raise errors.UserError("catalog.tickets:policy.missing", path=given, shipped=", ".join(shipped()))


def loads(data: bytes, name: str) -> Loaded:
    """A policy from the bytes of its file. Raises as `load` does."""
    tree = marks.read(data, name)
    try:
        return Loaded(Policy.model_validate(_plain(tree)), ids.digest(data))
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = tuple(p for p in first["loc"] if isinstance(p, (str, int)))
        where = form.Places(tree).text(path)
        key = ".".join(str(p) for p in path) or "-"
        raise errors.UserError("catalog.tickets:policy.value", where=where, key=key, reason=_reason(first)) from None


def _reason(fault: Any) -> i18n.Message | str:
    """Why a value does not fit, in both languages for all that this format asks for."""
    kind = "choice" if fault["type"] in {"enum", "literal_error"} else fault["type"]
    values = {k: v for k, v in fault.get("ctx", {}).items() if k != "error"}
    if f"reason.{kind}" in i18n.catalogue("catalog.tickets"):
        return i18n.Message(key=f"catalog.tickets:reason.{kind}", values=values)
    return str(fault["msg"])


def shipped() -> tuple[str, ...]:
    """Names of the policies that come along."""
    names = (f.name for f in importlib.resources.files(SHIPPED).iterdir())
    return tuple(sorted(n.removesuffix(SUFFIX) for n in names if n.endswith(SUFFIX)))


def _plain(node: marks.Node) -> Any:
    if isinstance(node, marks.Mapping):
        return {key: _plain(value) for key, value in node.items.items()}
    if isinstance(node, marks.Sequence):
        return [_plain(value) for value in node.items]
    return node.text if node.value() is not None else None


def _fits(patterns: Sequence[str], values: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(value, pattern) for value in values for pattern in patterns)

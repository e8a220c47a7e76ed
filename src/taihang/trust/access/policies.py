"""Policies of a tenant's own: kept in versions, validated, tried on given cases, put in force, taken back.

They stand beside the shipped ones. A permit may add what the shipped ones do not give; the shipped forbids
(other tenants, a token's scopes, the platform's register, sensitive data) hold whatever is added.
"""

from __future__ import annotations

import dataclasses
import datetime
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import pydantic
import sqlalchemy as sa
from sqlalchemy import exc

from taihang.core import errors, principal, words
from taihang.engines.store import opening, schema
from taihang.trust.access import actions, guard, trial
from taihang.trust.ledger import entry, outbox

_FRESH_S = 2.0  # so long another process may still answer by the version before
_ASKED_S = 1.5  # from then on one call asks, while the others go on with what is known
_MOST_CASES = 200
# Without these an admin could not undo what a policy did.
_RESCUE = ("policy:read", "policy:create", "policy:update", "policy:run", "role:grant", "user:read", "user:update")

versions = schema.tenanted(
    "access_policies",
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("cases", sa.JSON, nullable=False),
    sa.Column("note", sa.String(500), nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
    sa.Column("created_at", schema.Utc, nullable=False),
)
in_force = schema.tenanted(
    "access_policies_in_force",
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("changed_by", sa.String(100), nullable=False),
    sa.Column("changed_at", schema.Utc, nullable=False),
)


class Case(words.Word):
    """A case that has to come out as said: somebody with `roles` (and a token's `scopes`) does `action`.

    `own`: to a thing of their own.
    """

    roles: tuple[str, ...]
    action: str
    allowed: bool
    own: bool = False
    scopes: tuple[str, ...] | None = None
    id: str = "*"
    sensitivity: Literal["", "public", "internal", "sensitive", "important", "core"] = ""
    tags: tuple[str, ...] = ()

    @pydantic.field_validator("action")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in actions.kinds():
            raise ValueError(f"no such action: {value[:100]}")
        return value

    def question(self, tenant: str) -> trial.Question:
        """The case as it is asked in a tenant."""
        who = principal.Principal(name="case", tenant=tenant, roles=self.roles, scopes=self.scopes)
        owner = "case" if self.own else "somebody"
        noun = self.action.partition(":")[0]
        thing = guard.Resource(noun, self.id, tenant, owner, self.sensitivity, self.tags)
        return trial.Question(who, self.action, thing)


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    """One version of a tenant's own policies; `roles` are the tenant's own, beyond the shipped ones."""

    version: int
    text: str
    roles: tuple[str, ...]
    cases: tuple[Case, ...]
    note: str
    created_by: str
    created_at: datetime.datetime
    in_force: bool = False


class Policies:
    """Own policies of the tenants of a store; also where the guard gets what is in force."""

    def __init__(
        self,
        store: opening.Store,
        *,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._now = now
        self._ticks = ticks
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, guard.Rules]] = {}

    def active(self, tenant: str) -> guard.Rules:
        """What is in force for a tenant; asked of the store every two seconds. Raises opening.Unreachable.

        One call asks a little sooner, and the others go on with what is known: else all that come in that moment
        would wait for one another.
        """
        known = self._known.get(tenant)
        age = self._ticks() - known[0] if known is not None else -1.0
        if known is not None and 0 <= age < _ASKED_S:
            return known[1]
        if not self._lock.acquire(blocking=known is None or not 0 <= age < _FRESH_S):
            assert known is not None
            return known[1]
        try:
            return self._asked(tenant)
        finally:
            self._lock.release()

    def _asked(self, tenant: str) -> guard.Rules:
        known = self._known.get(tenant)
        if known is not None and 0 <= self._ticks() - known[0] < _ASKED_S:
            return known[1]  # whoever had the lock has just asked
        with self._store.read() as conn:
            number = self._number(conn, tenant)
            if known is not None and known[1].version == number:
                rules = known[1]
            elif number == 0:
                rules = guard.shipped()
            else:
                row = self._row(conn, tenant, number)
                rules = guard.Rules(trial.parse(row.text), number, tuple(row.roles))
        if len(self._known) >= 10_000:  # names of tenants that are none must not fill the memory
            self._known.clear()
        self._known[tenant] = (self._ticks(), rules)
        return rules

    def own_roles(self, tenant: str) -> tuple[str, ...]:
        """The roles that a tenant's policies in force add."""
        return self.active(tenant).roles

    def draft(
        self,
        by: principal.Principal,
        text: str,
        *,
        roles: Sequence[str] = (),
        cases: Sequence[Case] = (),
        note: str = "",
    ) -> Version:
        """Keep a new version, which is not in force yet.

        `roles`: those of the tenant's own that the text speaks of. Raises errors.UserError naming the first thing
        that is wrong with it, errors.Conflict when somebody else was quicker.
        """
        own = tuple(dict.fromkeys(roles))
        _checked(text, own, cases, trial.hold(text))
        scope = self._store.scope(by.tenant)
        try:
            with self._store.begin() as conn:
                newest = conn.execute(scope.select(versions, sa.func.max(versions.c.version))).scalar_one() or 0
                row: dict[str, Any] = {
                    "version": newest + 1,
                    "text": text,
                    "roles": list(own),
                    "cases": [case.model_dump() for case in cases],
                    "note": note[:500],
                    "created_by": by.name,
                    "created_at": self._now(),
                }
                conn.execute(scope.insert(versions, row))
                _record(conn, by, "drafted", newest + 1)
        except exc.IntegrityError:
            raise errors.Conflict("trust:access.policy_raced") from None
        return _version(row, 0)

    def activate(self, by: principal.Principal, version: int) -> None:
        """Put a version in force; 0 is the shipped policies alone.

        Raises errors.UserError when a case comes out otherwise than said, errors.Conflict when `by`, or any admin,
        could not undo it any more, errors.NotFound.
        """
        if version != 0:
            self._tried(by, self.get(by, version))
        scope = self._store.scope(by.tenant)
        with self._store.begin() as conn:
            row = {"version": version, "changed_by": by.name, "changed_at": self._now()}
            if not scope.insert_new(conn, in_force, [row]):
                conn.execute(scope.update(in_force).values(row))
            _record(conn, by, "in-force", version)
        self._known.pop(by.tenant, None)

    def simulate(self, by: principal.Principal, text: str, cases: Sequence[Case]) -> tuple[guard.Decision, ...]:
        """How the cases come out under a text, whatever they say. Raises errors.UserError."""
        found = trial.hold(text, [case.question(by.tenant) for case in cases[:_MOST_CASES]])
        if found.problems:
            raise errors.UserError("trust:access.policy_invalid", reason=found.problems[0])
        return found.answers

    def get(self, by: principal.Principal, version: int) -> Version:
        """One version of `by`'s tenant. Raises errors.NotFound."""
        with self._store.read() as conn:
            return _version(self._row(conn, by.tenant, version)._asdict(), self._number(conn, by.tenant))

    def list(self, by: principal.Principal) -> Sequence[Version]:
        """All versions of `by`'s tenant, newest first."""
        wanted = self._store.scope(by.tenant).select(versions).order_by(versions.c.version.desc())
        with self._store.read() as conn:
            number = self._number(conn, by.tenant)
            return [_version(row._asdict(), number) for row in conn.execute(wanted)]

    def _tried(self, by: principal.Principal, made: Version) -> None:
        if not made.cases:
            raise errors.UserError("trust:access.policy_no_cases")
        admins = [by, principal.Principal(name="rescue", tenant=by.tenant, roles=("admin",))]
        rescue = [
            trial.Question(who.model_copy(update={"scopes": None}), action, guard.Resource(noun, thing, by.tenant))
            for who in admins
            if "admin" in who.roles
            for action in _RESCUE
            for noun in [action.partition(":")[0]]
            for thing in ("*", str(made.version), str(made.version + 1))
        ]
        asked = [case.question(by.tenant) for case in made.cases]
        found = trial.hold(made.text, [*asked, *rescue])
        _checked(made.text, made.roles, made.cases, found)
        for case, answer in zip(made.cases, found.answers, strict=False):
            if answer.failed or answer.allowed != case.allowed:
                said = f"{', '.join(case.roles) or '-'} {case.action} {'own ' if case.own else ''}{case.id}"
                key = "trust:access.policy_case_denied" if case.allowed else "trust:access.policy_case_allowed"
                raise errors.UserError(key, case=said)
        for question, answer in zip(rescue, found.answers[len(asked) :], strict=True):
            if not answer:
                raise errors.Conflict("trust:access.policy_lockout", action=question.action)

    def _number(self, conn: sa.Connection, tenant: str) -> int:
        wanted = self._store.scope(tenant).select(in_force, in_force.c.version)
        return conn.execute(wanted).scalar_one_or_none() or 0

    def _row(self, conn: sa.Connection, tenant: str, version: int) -> Any:
        wanted = self._store.scope(tenant).select(versions).where(versions.c.version == version)
        row = conn.execute(wanted).one_or_none() if 0 < version < 2**31 else None
        if row is None:
            raise errors.NotFound("trust:access.policy_unknown", version=version)
        return row


def checked(text: str, roles: Sequence[str], cases: Sequence[Case]) -> tuple[bool, ...]:
    """How the cases come out under a text that is not kept. Raises errors.UserError for one that does not fit."""
    found = trial.hold(text, [case.question("tenant") for case in cases[:_MOST_CASES]])
    _checked(text, tuple(roles), cases, found)
    return tuple(answer.allowed for answer in found.answers)


def _checked(text: str, roles: Sequence[str], cases: Sequence[Case], found: trial.Outcome) -> None:
    if found.problems:
        raise errors.UserError("trust:access.policy_invalid", reason=found.problems[0])
    slug = pydantic.TypeAdapter(words.Slug)
    for role in roles:
        try:
            slug.validate_python(role)
        except pydantic.ValidationError:
            raise errors.UserError("trust:access.policy_role_form", role=role) from None
        if role in guard.roles():
            raise errors.UserError("trust:access.policy_role_taken", role=role)
    for role in found.roles:
        if role not in (*guard.roles(), *roles):
            raise errors.UserError("trust:access.policy_role", role=role)
    if len(cases) > _MOST_CASES:
        raise errors.UserError("trust:access.policy_cases", most=_MOST_CASES)


def _record(conn: sa.Connection, by: principal.Principal, state: str, version: int) -> None:
    facts: dict[str, entry.Fact] = {"state": state, "version": version, "by": by.name}
    outbox.put(conn, by.tenant, entry.Entry.now("policy", by.tenant, tenant=by.tenant, facts=facts))


def _version(row: dict[str, Any], number: int) -> Version:
    return Version(
        row["version"],
        row["text"],
        tuple(row["roles"]),
        tuple(Case.model_validate(case) for case in row["cases"]),
        row["note"],
        row["created_by"],
        row["created_at"],
        in_force=row["version"] == number,
    )

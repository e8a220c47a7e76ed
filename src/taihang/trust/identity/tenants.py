"""Tenants: organisations or departments whose data never meet. Created, renamed, disabled; never silently removed."""

from __future__ import annotations

import dataclasses
import datetime

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite

from taihang.core import errors, principal
from taihang.engines.store import opening
from taihang.trust.identity import moment, names, record, standing, tables

# The tenant that runs the platform: it is there from the first start and keeps the register of tenants.
PLATFORM = "default"


@dataclasses.dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant; `id` is part of every key and of every path in the blob store, so it never changes."""

    id: str
    name: str
    created_at: datetime.datetime
    disabled_at: datetime.datetime | None = None


class Tenants:
    """The register of tenants of a store."""

    def __init__(self, store: opening.Store, *, now: moment.Clock = moment.now) -> None:
        self._store = store
        self._now = now

    def create(self, by: principal.Principal, tenant_id: str, name: str = "") -> Tenant:
        """A new tenant. Raises errors.UserError for an id that is none, errors.Conflict for one that is taken."""
        made = Tenant(names.tenant(tenant_id), names.display(name) or tenant_id, self._now())
        try:
            with self._store.begin() as conn:
                conn.execute(sa.insert(tables.tenants).values(id=made.id, name=made.name, created_at=made.created_at))
                record.put(conn, by.tenant, "tenant", made.id, state="created", by=by.name)
        except exc.IntegrityError:
            raise errors.Conflict("trust:identity.tenant_taken", tenant=tenant_id) from None
        return made

    def rename(self, by: principal.Principal, tenant_id: str, name: str) -> Tenant:
        """Another name to show. Raises errors.NotFound."""
        shown = names.display(name)
        if not shown:
            raise errors.UserError("trust:identity.name_form")
        return self._change(by, tenant_id, "renamed", name=shown)

    def disable(self, by: principal.Principal, tenant_id: str) -> Tenant:
        """Nobody signs in to it and no token of it works; its data stay. Raises errors.NotFound, errors.Conflict."""
        if tenant_id == PLATFORM:
            raise errors.Conflict("trust:identity.tenant_platform", tenant=tenant_id)
        return self._change(by, tenant_id, "disabled", disabled_at=self._now())

    def enable(self, by: principal.Principal, tenant_id: str) -> Tenant:
        """A disabled tenant is in use again. Raises errors.NotFound."""
        return self._change(by, tenant_id, "enabled", disabled_at=None)

    def get(self, tenant_id: str) -> Tenant:
        """One tenant. Raises errors.NotFound."""
        with self._store.read() as conn:
            return _found(conn, tenant_id)

    def list(self) -> list[Tenant]:
        """All tenants by id; for who runs the platform."""
        with self._store.read() as conn:
            rows = conn.execute(sa.select(tables.tenants).order_by(tables.tenants.c.id)).all()
        return [Tenant(*row) for row in rows]

    def of(self, account_id: str) -> tuple[tuple[str, str], ...]:
        """(id, name) of the tenants in use that an account belongs to."""
        with self._store.read() as conn:
            return tuple(standing.tenants(conn, account_id))

    def _change(self, by: principal.Principal, tenant_id: str, state: str, **values: object) -> Tenant:
        with self._store.begin() as conn:
            conn.execute(sa.update(tables.tenants).where(tables.tenants.c.id == tenant_id).values(**values))
            found = _found(conn, tenant_id)
            record.put(conn, by.tenant, "tenant", tenant_id, state=state, by=by.name)
        return found


def platform(conn: sa.Connection, now: datetime.datetime) -> None:
    """The platform's own tenant is there."""
    make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    row = {"id": PLATFORM, "name": PLATFORM, "created_at": now}
    conn.execute(make(tables.tenants).values(row).on_conflict_do_nothing())


def _found(conn: sa.Connection, tenant_id: str) -> Tenant:
    row = conn.execute(sa.select(tables.tenants).where(tables.tenants.c.id == tenant_id)).one_or_none()
    if row is None:
        raise errors.NotFound("trust:identity.tenant_unknown", tenant=tenant_id)
    return Tenant(*row)

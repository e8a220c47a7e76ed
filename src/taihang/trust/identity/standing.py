"""Standing: what an account is in a tenant now. Sessions and tokens ask on every use: a change is felt at once."""

from __future__ import annotations

import sqlalchemy as sa

from taihang.core import principal
from taihang.trust.identity import tables


def roles(conn: sa.Connection, account_id: str, tenant: str) -> tuple[str, ...] | None:
    """The account's roles there; None when account or tenant is not in use, or it does not belong there."""
    a, m, t = tables.accounts, tables.memberships, tables.tenants
    wanted = (
        sa.select(m.c.roles)
        .join(a, a.c.id == m.c.account_id)
        .join(t, t.c.id == m.c.tenant)
        .where(m.c.account_id == account_id, m.c.tenant == tenant)
        .where(a.c.state == "active", t.c.disabled_at.is_(None))
    )
    found = conn.execute(wanted).scalar_one_or_none()
    return None if found is None else tuple(found)


def tenants(conn: sa.Connection, account_id: str) -> list[tuple[str, str]]:
    """(id, name) of the tenants in use that the account belongs to, by id."""
    m, t = tables.memberships, tables.tenants
    wanted = (
        sa.select(t.c.id, t.c.name)
        .join(m, m.c.tenant == t.c.id)
        .where(m.c.account_id == account_id, t.c.disabled_at.is_(None))
        .order_by(t.c.id)
    )
    return [(row.id, row.name) for row in conn.execute(wanted)]


def stands(
    conn: sa.Connection, account_id: str, tenant: str, scopes: tuple[str, ...] | None = None
) -> principal.Principal | None:
    """The account as a principal of the tenant, or None."""
    found = roles(conn, account_id, tenant)
    if found is None:
        return None
    return principal.Principal(name=account_id, tenant=tenant, roles=found, scopes=scopes)

"""The first start: no account and no default password, but one link that makes its holder the first admin."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import exc

from taihang.engines.store import opening
from taihang.trust.identity import links, moment, refusal, settings, tables, tenants

_MARK = "first-admin"
# The first person has to be able to do the walk at once; what they keep of it is theirs to decide.
ROLES = ("admin", "steward", "engineer")


def admin_link(
    store: opening.Store, *, now: moment.Clock = moment.now, limits: settings.Identity | None = None
) -> links.Link | None:
    """A fresh link while there is no first admin yet, else None. Links of earlier starts hold until they expire.

    Whichever is used first makes the first admin; all others end in that moment.
    """
    limits = limits or settings.Identity.current()
    with store.begin() as conn:
        tenants.platform(conn, now())
        if conn.execute(sa.select(tables.marks.c.name).where(tables.marks.c.name == _MARK)).first():
            return None
        return links.make(
            conn,
            "first",
            tenant=tenants.PLATFORM,
            by="platform",
            now=now(),
            life=limits.first_link_life,
            roles=ROLES,
        )


def claim(conn: sa.Connection, now: moment.Clock) -> None:
    """Become the first admin, in the caller's transaction: the key of one row decides. Raises refusal.NotSignedIn.

    To be called before the link is touched, so that of two at once the second waits holding nothing.
    """
    try:
        with conn.begin_nested():
            conn.execute(sa.insert(tables.marks).values(name=_MARK, at=now()))
    except exc.IntegrityError:
        raise refusal.NotSignedIn("trust:identity.link") from None

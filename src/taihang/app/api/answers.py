"""Answers: a call that is repeated with the same Idempotency-Key is answered once made, not made again.

The first call reserves its key; one that comes meanwhile waits a little, then hears that it is still
being answered. Only success is kept: what failed may be tried again under its key. A reservation whose
process died is free again after a lease.
"""

from __future__ import annotations

import asyncio
import datetime
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from taihang.app.api import faults, schema
from taihang.core import errors, principal
from taihang.engines.store import opening

_T = schema.answers
_LEASE = datetime.timedelta(seconds=120)
_KEPT = datetime.timedelta(days=2)
_WAIT_S = 10.0
_LARGEST = 1 << 20
# Headers that are part of what is asked.
_ASKED = ("content-type", "if-match", "tus-resumable", "upload-length", "upload-metadata", "upload-checksum")
_HEADERS = ("content-type", "location", "etag", "content-language")


class Answers:
    """Kept answers of all tenants."""

    def __init__(self, store: opening.Store) -> None:
        self._store = store

    async def once(
        self, key: str, who: principal.Principal, request: Request, make: Callable[[], Awaitable[Response]]
    ) -> Response:
        """The answer of the first call with this key, made now if this is the first.

        Raises errors.UserError for a key that was used for another call, faults.Limited (409) for a
        call whose twin is still under way.
        """
        digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
        for name in _ASKED:
            digest.update(f"{name}: {request.headers.get(name)}\n".encode())
        digest.update(await request.body())
        sha256 = digest.hexdigest()
        waited = 0.0
        while True:
            row = await asyncio.to_thread(self._reserve, key, who, sha256)
            if row is None:
                break
            if row["request_sha256"] != sha256:
                raise errors.UserError("app.api:key_reused", key=key)
            if row["status"] is not None:
                return Response(row["body"], row["status"], {**row["headers"], "idempotency-replayed": "true"})
            if waited >= _WAIT_S:
                raise faults.Limited(409, "app.api:key_busy", key=key, after_s=1)
            await asyncio.sleep(0.1)
            waited += 0.1
        kept = False
        try:
            made = await make()
            kept = made.status_code < 300 and len(made.body) <= _LARGEST
            if kept:
                await asyncio.to_thread(self._keep, key, who, made)
            return made
        finally:
            if not kept:
                await asyncio.shield(asyncio.to_thread(self._release, key, who))

    def sweep(self, tenant: str) -> None:
        """Forget a tenant's old answers."""
        scope = self._store.scope(tenant)
        with self._store.begin() as conn:
            conn.execute(scope.delete(_T).where(_T.c.begun < _now() - _KEPT))

    def _reserve(self, key: str, who: principal.Principal, sha256: str) -> sa.RowMapping | None:
        """None when the key is this call's now, else what is known of it."""
        scope = self._store.scope(who.tenant)
        row = {"caller": who.name, "key": key, "request_sha256": sha256, "begun": _now()}
        with self._store.begin() as conn:
            dead = scope.delete(_T).where(*self._at(key, who), _T.c.begun < _now() - _LEASE, _T.c.status.is_(None))
            conn.execute(dead)
            if scope.insert_new(conn, _T, [row]):
                return None
            return conn.execute(scope.select(_T).where(*self._at(key, who))).mappings().one()

    def _keep(self, key: str, who: principal.Principal, made: Response) -> None:
        values: dict[str, Any] = {
            "status": made.status_code,
            "headers": {name: made.headers[name] for name in _HEADERS if name in made.headers},
            "body": bytes(made.body),
        }
        scope = self._store.scope(who.tenant)
        self._store.run(lambda conn: conn.execute(scope.update(_T).where(*self._at(key, who)).values(**values)))

    def _release(self, key: str, who: principal.Principal) -> None:
        scope = self._store.scope(who.tenant)
        self._store.run(lambda conn: conn.execute(scope.delete(_T).where(*self._at(key, who), _T.c.status.is_(None))))

    @staticmethod
    def _at(key: str, who: principal.Principal) -> tuple[sa.ColumnElement[bool], ...]:
        return _T.c.caller == who.name, _T.c.key == key


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)

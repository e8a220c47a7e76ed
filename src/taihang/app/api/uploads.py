"""Uploads: large files in pieces, each piece on the disk before it is acknowledged.

What is under way lies in one file an upload below a folder of its own; `received` in the store says how
many of its bytes are durable, so after a crash the rest of the file is cut off and sent again. A file
is only ever copied, never unpacked.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import errno
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import sqlalchemy as sa

from taihang.app.api import faults, schema
from taihang.app.api import settings as limits
from taihang.core import errors, ids, principal
from taihang.engines.store import opening

T = TypeVar("T")
ALGORITHMS = ("sha1", "sha256", "md5")
_BATCH = 1 << 20
_SYNC_EVERY = 64 << 20
_T = schema.uploads


class Upload(pydantic.BaseModel):
    """An upload: `received` of `length` bytes are durable; `version` is the asset version it became."""

    id: str
    owner: str
    length: int
    received: int
    metadata: dict[str, str]
    begun: datetime.datetime
    expires: datetime.datetime
    state: str
    sha256: str | None = None
    version: str | None = None


# Takes the whole file and says which content and asset version it became.
Finish = Callable[[principal.Principal, Upload, Path], tuple[str, str]]


class Uploads:
    """Every tenant's uploads. `kept(tenant)` says how many bytes a tenant keeps already."""

    def __init__(
        self,
        store: opening.Store,
        folder: Path,
        most: limits.Api,
        finish: Finish,
        kept: Callable[[str], int] = lambda _tenant: 0,
    ) -> None:
        self._store = store
        self._folder = folder
        self._most = most
        self._finish = finish
        self._kept = kept

    def create(self, who: principal.Principal, length: int, metadata: Mapping[str, str]) -> Upload:
        """A new, empty upload. Raises faults.Limited when it is too large for the limits."""
        if length > self._most.upload_bytes:
            raise faults.Limited(413, "app.api:upload_size", most=self._most.upload_bytes)
        now = _now()
        made = Upload(
            id=ids.fresh_id("upload"),
            owner=who.name,
            length=length,
            received=0,
            metadata=dict(metadata),
            begun=now,
            expires=now + datetime.timedelta(seconds=self._most.upload_expires_s),
            state="open",
        )
        kept = self._kept(who.tenant)
        scope = self._store.scope(who.tenant)
        with self._store.begin() as conn:
            under_way = scope.select(_T, sa.func.count(), sa.func.coalesce(sa.func.sum(_T.c.length), 0))
            count, total = conn.execute(under_way.where(_T.c.state != "done")).one()
            if count >= self._most.uploads_open:
                raise faults.Limited(429, "app.api:uploads_open", most=self._most.uploads_open, after_s=60)
            if int(total) + length + kept > self._most.tenant_bytes:
                raise faults.Limited(413, "app.api:quota", most=self._most.tenant_bytes)
            conn.execute(scope.insert(_T, made.model_dump()))
        with _disk():
            path = self._path(who.tenant, made.id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        return made

    def get(self, upload_id: str, who: principal.Principal) -> Upload:
        """One upload. Raises errors.NotFound, also for one that has expired."""
        with self._store.read() as conn:
            row = conn.execute(self._store.scope(who.tenant).select(_T).where(_T.c.id == upload_id)).mappings().first()
        if row is None or (row["state"] != "done" and row["expires"] < _now()):
            raise errors.NotFound("app.api:no_upload", id=upload_id)
        return Upload.model_validate({name: row[name] for name in Upload.model_fields})

    def list(self, who: principal.Principal, after: str | None, limit: int) -> list[Upload]:
        """Uploads by id, those after `after`."""
        query = self._store.scope(who.tenant).select(_T).order_by(_T.c.id).limit(limit)
        if after is not None:
            query = query.where(_T.c.id > after)
        with self._store.read() as conn:
            rows = conn.execute(query).mappings().all()
        return [Upload.model_validate({name: row[name] for name in Upload.model_fields}) for row in rows]

    def terminate(self, upload_id: str, who: principal.Principal) -> None:
        """Forget an upload and its bytes; a finished one's asset stays. Raises errors.NotFound, faults.Limited."""
        self.get(upload_id, who)
        with self._held(who.tenant, upload_id, gone_is_fine=True):
            scope = self._store.scope(who.tenant)
            with self._store.begin() as conn:
                conn.execute(scope.delete(_T).where(_T.c.id == upload_id))
            self._path(who.tenant, upload_id).unlink(missing_ok=True)

    async def receive(
        self,
        upload_id: str,
        who: principal.Principal,
        offset: int,
        pieces: AsyncIterator[bytes],
        checksum: tuple[str, bytes] | None = None,
    ) -> Upload:
        """Write pieces from `offset` on; what arrived before a client went away is kept.

        With a checksum all or nothing is kept. Raises errors.Conflict when `offset` is not where the
        upload stands, faults.Limited when somebody else is writing (423), when more comes than was
        announced (413), when the checksum does not fit (460), when the disk is full (507).
        """
        found = await asyncio.to_thread(self.get, upload_id, who)
        if found.state == "done":
            if offset == found.length:
                return found
            raise errors.Conflict("app.api:offset", offset=found.received)
        with self._held(who.tenant, upload_id) as file:
            # Somebody may have written between the look and the lock.
            found = await asyncio.to_thread(self.get, upload_id, who)
            if offset != found.received:
                raise errors.Conflict("app.api:offset", offset=found.received)
            writer = _Writer(self, file, found, who.tenant)
            try:
                await writer.take(pieces, checksum)
            finally:
                # A client that went away cancels this task; its bytes are kept all the same.
                await _whole(writer.settle)
            if writer.received < found.length:
                return found.model_copy(update={"received": writer.received})
            return await _whole(self.finish, upload_id, who)

    def finish(self, upload_id: str, who: principal.Principal) -> Upload:
        """Make a whole upload an asset version. May run again after a crash: equal content is one version."""
        found = self.get(upload_id, who)
        if found.state == "done":
            return found
        path = self._path(who.tenant, upload_id)
        sha256, version = self._finish(who, found, path)
        values = {"state": "done", "sha256": sha256, "version": version}
        self._update(who.tenant, upload_id, values)
        path.unlink(missing_ok=True)
        return found.model_copy(update=values)

    def sweep(self, tenants: Callable[[], Iterator[str]]) -> int:
        """Forget what has expired; says how many."""
        gone = 0
        for tenant in tenants():
            scope = self._store.scope(tenant)
            old = scope.select(_T, _T.c.id).where(_T.c.expires < _now(), _T.c.state != "done")
            with self._store.read() as conn:
                found = [row[0] for row in conn.execute(old)]
            for upload_id in found:
                with contextlib.suppress(faults.Limited), self._held(tenant, upload_id, gone_is_fine=True):
                    with self._store.begin() as conn:
                        conn.execute(scope.delete(_T).where(_T.c.id == upload_id))
                    self._path(tenant, upload_id).unlink(missing_ok=True)
                    gone += 1
        return gone

    def _path(self, tenant: str, upload_id: str) -> Path:
        # A tenant's name may hold anything; its digest is a folder's name.
        return self._folder / ids.digest(tenant.encode())[:32] / f"{upload_id}.part"

    @contextlib.contextmanager
    def _held(self, tenant: str, upload_id: str, *, gone_is_fine: bool = False) -> Iterator[int]:
        """The file, which nobody else writes meanwhile."""
        try:
            file = os.open(self._path(tenant, upload_id), os.O_RDWR)
        except FileNotFoundError:
            if gone_is_fine:
                yield -1
                return
            raise errors.NotFound("app.api:no_upload", id=upload_id) from None
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise faults.Limited(423, "app.api:upload_held", id=upload_id) from None
            yield file
        finally:
            os.close(file)

    def _update(self, tenant: str, upload_id: str, values: Mapping[str, Any]) -> None:
        scope = self._store.scope(tenant)
        self._store.run(lambda conn: conn.execute(scope.update(_T).where(_T.c.id == upload_id).values(**values)))


class _Writer:
    """Appends to one upload's file; `received` moves only with what is synced."""

    def __init__(self, owner: Uploads, file: int, upload: Upload, tenant: str) -> None:
        self._owner = owner
        self._file = file
        self._upload = upload
        self._tenant = tenant
        self._end = upload.received
        self.received = upload.received
        os.ftruncate(file, self.received)

    async def take(self, pieces: AsyncIterator[bytes], checksum: tuple[str, bytes] | None) -> None:
        """Write all pieces; with a checksum none of them counts unless it fits."""
        state = hashlib.new(checksum[0], usedforsecurity=False) if checksum else None
        good = state is None
        try:
            await self._pour(pieces, state)
            if checksum is not None and state is not None:
                good = state.digest() == checksum[1]
                if not good:
                    raise faults.Limited(460, "app.api:checksum")
        finally:
            if not good:
                self._end = self.received

    async def _pour(self, pieces: AsyncIterator[bytes], state: Any) -> None:
        batch = bytearray()
        try:
            async for piece in pieces:
                if self._end + len(batch) + len(piece) > self._upload.length:
                    # Whoever sends more than was announced has lost count: nothing since the last sync is kept.
                    batch.clear()
                    self._end = self.received
                    raise faults.Limited(413, "app.api:upload_beyond", length=self._upload.length)
                batch += piece
                if len(batch) >= _BATCH:
                    data = bytes(batch)
                    batch.clear()
                    await _whole(self._write, data, state)
                    if state is None and self._end - self.received >= _SYNC_EVERY:
                        await _whole(self.settle)
        finally:
            if batch:
                await _whole(self._write, bytes(batch), state)

    def settle(self) -> None:
        """Make durable what was written, then say so in the store."""
        with _disk():
            os.ftruncate(self._file, self._end)
            if self._end == self.received:
                return
            os.fsync(self._file)
        self._owner._update(self._tenant, self._upload.id, {"received": self._end})
        self.received = self._end

    def _write(self, data: bytes, state: Any) -> None:
        if state is not None:
            state.update(data)
        with _disk():
            view = memoryview(data)
            while view:
                count = os.pwrite(self._file, view, self._end)
                view = view[count:]
                self._end += count


async def _whole(work: Callable[..., T], *given: Any) -> T:
    """The work in a thread; a cancelled caller still waits for its end, so that no write is left behind."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *given))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise faults.Limited(507, "app.api:disk_full") from error
        raise


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)

"""Blobs: content-addressed bytes over a bucket. The tenant is in every key; what is read whole is checked."""

from __future__ import annotations

import datetime
import hashlib
import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from taihang.core import errors
from taihang.engines.blobs import blob, bucket, disk, reader

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}/){0,15}[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LARGEST_NAMED = 64 << 20


class Blobs:
    """Every tenant's blobs, and the installation's named objects (the ledger's published files).

    A key is `tenants/<tenant>/<two digits>/<sha256>`, so equal bytes of two tenants are two objects: nobody
    learns from a put that another tenant has the same file. Everything raises errors.UserError for a tenant,
    hash or name that is no good, and what bucket.Bucket raises.
    """

    def __init__(self, where: bucket.Bucket) -> None:
        self._bucket = where

    @property
    def name(self) -> str:
        """What messages call the store."""
        return self._bucket.name

    def put(self, tenant: str, source: bytes | BinaryIO | Path, *, sha256: str | None = None) -> blob.Blob:
        """Keep the bytes, or those of a stream (from where it stands) or a file; memory stays bounded.

        What is there already is not sent again. `sha256` is what the caller expects the bytes to be. Raises
        errors.UserError when they are not, or when a file changes while it is read.
        """
        _checked_tenant(tenant)
        if isinstance(source, bytes):
            return self._kept(tenant, io.BytesIO(source), sha256)
        if isinstance(source, Path):
            with disk.spoken(source), source.open("rb") as file:
                return self._kept(tenant, file, sha256)
        if source.seekable():
            return self._kept(tenant, source, sha256)
        with tempfile.TemporaryFile() as file, disk.spoken(Path(tempfile.gettempdir())):
            while piece := source.read(bucket.PIECE):
                file.write(piece)
            file.seek(0)
            return self._kept(tenant, file, sha256)

    def open(self, tenant: str, sha256: str) -> BinaryIO:
        """The bytes as a seekable stream. Read to its end it is checked; raises blob.Damaged there.

        Raises errors.NotFound.
        """
        key, size = self._place(tenant, sha256)
        raw = reader.Reader(lambda start, end: self._part(key, start, end), size, sha256, self.name)
        return io.BufferedReader(raw, reader.BUFFER)

    def read(self, tenant: str, sha256: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes [start, end), as far as they go; all of them are checked against the hash, a part cannot be.

        Raises errors.NotFound, blob.Damaged.
        """
        key, size = self._place(tenant, sha256)
        if start < 0 or (end is not None and end < start):
            raise errors.UserError("engines:blobs.range", start=start, end=end)
        stop = size if end is None else min(end, size)
        data = self._part(key, start, stop)
        whole = start == 0 and stop == size
        if len(data) != max(0, stop - start) or (whole and hashlib.sha256(data).hexdigest() != sha256):
            raise blob.Damaged("engines:blobs.damaged", store=self.name, sha256=sha256)
        return data

    @contextmanager
    def local(self, tenant: str, sha256: str, suffix: str = "") -> Iterator[Path]:
        """The bytes as a file, checked, for libraries that want a path; it may be gone afterwards.

        Raises errors.NotFound, blob.Damaged, errors.Failure for a full disk.
        """
        kept = self._bucket.path(_key(tenant, sha256))
        with self.open(tenant, sha256) as source:
            if kept is not None and not suffix:
                while source.read(bucket.PIECE):
                    pass
                yield kept
                return
            with tempfile.TemporaryDirectory(prefix="taihang-blob-") as folder:
                path = Path(folder) / f"{sha256[:16]}{suffix}"
                with disk.spoken(path), path.open("wb") as out:
                    while piece := source.read(bucket.PIECE):
                        out.write(piece)
                yield path

    def size(self, tenant: str, sha256: str) -> int | None:
        """How many bytes there are, or None when this tenant has no such blob."""
        return self._bucket.size(_key(tenant, sha256))

    def exists(self, tenant: str, sha256: str) -> bool:
        """True when this tenant has the blob."""
        return self.size(tenant, sha256) is not None

    def delete(self, tenant: str, sha256: str) -> blob.Gone:
        """Take a blob away, and look again that it is gone. Raises errors.Failure when it is still there."""
        key = _key(tenant, sha256)
        existed = self._bucket.size(key) is not None
        erased = self._bucket.delete(key)
        if self._bucket.size(key) is not None:
            raise errors.Failure("engines:blobs.still_there", store=self.name, sha256=sha256)
        return blob.Gone(sha256, existed, erased, datetime.datetime.now(datetime.UTC))

    def list(self, tenant: str) -> Iterator[blob.Blob]:
        """Every blob of the tenant."""
        for key, size in self._bucket.list(f"tenants/{_checked_tenant(tenant)}/"):
            sha256 = key.rpartition("/")[2]
            if _SHA256.fullmatch(sha256):
                yield blob.Blob(sha256, size)

    def write_name(self, name: str, data: bytes, *, if_absent: bool = False) -> bool:
        """Keep a small object of the installation under a name; False when `if_absent` and it is taken."""
        if len(data) > LARGEST_NAMED:
            raise errors.UserError("engines:blobs.too_large", size=len(data), most=LARGEST_NAMED)
        return self._bucket.write(_name(name), data, if_absent=if_absent)

    def read_name(self, name: str) -> bytes | None:
        """The named object, or None when there is none."""
        key = _name(name)
        data = self._bucket.read(key, 0, LARGEST_NAMED + 1)
        if data is not None and len(data) > LARGEST_NAMED:
            raise errors.UserError("engines:blobs.too_large", size=f"> {LARGEST_NAMED}", most=LARGEST_NAMED)
        return data

    def delete_name(self, name: str) -> None:
        """Take a named object away."""
        self._bucket.delete(_name(name))

    def names(self, prefix: str) -> Iterator[str]:
        """Names below `prefix`, which is a name."""
        for key, _ in self._bucket.list(_name(prefix) + "/"):
            yield key.removeprefix("names/")

    def _kept(self, tenant: str, source: BinaryIO, expected: str | None) -> blob.Blob:
        start = source.tell()
        state, size = hashlib.sha256(), 0
        while piece := source.read(bucket.PIECE):
            state.update(piece)
            size += len(piece)
        sha256 = state.hexdigest()
        if expected is not None and expected != sha256:
            raise errors.UserError("engines:blobs.wrong_hash", sha256=sha256, expected=expected)
        key = _key(tenant, sha256)
        if self._bucket.size(key) != size:
            source.seek(start)
            self._bucket.put(key, _same(source, sha256))
        return blob.Blob(sha256, size)

    def _place(self, tenant: str, sha256: str) -> tuple[str, int]:
        key = _key(tenant, sha256)
        size = self._bucket.size(key)
        if size is None:
            raise errors.NotFound("engines:blobs.none", sha256=sha256)
        return key, size

    def _part(self, key: str, start: int, end: int) -> bytes:
        data = self._bucket.read(key, start, end) if end > start else b""
        if data is None:
            raise errors.NotFound("engines:blobs.none", sha256=key.rpartition("/")[2])
        return data


def _same(source: BinaryIO, sha256: str) -> Iterator[bytes]:
    """The stream's pieces; an error at the end, before the object appears, when they are not those first hashed."""
    state = hashlib.sha256()
    while piece := source.read(bucket.PIECE):
        state.update(piece)
        yield piece
    if state.hexdigest() != sha256:
        raise errors.UserError("engines:blobs.changed")


def _checked_tenant(tenant: str) -> str:
    if not _TENANT.fullmatch(tenant):
        raise errors.UserError("engines:blobs.tenant", tenant=tenant[:100])
    return tenant


def _key(tenant: str, sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise errors.UserError("engines:blobs.hash", sha256=sha256[:100])
    return f"tenants/{_checked_tenant(tenant)}/{sha256[:2]}/{sha256}"


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise errors.UserError("engines:blobs.name", name=name[:200])
    return f"names/{name}"

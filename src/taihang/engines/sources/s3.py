"""S3: a file or a prefix of a bucket; Parquet is read in the ranges it needs, other files are fetched whole."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import obstore
import obstore.exceptions
import obstore.store
import pyarrow as pa

from taihang.core import errors, ids
from taihang.engines.sources import addresses, folder, lakes, limits, parquet, source

_OPTIONS = ("endpoint", "region", "anonymous")


class Bucket:
    """A bucket by `s3://bucket/key?endpoint=https://…&region=…&anonymous=1`.

    Keys come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN) or from
    the machine's role, never from the address.
    """

    def __init__(self, given: str) -> None:
        self._address = addresses.parse(given, _OPTIONS)
        self.host = self._address.host
        self.key = self._address.path.lstrip("/")
        self.shown = f"s3://{self._address.host}/{self.key}"
        if self._address.user or self._address.password:
            raise errors.UserError("engines.sources:address", path=self.shown)
        options = self._address.options
        self.endpoint = options.get("endpoint")
        self.region = options.get("region", "us-east-1")
        timeout = f"{int(min(60.0, limits.Limits.current().timeout_s)) or 1}s"
        with self.told():
            self.store = obstore.store.S3Store(
                self._address.host,
                region=self.region,
                skip_signature=options.get("anonymous") in {"1", "true"},
                client_options={"allow_http": (self.endpoint or "").startswith("http://"), "timeout": timeout},
                retry_config={"max_retries": 3},
                config={"endpoint": self.endpoint} if self.endpoint else None,
            )

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Turns the library's errors into one line."""
        try:
            yield
        except (obstore.exceptions.NotFoundError, FileNotFoundError):
            raise errors.UserError("engines.sources:missing", path=self.shown) from None
        except (obstore.exceptions.PermissionDeniedError, obstore.exceptions.UnauthenticatedError) as error:
            raise errors.UserError("engines.sources:unreadable", path=self.shown, reason=_first(error)) from None
        except obstore.exceptions.BaseError as error:
            raise errors.Failure("engines.sources:connection", path=self.shown, reason=_first(error)) from None

    def head(self, key: str) -> dict[str, Any]:
        """Size, e_tag and time of an object. Raises errors.UserError when it is not there."""
        with self.told():
            return dict(obstore.head(self.store, key))

    def listed(self, prefix: str) -> list[dict[str, Any]]:
        """The objects below a prefix in order of their keys. Raises errors.UserError for too many."""
        most = limits.Limits.current().max_files
        found: list[dict[str, Any]] = []
        with self.told():
            for piece in obstore.list(self.store, prefix.rstrip("/") + "/" if prefix else None):
                found += [dict(one) for one in piece]
                if len(found) > most:
                    raise errors.UserError("engines.sources:many_files", path=self.shown, limit=most)
        return sorted(found, key=lambda one: str(one["path"]))


class RemoteParquet(parquet.Parquet):
    """A Parquet object, read by ranges."""

    def __init__(self, bucket: Bucket, key: str, name: str) -> None:
        self._bucket = bucket
        self._head = bucket.head(key)
        super().__init__(Path(key), name)

    def digest(self) -> tuple[str, int]:
        """SHA-256 of the object's name, size and entity tag, which the store changes with the content."""
        return _digest(self._head), int(self._head["size"])

    def _raw(self) -> contextlib.AbstractContextManager[Any]:
        return pa.PythonFile(_Ranges(self._bucket, self._head), mode="r")  # type: ignore[no-any-return]


class _Ranges(io.RawIOBase):
    """An object as a file that is read at random, one request a read."""

    def __init__(self, bucket: Bucket, head: dict[str, Any]) -> None:
        self._bucket, self._key, self._size = bucket, str(head["path"]), int(head["size"])
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of a file."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        """As of a file. Raises errors.Failure when the store is away."""
        count = self._size - self._at if size < 0 else min(size, self._size - self._at)
        if count <= 0:
            return b""
        with self._bucket.told():
            data = bytes(obstore.get_range(self._bucket.store, self._key, start=self._at, length=count))
        self._at += len(data)
        return data


class Fetched(source.Source):
    """An object of another kind, fetched into a file that goes with this source."""

    def __init__(self, bucket: Bucket, key: str, name: str, opener: Callable[[Path, str], source.Source]) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="taihang-s3-")
        path = Path(self._folder.name) / PurePosixPath(key).name
        with bucket.told(), path.open("wb") as out:
            for piece in obstore.get(bucket.store, key).stream():
                out.write(piece)
        self._inner = opener(path, name)
        self.kind, self.name, self.columns, self.rows = self._inner.kind, name, self._inner.columns, self._inner.rows
        self._opening = self.faults = self._inner.faults

    def digest(self) -> tuple[str, int]:
        """SHA-256 and size of the object."""
        return self._inner.digest()

    def _scan(self, wanted: tuple[source.Column, ...], rows: int) -> Iterator[source.Chunk]:
        yield from self._inner.chunks([c.name for c in wanted], rows)
        self.faults = self._inner.faults


class Prefix(folder.Folder):
    """The objects of one kind below a prefix, as a folder of them would be."""

    def __init__(self, bucket: Bucket, kind: str, listed: list[dict[str, Any]], opener: Any) -> None:
        self._listed = listed
        super().__init__(Path(bucket.key.rstrip("/")), kind, [Path(str(one["path"])) for one in listed], opener)
        self.name = bucket.shown

    def digest(self) -> tuple[str, int]:
        """SHA-256 over the objects' names, sizes and entity tags, and their size in all."""
        return ids.digest_json([_digest(one) for one in self._listed]), sum(int(one["size"]) for one in self._listed)


def open_s3(
    given: str,
    table: str | None,
    kinds: dict[str, str],
    opener: Callable[[str, Path, str], source.Source],
    lake: Callable[..., source.Source],
) -> source.Source:
    """A source of a bucket: an object, a Delta table, or the objects of one kind below a prefix.

    `kinds` maps suffixes to kinds; `opener` opens a fetched file of a kind under a name, `lake` a
    Delta table.
    """
    bucket = Bucket(given)
    kind = kinds.get(PurePosixPath(bucket.key).suffix.lower())
    if kind and not bucket.key.endswith("/"):
        return _object(bucket, kind, bucket.key, opener)
    listed = bucket.listed(bucket.key)
    if any(f"/{lakes.DELTA_LOG}/" in f"/{one['path']}" for one in listed):
        return lake(f"s3://{bucket.host}/{bucket.key}", version=table, options=_lake(bucket), name=bucket.shown)
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in listed:
        parts = PurePosixPath(str(one["path"])).relative_to(bucket.key.rstrip("/") or ".").parts
        found = kinds.get(PurePosixPath(str(one["path"])).suffix.lower())
        if found and one["size"] and not any(part.startswith((".", "_")) for part in parts):
            groups.setdefault(found, []).append(one)
    if not groups:
        raise errors.UserError("engines.sources:empty_folder", path=bucket.shown)
    usual = max(sorted(groups), key=lambda k: len(groups[k]))
    made = Prefix(bucket, usual, groups[usual], lambda path: _object(bucket, usual, path.as_posix(), opener))
    for other in (one for kind, ones in groups.items() if kind != usual for one in ones):
        made.faults.add("passed_kind", part=str(other["path"]))
    return made


def _object(bucket: Bucket, kind: str, key: str, opener: Callable[[str, Path, str], source.Source]) -> source.Source:
    name = f"{bucket.shown[: len(bucket.shown) - len(bucket.key)]}{key}"
    if kind == "parquet":
        return RemoteParquet(bucket, key, name)
    return Fetched(bucket, key, name, lambda path, shown: opener(kind, path, shown))


def _lake(bucket: Bucket) -> dict[str, str]:
    options = {"aws_region": bucket.region}
    if bucket.endpoint:
        options["aws_endpoint"] = bucket.endpoint
        options["aws_allow_http"] = str(bucket.endpoint.startswith("http://")).lower()
    return options


def _digest(head: dict[str, Any]) -> str:
    return ids.digest_json([str(head["path"]), int(head["size"]), str(head.get("e_tag") or head.get("last_modified"))])


def _first(error: BaseException) -> str:
    return str(error).split("\n", 1)[0][:200]

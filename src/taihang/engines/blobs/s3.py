"""A bucket in an S3 object store, by obstore. Large objects travel in parts, so memory stays bounded."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore import exceptions
from obstore import store as stores

from taihang.core import errors
from taihang.engines.blobs import blob

# A part is held in memory; S3 allows 10,000 parts, so the largest object is 80 GB.
_PART = 8 << 20
_PARTS_AT_ONCE = 4
_RETRIES = 3
_PATIENCE = datetime.timedelta(seconds=20)


class S3:
    """See bucket.Bucket. Keys are checked by `blobs.Blobs`, the only caller.

    `credentials` holds `access_key_id`, `secret_access_key` and perhaps `session_token`; None asks the
    machine's own identity service. A plain-HTTP endpoint is for a network that is trusted.
    """

    def __init__(
        self, bucket: str, prefix: str, *, endpoint: str | None, region: str, credentials: dict[str, str] | None
    ) -> None:
        self.name = f"s3://{bucket}/{prefix}".rstrip("/")
        config = {"region": region, **({"endpoint": endpoint} if endpoint else {}), **(credentials or {})}
        self._store = stores.S3Store(
            bucket,
            prefix=prefix or None,
            client_options={
                "allow_http": bool(endpoint and endpoint.startswith("http://")),
                "connect_timeout": "5s",
                "read_timeout": "30s",
                "timeout": "10m",
            },
            retry_config={"max_retries": _RETRIES, "retry_timeout": _PATIENCE},
            **config,  # type: ignore[arg-type]
        )

    def size(self, key: str) -> int | None:
        """See bucket.Bucket."""
        with self._spoken():
            try:
                return int(obstore.head(self._store, key)["size"])
            except FileNotFoundError:
                return None

    def read(self, key: str, start: int, end: int) -> bytes | None:
        """See bucket.Bucket."""
        with self._spoken():
            try:
                # A range of an empty object is refused, so what starts at the start is asked for as a whole.
                if start == 0 and (found := obstore.get(self._store, key)).meta["size"] <= end:
                    return bytes(found.bytes())
                return bytes(obstore.get_range(self._store, key, start=start, end=end))
            except FileNotFoundError:
                return None

    def put(self, key: str, pieces: Iterable[bytes]) -> None:
        """See bucket.Bucket."""
        with self._spoken():
            obstore.put(self._store, key, iter(pieces), chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE)

    def write(self, key: str, data: bytes, *, if_absent: bool = False) -> bool:
        """See bucket.Bucket."""
        with self._spoken():
            try:
                obstore.put(self._store, key, data, mode="create" if if_absent else "overwrite", use_multipart=False)
            except exceptions.AlreadyExistsError:
                return False
        return True

    def delete(self, key: str) -> bool:
        """See bucket.Bucket."""
        with self._spoken():
            try:
                version = obstore.head(self._store, key).get("version")
            except FileNotFoundError:
                version = None
            obstore.delete(self._store, key)
        return version in (None, "null")

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """See bucket.Bucket."""
        with self._spoken():
            for page in obstore.list(self._store, prefix):
                for found in page:
                    yield found["path"], found["size"]

    def path(self, key: str) -> Path | None:
        """See bucket.Bucket."""
        return None

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        """Turns what the library says into one line. Its own texts may hold key ids, so only their start is told."""
        try:
            yield
        except FileNotFoundError:
            raise errors.UserError("engines:blobs.no_bucket", store=self.name) from None
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError):
            raise errors.UserError("engines:blobs.denied", store=self.name) from None
        except exceptions.BaseError as error:
            raise blob.Unreachable("engines:blobs.away", store=self.name, reason=_reason(error)) from None


def _reason(error: exceptions.BaseError) -> str:
    """What the transport said, without address and answer body."""
    first = str(error).split("\n", 1)[0].rpartition(" - ")[2]
    return first.partition("<")[0].strip().rstrip(":")[:160]

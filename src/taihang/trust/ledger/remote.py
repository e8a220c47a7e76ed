"""Remote: a log's published files on the blob store, or anywhere that HTTP leads."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from taihang.core import errors
from taihang.engines.blobs import blobs, opening
from taihang.trust.ledger import forged, store

PREFIX = "ledger"
_TIMEOUT_S = 20.0


class Objects:
    """A store among the named objects of the blob store. It has no lock: see `log.Ledger`."""

    def __init__(self, held: blobs.Blobs, prefix: str = PREFIX) -> None:
        self._blobs = held
        self._prefix = prefix

    def read(self, name: str) -> bytes | None:
        """See store.Store."""
        data = self._blobs.read_name(self._key(name))
        if data is not None and len(data) > store.LARGEST_FILE:
            raise forged.Forged(
                "trust:ledger.file_size", where=self.where(name), size=len(data), right=store.LARGEST_FILE
            )  # fmt: skip
        return data

    def write(self, files: Mapping[str, bytes]) -> None:
        """See store.Store."""
        for name, data in files.items():
            self._blobs.write_name(self._key(name), data)
        for name in files:
            if name.startswith("tile/") and ".p/" not in name:
                for partial in list(self._blobs.names(self._key(name) + ".p")):
                    self._blobs.delete_name(partial)

    def where(self, name: str) -> str:
        """See store.Store."""
        return f"{self._blobs.name}/names/{self._prefix}/{name}"

    def _key(self, name: str) -> str:
        if not store.is_name(name):
            raise ValueError(name)
        return f"{self._prefix}/{name}"


class Web:
    """A store behind HTTP, read only. Redirects are not followed, and an answer is never larger than a file may be."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False)

    def read(self, name: str) -> bytes | None:
        """See store.Store. Raises errors.Failure when the server does not answer or refuses."""
        if not store.is_name(name):
            raise ValueError(name)
        try:
            with self._client.stream("GET", self.where(name)) as answer:
                if answer.status_code in (404, 410):
                    return None
                if answer.status_code != 200:
                    raise errors.Failure(
                        "trust:ledger.web", where=self.where(name), reason=f"HTTP {answer.status_code}"
                    )  # fmt: skip
                data = bytearray()
                for piece in answer.iter_bytes():
                    data += piece
                    if len(data) > store.LARGEST_FILE:
                        raise forged.Forged(
                            "trust:ledger.file_size", where=self.where(name), size=f"> {store.LARGEST_FILE}",
                            right=store.LARGEST_FILE,
                        )  # fmt: skip
                return bytes(data)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise errors.Failure("trust:ledger.web", where=self.where(name), reason=type(error).__name__) from None

    def write(self, files: Mapping[str, bytes]) -> None:
        """Nothing is written over HTTP."""
        raise errors.UserError("trust:ledger.archive_written", path=self._url)

    def where(self, name: str) -> str:
        """See store.Store."""
        return f"{self._url}/{name}"


def opened(url: str) -> store.Store:
    """The store at an `http(s)://` or `s3://` address. Raises errors.UserError."""
    if url.startswith("s3://"):
        return Objects(opening.open_blobs(url))
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        raise errors.UserError("trust:ledger.none", path=url[:200]) from None
    if not parts.host or parts.userinfo or parts.query or parts.fragment:
        raise errors.UserError("trust:ledger.none", path=parts.host or url[:200])
    return Web(url)

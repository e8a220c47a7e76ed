"""Identities: what a thing holds decides its id, so that equal content has an equal id."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, BinaryIO

_CHUNK = 1 << 20


def digest(data: bytes) -> str:
    """SHA-256 of bytes, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest_stream(stream: BinaryIO) -> str:
    """SHA-256 of what is left in a stream, read in 1 MiB pieces."""
    state = hashlib.sha256()
    while piece := stream.read(_CHUNK):
        state.update(piece)
    return state.hexdigest()


def digest_json(value: Any) -> str:
    """SHA-256 of a JSON value in one canonical form (sorted keys, no spaces, UTF-8, no NaN).

    Undecodable bytes of a file name (lone surrogates) are kept as they came.
    """
    plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return digest(plain.encode(errors="surrogatepass"))


def content_id(kind: str, value: Any) -> str:
    """A short id for a JSON value: `kind-` and the first 16 hex digits of its digest."""
    return f"{kind}-{digest_json(value)[:16]}"


def fresh_id(kind: str) -> str:
    """An id for a thing that has no content yet, such as a job: `kind-` and 16 random hex digits."""
    return f"{kind}-{os.urandom(8).hex()}"

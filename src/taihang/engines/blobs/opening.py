"""Opening blobs by their URL: `file:///DIR`, or `s3://BUCKET/PREFIX?endpoint=…&region=…`.

Credentials come from the environment or from a file, never from the URL: `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, or what `key`, `secret` and `token` refer to
(`env:NAME`, `file:PATH`). `identity=machine` uses the role of the machine instead.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

from taihang.core import errors
from taihang.engines.blobs import blobs, bucket, folder

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,62}")
_PREFIX = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*)?")
_KNOWN = {"endpoint", "region", "key", "secret", "token", "identity"}


def open_blobs(url: str) -> blobs.Blobs:
    """The blobs at `url`. Raises errors.UserError, which never shows the URL, since it may hold a secret."""
    try:
        parts = urllib.parse.urlsplit(url)
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise errors.UserError("engines:blobs.url") from None
    if parts.username is not None or parts.password is not None:
        raise errors.UserError("engines:blobs.secret_in_url")
    path = urllib.parse.unquote(parts.path)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and path.startswith("/") and not query:
        return blobs.Blobs(folder.Folder(Path(path)))
    if parts.scheme == "s3" and not parts.fragment:
        return blobs.Blobs(_s3(parts.netloc, path.strip("/"), query))
    raise errors.UserError("engines:blobs.url")


def _s3(name: str, prefix: str, query: Mapping[str, str]) -> bucket.Bucket:
    from taihang.engines.blobs import s3  # noqa: PLC0415 - loads obstore, which a folder does not need

    endpoint = query.get("endpoint")
    if not _BUCKET.fullmatch(name) or not _PREFIX.fullmatch(prefix) or not query.keys() <= _KNOWN:
        raise errors.UserError("engines:blobs.url")
    if endpoint is not None:
        place = urllib.parse.urlsplit(endpoint)
        if place.scheme not in ("http", "https") or not place.hostname or place.query:
            raise errors.UserError("engines:blobs.url")
        if place.username is not None or place.password is not None:
            raise errors.UserError("engines:blobs.secret_in_url")
    region = query.get("region") or os.environ.get("AWS_REGION") or "us-east-1"
    return s3.S3(name, prefix, endpoint=endpoint, region=region, credentials=_credentials(query))


def _credentials(query: Mapping[str, str]) -> dict[str, str] | None:
    if query.get("identity") == "machine":
        return None
    found = {
        "access_key_id": _secret(query.get("key", "env:AWS_ACCESS_KEY_ID")),
        "secret_access_key": _secret(query.get("secret", "env:AWS_SECRET_ACCESS_KEY")),
    }
    if "token" in query or "AWS_SESSION_TOKEN" in os.environ:
        found["session_token"] = _secret(query.get("token", "env:AWS_SESSION_TOKEN"))
    return found


def _secret(reference: str) -> str:
    """What `env:NAME` or `file:PATH` refers to. Raises errors.UserError, which shows nothing else."""
    kind, _, place = reference.partition(":")
    if kind == "env" and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", place):
        value = os.environ.get(place, "")
    elif kind == "file":
        try:
            value = Path(place).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            value = ""
    else:
        raise errors.UserError("engines:blobs.secret_in_url")
    if not value:
        raise errors.UserError("engines:blobs.no_secret", reference=reference)
    return value

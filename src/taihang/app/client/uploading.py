"""Uploading: a file in pieces, each with its checksum; broken off, it goes on where the server stands (tus 1.0)."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from taihang.app.client import wire, words
from taihang.core import errors, job

_PIECE = 8 << 20
_TUS = {"Tus-Resumable": "1.0.0"}
_TRIES = 8
_STAGE = "app.client:uploading"


def upload(
    line: wire.Wire,
    path: Path,
    metadata: Mapping[str, str],
    *,
    progress: job.Progress | None = None,
    resume: str | None = None,
    piece: int = _PIECE,
) -> words.Upload:
    """The finished upload of a file. `resume` is the id of one that was broken off.

    Raises errors.UserError for a file that cannot be read or is not taken, wire.Unreachable.
    """
    told = progress or job.Silent()
    try:
        size = path.stat().st_size
        with path.open("rb") as source:
            ident = resume or _created(line, size, metadata)
            offset = _offset(line, ident)
            failed = 0
            while offset < size:
                told.update(_STAGE, offset, size)
                source.seek(offset)
                try:
                    offset = _sent(line, ident, offset, source.read(piece))
                    failed = 0
                except (wire.Unreachable, wire.Limited, errors.Conflict):
                    failed += 1
                    if failed == _TRIES:
                        raise
                    time.sleep(min(0.1 * 2**failed, 5.0))
                    offset = _offset(line, ident)
            told.update(_STAGE, size, size)
    except OSError as error:
        raise errors.UserError("app.client:file", path=path, reason=error.strerror or str(error)) from None
    return words.Upload.model_validate(line.call("GET", f"uploads/{ident}").json())


def _created(line: wire.Wire, size: int, metadata: Mapping[str, str]) -> str:
    plain = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in metadata.items())
    headers = {**_TUS, "Upload-Length": str(size), "Upload-Metadata": plain}
    answer = line.call("POST", "uploads", key=line.fresh_key(), headers=headers)
    return answer.headers["Location"].rpartition("/")[2]


def _offset(line: wire.Wire, ident: str) -> int:
    return int(line.call("HEAD", f"uploads/{ident}", headers=_TUS).headers["Upload-Offset"])


def _sent(line: wire.Wire, ident: str, offset: int, data: bytes) -> int:
    checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
    headers = {
        **_TUS,
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
        "Upload-Checksum": f"sha256 {checksum}",
    }
    # The last piece is answered when the whole file is stored: that takes a while for gigabytes.
    patient = httpx.Timeout(30.0, read=900.0)
    answer = line.call("PATCH", f"uploads/{ident}", headers=headers, content=data, timeout=patient)
    return int(answer.headers["Upload-Offset"])

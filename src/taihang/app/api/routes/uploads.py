"""Uploads: the tus protocol 1.0.0 with creation, creation-with-upload, termination, checksum and expiration."""

from __future__ import annotations

import base64
import binascii
import email.utils
import re
from typing import Annotated, Any

import fastapi
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from taihang.app.api import caller, faults, forms, gate, paging, uploads
from taihang.core import errors

router = gate.router("uploads")
VERSION = "1.0.0"
CHUNK = "application/offset+octet-stream"
_META_KEY = re.compile(r"[!-+\--~]{1,100}")
_MOST_META = 4000
_PIECE = {
    "requestBody": {
        "required": True,
        "content": {CHUNK: {"schema": {"type": "string", "format": "binary"}}},
    }
}

Tus = Annotated[
    str, fastapi.Header(alias="Tus-Resumable", pattern=r"^1\.0\.0$", description="Protocol version · 协议版本")
]
Offset = Annotated[int, fastapi.Header(alias="Upload-Offset", ge=0, le=2**53)]
Length = Annotated[int, fastapi.Header(alias="Upload-Length", ge=0, le=2**53)]
Metadata = Annotated[
    str | None,
    fastapi.Header(
        alias="Upload-Metadata",
        max_length=_MOST_META,
        description="`filename`, `filetype`, `kind`, `synthetic` as tus writes them, base64 · 文件名、类型等",
        examples=["filename cGl0LTMubXA0,filetype dmlkZW8vbXA0"],
        pattern=r"^([!-+\--~]+( [A-Za-z0-9+/]*={0,2})?(,|$))*$",
    ),
]
Checksum = Annotated[
    str | None,
    fastapi.Header(
        alias="Upload-Checksum",
        pattern=r"^(sha1 [A-Za-z0-9+/]{27}=|sha256 [A-Za-z0-9+/]{43}=|md5 [A-Za-z0-9+/]{22}==)$",
        description="Algorithm and base64 digest of this piece · 本段的校验和",
    ),
]


class Upload(forms.Answer):
    """`received` of `length` bytes are on the disk; `version` is the asset version that the file became."""

    id: str
    owner: str
    length: int
    received: int
    state: str
    metadata: dict[str, str]
    begun: Any
    expires: Any
    sha256: str | None = None
    version: str | None = None


@router.options("/uploads", status_code=204, openapi_extra=gate.PUBLIC)
def upload_options(request: Request) -> Response:
    """What this server can do."""
    most = request.app.state.service.limits.upload_bytes
    return Response(
        None,
        204,
        {
            "Tus-Version": VERSION,
            "Tus-Max-Size": str(most),
            "Tus-Extension": "creation,creation-with-upload,termination,checksum,expiration",
            "Tus-Checksum-Algorithm": ",".join(uploads.ALGORITHMS),
        },
    )


@router.post("/uploads", status_code=201, response_class=Response)
async def create_upload(
    who: caller.Who,
    request: Request,
    *,
    version: Tus,
    length: Length,
    metadata: Metadata = None,
    checksum: Checksum = None,
    key: gate.Key = None,
) -> Response:
    """A new upload; its first bytes may come along."""
    who.may("upload:create")
    made = await fastapi.concurrency.run_in_threadpool(who.service.uploads.create, who.who, length, _metadata(metadata))
    headers = {"Location": f"{request.url.path}/{made.id}", "Upload-Expires": _date(made)}
    if request.headers.get("content-type") == CHUNK or length == 0:
        made = await _received(who, made.id, request, 0, checksum)
        headers["Upload-Offset"] = str(made.received)
    return Response(None, 201, headers)


@router.get("/uploads")
def list_uploads(who: caller.Who, after: paging.After = None, limit: paging.Limit = 50) -> paging.Page[Upload]:
    """Uploads of the tenant that one may see, by id."""
    last = paging.key(after, 1)
    found = who.service.uploads.list(who.who, None if last is None else str(last[0]), limit)
    shown = [Upload.model_validate(one) for one in found if who.can("upload:read", one.id, owner=one.owner)]
    return paging.Page[Upload](items=shown, next=paging.cursor(found[-1].id) if len(found) == limit else None)


@router.get("/uploads/{id}")
def get_upload(id: forms.Id, who: caller.Who) -> Upload:
    """How far an upload is, and what it became."""
    return Upload.model_validate(_seen(who, id, "upload:read"))


@router.head("/uploads/{id}", response_class=Response)
def upload_offset(id: forms.Id, who: caller.Who, version: Tus) -> Response:
    """Where to go on."""
    found = _seen(who, id, "upload:read")
    headers = {
        "Upload-Offset": str(found.received),
        "Upload-Length": str(found.length),
        "Upload-Expires": _date(found),
    }
    if found.metadata:
        headers["Upload-Metadata"] = ",".join(f"{k} {_encoded(v)}".rstrip() for k, v in found.metadata.items())
    return Response(None, 200, headers)


@router.patch("/uploads/{id}", status_code=204, response_class=Response, openapi_extra=_PIECE)
async def append_upload(
    id: forms.Id, who: caller.Who, request: Request, *, version: Tus, offset: Offset, checksum: Checksum = None
) -> Response:
    """The next bytes; they are on the disk when this is answered."""
    if request.headers.get("content-type") != CHUNK:
        raise faults.Limited(415, "app.api:chunk_type", type=CHUNK)
    await fastapi.concurrency.run_in_threadpool(_seen, who, id, "upload:update")
    found = await _received(who, id, request, offset, checksum)
    return Response(None, 204, {"Upload-Offset": str(found.received), "Upload-Expires": _date(found)})


@router.delete("/uploads/{id}", status_code=204, response_class=Response)
def terminate_upload(id: forms.Id, who: caller.Who, version: Tus) -> Response:
    """Forget an upload and its bytes; what a finished one became stays."""
    _seen(who, id, "upload:delete")
    who.service.uploads.terminate(id, who.who)
    return Response(None, 204)


def _seen(who: caller.Caller, id: str, action: str) -> uploads.Upload:
    found = who.service.uploads.get(id, who.who)
    who.may(action, id, owner=found.owner)
    return found


async def _received(who: caller.Caller, id: str, request: Request, offset: int, checksum: str | None) -> uploads.Upload:
    declared = request.headers.get("content-length", "")
    if declared.isdigit():
        found = await fastapi.concurrency.run_in_threadpool(who.service.uploads.get, id, who.who)
        if offset + int(declared) > found.length:
            raise faults.Limited(413, "app.api:upload_beyond", length=found.length)
    try:
        return await who.service.uploads.receive(id, who.who, offset, request.stream(), _checksum(checksum))
    except ClientDisconnect:
        # What arrived is kept; nobody is there to be told.
        raise faults.Limited(408, "app.api:body_slow") from None


def _checksum(header: str | None) -> tuple[str, bytes] | None:
    if header is None:
        return None
    name, _, text = header.partition(" ")
    try:
        return name, base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise faults.Malformed("app.api:malformed") from None


def _metadata(header: str | None) -> dict[str, str]:
    """`key base64,key base64` as plain text. Raises errors.UserError."""
    found: dict[str, str] = {}
    for part in (header or "").split(","):
        key, _, value = part.strip().partition(" ")
        if not key:
            continue
        try:
            text = base64.b64decode(value, validate=True).decode()
        except (ValueError, binascii.Error):
            raise errors.UserError("app.api:metadata", key=key) from None
        if not _META_KEY.fullmatch(key) or not text.isprintable() or len(text) > 500:
            raise errors.UserError("app.api:metadata", key=key)
        found[key] = text
    return found


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _date(upload: uploads.Upload) -> str:
    return email.utils.format_datetime(upload.expires, usegmt=True)

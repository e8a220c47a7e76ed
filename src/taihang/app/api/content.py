"""Content: a blob as a response, whole or a range of it (RFC 9110, 14), never as anything a browser would run."""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from taihang.engines.blobs import blobs

_PIECE = 1 << 20
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")
# Shown in place under a policy that runs nothing; everything else is saved.
_SHOWN = frozenset({"image/png", "image/jpeg", "video/mp4", "text/plain", "application/json"})
SANDBOX = (
    "sandbox allow-same-origin allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
    "media-src 'self' data:; font-src data:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)


def answer(
    request: Request, kept: blobs.Blobs, tenant: str, sha256: str, *, name: str, media_type: str, inline: bool = False
) -> Response:
    """The bytes, or those that Range asks for. Raises errors.NotFound."""
    size = kept.size(tenant, sha256)
    if size is None:
        kept.open(tenant, sha256)  # says that it is not there
        raise AssertionError
    kind, headers = _described(sha256, name, media_type, inline=inline)
    headers["Accept-Ranges"] = "bytes"
    if f'"{sha256}"' in request.headers.get("if-none-match", ""):
        return Response(None, 304, headers)
    asked = _asked(request, size, sha256)
    if asked is None:
        return StreamingResponse(
            _pieces(kept, tenant, sha256, 0, size), 200, {**headers, "Content-Length": str(size)}, kind
        )
    start, end = asked
    if start >= end:
        return Response(None, 416, {**headers, "Content-Range": f"bytes */{size}"})
    headers |= {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": str(end - start)}
    return StreamingResponse(_pieces(kept, tenant, sha256, start, end), 206, headers, kind)


def whole(request: Request, data: bytes, *, name: str, media_type: str, inline: bool = False) -> Response:
    """Bytes that were made for this caller, as `answer` gives a blob."""
    sha256 = hashlib.sha256(data).hexdigest()
    kind, headers = _described(sha256, name, media_type, inline=inline)
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(None, 304, headers)
    return Response(data, 200, headers, kind)


def _described(sha256: str, name: str, media_type: str, *, inline: bool) -> tuple[str, dict[str, str]]:
    html = inline and media_type == "text/html"
    shown = inline and (media_type in _SHOWN or html)
    headers = {
        "ETag": f'"{sha256}"',
        "Content-Disposition": disposition(name, inline=shown),
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": SANDBOX if html else "sandbox; default-src 'none'",
        "X-Frame-Options": "SAMEORIGIN" if html else "DENY",
    }
    kind = f"{media_type}; charset=utf-8" if html else media_type if shown else "application/octet-stream"
    return kind, headers


def disposition(name: str, *, inline: bool) -> str:
    """Content-Disposition with a name that no header or file system can be hurt by (RFC 6266, RFC 8187)."""
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(c for c in last if c.isprintable() and c not in '"%;') or "file"
    plain = "".join(c if c.isascii() else "_" for c in clean)
    quoted = urllib.parse.quote(clean, safe="")
    return f"{'inline' if inline else 'attachment'}; filename=\"{plain[:150]}\"; filename*=UTF-8''{quoted[:450]}"


def _asked(request: Request, size: int, sha256: str) -> tuple[int, int] | None:
    """The one range that is asked for, [start, end); None for the whole. Several ranges get the whole."""
    condition = request.headers.get("if-range")
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if found is None or (condition is not None and condition != f'"{sha256}"') or found[0] == "bytes=-":
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size if int(found[2]) else 0
    start = int(found[1])
    end = min(size, int(found[2]) + 1) if found[2] else size
    return (start, end) if start < end or start >= size else None


def _pieces(kept: blobs.Blobs, tenant: str, sha256: str, start: int, end: int) -> Iterator[bytes]:
    # From the start to the end it is read as a stream, which checks the bytes against their hash.
    with kept.open(tenant, sha256) as source:
        source.seek(start)
        while start < end:
            piece = source.read(min(_PIECE, end - start))
            if not piece:
                return
            start += len(piece)
            yield piece

"""Problems: every error as application/problem+json (RFC 9457), in the caller's language."""

from __future__ import annotations

import http
import json
import logging
import math
import re
from collections.abc import Iterable, Mapping, Sequence

import fastapi
import pydantic
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from taihang.app.api import faults
from taihang.core import errors, i18n
from taihang.trust.identity import refusal

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger("taihang.api")
_STATUS: tuple[tuple[type[errors.TaihangError], int], ...] = (
    (refusal.NotSignedIn, 401),
    (refusal.TooMany, 429),
    (faults.Malformed, 400),
    (faults.Unmet, 412),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.MissingExtra, 422),
    (errors.UserError, 422),
    (errors.Cancelled, 409),
)
_MOST_ERRORS = 20
_TITLES = {
    400: "malformed", 401: "unauthenticated", 403: "forbidden", 404: "not_found", 405: "method", 408: "slow",
    409: "conflict", 412: "unmet", 413: "too_large", 415: "media_type", 422: "unusable", 423: "locked",
    429: "too_often", 460: "checksum", 500: "failure", 503: "away",
}  # fmt: skip


class Wrong(pydantic.BaseModel):
    """One thing wrong with a request: where it stands, and why it cannot be used."""

    where: str
    reason: str


class Problem(pydantic.BaseModel):
    """RFC 9457: what is wrong, where, and what to do. `code` is the same in every language."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[Wrong] | None = None


def status_of(error: errors.TaihangError) -> int:
    """The HTTP status that an error is answered with."""
    if isinstance(error, faults.Limited):
        return error.status
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return 503 if isinstance(error, errors.Transient) else 500


def answer(
    status: int,
    detail: i18n.Message,
    request_id: str,
    *,
    wrong: Iterable[Wrong] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as a response."""
    listed = list(wrong)[:_MOST_ERRORS]
    made = Problem(
        type=f"urn:taihang:problem:{detail.key.replace(':', '/')}",
        title=i18n.text(f"app.api:title.{_TITLES.get(status, 'failure')}"),
        status=status,
        detail=detail.in_(),
        instance=f"urn:taihang:request:{request_id}",
        code=detail.key,
        errors=listed or None,
    )
    body = json.dumps(made.model_dump(exclude_none=True), ensure_ascii=False).encode(errors="replace")
    return Response(body, status, {"Content-Language": i18n.current(), **(headers or {})}, MEDIA_TYPE)


def of(error: errors.TaihangError, request_id: str) -> Response:
    """What an error of ours is answered with."""
    status = status_of(error)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="taihang"'
    if status in {429, 503}:
        wait = error.wait_s if isinstance(error, refusal.TooMany) else getattr(error, "after_s", 0.0)
        headers["Retry-After"] = str(max(1, math.ceil(wait)))
    if status >= 500:
        _LOG.error("%s %s", request_id, error, exc_info=error)
    return answer(status, error.message, request_id, headers=headers)


def defect(error: BaseException, request_id: str) -> Response:
    """What an error that nobody foresaw is answered with: nothing of its text, it may hold anything."""
    _LOG.error("%s %s", request_id, type(error).__name__, exc_info=error)
    return answer(500, i18n.Message(key="app.api:defect"), request_id)


def install(app: fastapi.FastAPI, methods: Sequence[tuple[re.Pattern[str], frozenset[str]]]) -> None:
    """Answer every error of the application as a problem. `methods`: what may be done at which paths."""

    def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, errors.TaihangError)
        return of(error, _id(request))

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        wrong = [Wrong(where=".".join(str(part) for part in one["loc"]), reason=one["msg"]) for one in error.errors()]
        # What the document allows and a validator of ours does not is no mistake of form.
        semantic = all(one["type"] in {"value_error", "assertion_error"} for one in error.errors())
        return answer(422 if semantic else 400, i18n.Message(key="app.api:malformed"), _id(request), wrong=wrong)

    def plain(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        if error.status_code == 404:
            detail = i18n.Message(key="app.api:no_route", values={"path": request.url.path})
        elif error.status_code == 405:
            headers["Allow"] = ", ".join(_allowed(request.url.path, methods))
            detail = i18n.Message(key="app.api:no_method", values={"method": request.method})
        elif error.status_code == 400:
            detail = i18n.Message(key="app.api:malformed")
        else:
            phrase = http.HTTPStatus(error.status_code).phrase
            detail = i18n.Message(key="app.api:refused", values={"reason": phrase})
        return answer(error.status_code, detail, _id(request), headers=headers)

    app.add_exception_handler(errors.TaihangError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, plain)


def _id(request: Request) -> str:
    return str(request.state.request_id)


def _allowed(path: str, methods: Sequence[tuple[re.Pattern[str], frozenset[str]]]) -> list[str]:
    return sorted({name for pattern, names in methods if pattern.match(path) for name in names})

"""Reports: what was said about a version; as JSON, and the files that were written, the page under a strict policy."""

from __future__ import annotations

import json
import mimetypes
from typing import Annotated, Any, Literal

import fastapi
from starlette.requests import Request
from starlette.responses import Response

from taihang.app import desks
from taihang.app.api import caller, content, forms, gate, masked, paging, sight
from taihang.catalog import words
from taihang.core import errors, scorecard
from taihang.trust.access import masking

router = gate.router("reports")
_ANY: dict[int | str, dict[str, Any]] = {
    status: {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}} for status in (200, 206)
}
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
_SHOWN = {"report.html": "text/html", "report.json": "application/json"}


class File(forms.Answer):
    """A file of a report as it was written; `given` says how this caller gets it.

    `masked`: with sensitive values masked, so with another hash; `withheld`: it cannot be masked.
    """

    name: str
    sha256: str
    size: int
    given: masked.Way


@router.get("/reports")
def list_reports(
    who: caller.Who,
    version: forms.Word = None,
    kind: Literal["inspect", "profile", "assess", "monitor", "text", "certify", "live"] | None = None,
    after: paging.After = None,
    limit: paging.Limit = 50,
) -> paging.Page[words.Told]:
    """Reports, the last recorded first."""
    who.may("report:read")
    page = who.platform.catalogue(who.who).reports(version, kind=kind, after=after, limit=limit)
    hidden = sight.hidden(who, "report:read", (one.asset_id for one in page.items))
    return paging.Page(items=[one for one in page.items if one.asset_id not in hidden], next=page.next)


@router.get("/reports/{id}")
def get_report(id: forms.Id, who: caller.Who) -> words.Told:
    """A report without its findings."""
    return _seen(who, id)


@router.get("/reports/{id}/json")
def get_report_json(id: forms.Id, who: caller.Who) -> dict[str, Any]:
    """The whole report, as its published schema says; values that the caller may not read are masked."""
    _seen(who, id)
    value = _whole(who, id)
    return value if _clear(who) else masked.report(value)


@router.get("/reports/{id}/scorecard")
def get_scorecard(id: forms.Id, who: caller.Who) -> scorecard.Scorecard:
    """The scores of a report."""
    _seen(who, id)
    return scorecard.Scorecard.model_validate(_whole(who, id)["scorecard"])


@router.get("/reports/{id}/files")
def list_report_files(id: forms.Id, who: caller.Who) -> forms.Listed[File]:
    """What was written beside the report: the page, evidence, other forms."""
    found = _seen(who, id)
    files = desks.files(who.platform.blobs, who.who.tenant, found.folder)
    clear = _clear(who)
    return forms.Listed(
        items=[
            File(name=name, sha256=sha, size=size, given="whole" if clear else masked.way(name))
            for name, (sha, size) in files.items()
        ]
    )


@router.get("/reports/{id}/files/{name:path}", response_class=Response, responses=_ANY)
def get_report_file(
    id: forms.Id,
    name: Annotated[str, fastapi.Path(pattern=r"^[^\x00-\x1f\x7f]{1,300}$", examples=["report.html"])],
    who: caller.Who,
    request: Request,
) -> Response:
    """One file; `report.html` is shown without any script, others are saved.

    Who may not read sensitive values gets them masked, and 403 for a file that cannot be masked.
    """
    found = _seen(who, id)
    files = desks.files(who.platform.blobs, who.who.tenant, found.folder)
    if name not in files:
        raise errors.NotFound("app.api:no_file", name=name)
    kind = _SHOWN.get(name) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    way = "whole" if _clear(who) else masked.way(name)
    if way != "whole":
        return content.whole(request, _hidden(who, name, files[name]), name=name, media_type=kind, inline=True)
    return content.answer(
        request, who.platform.blobs, who.who.tenant, files[name][0], name=name, media_type=kind, inline=True
    )


@router.get("/reports/{id}/proof", response_class=Response, responses=_TEXT)
def prove_report(id: forms.Id, who: caller.Who) -> Response:
    """The proof that the report was recorded, for `taihang ledger verify`; 409 while it waits."""
    found = _seen(who, id)
    proof = who.platform.decisions.report_proof(who.who.tenant, found.sha256)
    return Response(proof.encode(), media_type="text/plain; charset=utf-8")


def _clear(who: caller.Caller) -> bool:
    return masking.Masker(who.platform.guard, who.who).clear("finding")


def _hidden(who: caller.Caller, name: str, kept: tuple[str, int]) -> bytes:
    """The file, masked. Raises errors.Forbidden for one that cannot be."""
    if masked.way(name) == "withheld" or kept[1] > masked.LARGEST:
        raise errors.Forbidden("app.api:withheld", name=name)
    try:
        return masked.file(name, who.platform.blobs.read(who.who.tenant, kept[0]))
    except ValueError:
        raise errors.Forbidden("app.api:withheld", name=name) from None


def _seen(who: caller.Caller, id: str) -> words.Told:
    found = who.platform.catalogue(who.who).report(id)
    about = who.platform.catalogue(who.who).asset(found.asset_id)
    who.may("report:read", id, owner=about.owner or None, sensitivity=about.sensitivity)
    return found


def _whole(who: caller.Caller, id: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(who.platform.catalogue(who.who).report_json(id))
    return value

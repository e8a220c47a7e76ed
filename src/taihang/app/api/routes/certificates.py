"""Certificates: those that this platform issued, the list of those that do not stand, and the key to check both.

They are issued by jobs (`POST /jobs`, kind `certify-reports`); a certificate is known by its report's id.
"""

from __future__ import annotations

import datetime
from typing import Any

from starlette.responses import Response

from taihang.app import issuing
from taihang.app.api import caller, forms, gate, paging, sight
from taihang.catalog import words

router = gate.router("certificates")
_JSON: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


class Revocation(forms.Form):
    """Why a certificate does not stand any more; the list tells everybody."""

    reason: forms.Long


class Revocations(forms.Answer):
    """The list after a revocation: its number, how many it names, and until when it is good."""

    number: int
    count: int
    until: datetime.datetime


@router.get("/certificates")
def list_certificates(
    who: caller.Who, version: forms.Word = None, after: paging.After = None, limit: paging.Limit = 50
) -> paging.Page[words.Told]:
    """Reports that are certificates, the last issued first."""
    who.may("report:read")
    page = who.platform.catalogue(who.who).reports(version, kind="certify", after=after, limit=limit)
    hidden = sight.hidden(who, "report:read", (one.asset_id for one in page.items))
    return paging.Page(items=[one for one in page.items if one.asset_id not in hidden], next=page.next)


@router.get("/certificates/key", response_class=Response, responses=_TEXT)
def certificate_key(who: caller.Who) -> Response:
    """The public key of the tenant's certificates and of their list."""
    who.may("report:read")
    key = issuing.public(who.platform.home, who.who.tenant)
    return Response(f"{key}\n".encode(), media_type="text/plain; charset=utf-8")


@router.get("/certificates/revocations", response_class=Response, responses=_JSON)
def list_revocations(who: caller.Who) -> Response:
    """The signed list, as `taihang certificate verify --revocations` reads it."""
    who.may("report:read")
    return Response(_certificates(who).list(), media_type="application/json")


@router.get("/certificates/{id}", response_class=Response, responses=_JSON)
def get_certificate(id: forms.Id, who: caller.Who) -> Response:
    """The signed certificate, as `taihang certificate verify` reads it."""
    _seen(who, id, "report:read")
    return Response(_certificates(who).read(id), media_type="application/json")


@router.post("/certificates/{id}/revocation")
def revoke_certificate(id: forms.Id, body: Revocation, who: caller.Who, key: gate.Key = None) -> Revocations:
    """Revoke a certificate: it goes on the list, and what it held may be deleted. Once more changes nothing."""
    _seen(who, id, "report:certify")
    made = _certificates(who).revoke(id, body.reason)
    return Revocations(number=made.number, count=len(made.revoked), until=made.until)


def _certificates(who: caller.Caller) -> issuing.Certificates:
    return issuing.Certificates(who.platform.catalogue(who.who), who.platform.blobs, who.platform.home)


def _seen(who: caller.Caller, id: str, action: str) -> None:
    known = who.platform.catalogue(who.who)
    about = known.asset(known.report(id).asset_id)
    who.may(action, id, owner=about.owner or None, sensitivity=about.sensitivity)

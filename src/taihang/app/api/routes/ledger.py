"""Ledger: what a verifier needs, by its C2SP paths; a tenant's own decisions, and proofs of them."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

import fastapi
from starlette.responses import Response

from taihang.app.api import caller, forms, gate, paging
from taihang.core import errors
from taihang.trust.identity import tenants
from taihang.trust.ledger import outbox

router = gate.router("ledger")
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
_TILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
Size = Annotated[int, fastapi.Query(ge=0, le=2**53)]


class Decision(forms.Answer):
    """Where a decision stands: `position` in the ledger, or None while it waits to be moved there."""

    id: str
    kind: str
    subject: str
    at: datetime.datetime
    origin: str | None = None
    position: int | None = None


class Consistency(forms.Answer):
    """Hashes that prove that the ledger only grew (RFC 9162, 2.1.4), in hex."""

    old: int
    new: int | None
    hashes: list[str]


@router.get("/ledger/key", response_class=Response, responses=_TEXT)
def ledger_key(who: caller.Who) -> Response:
    """The ledger's public key."""
    who.may("report:read")
    return _plain(f"{who.platform.decisions.key}\n".encode())


@router.get("/ledger/checkpoint", response_class=Response, responses=_TEXT)
def ledger_checkpoint(who: caller.Who) -> Response:
    """The newest signed checkpoint."""
    who.may("report:read")
    return _plain(who.platform.decisions.published("checkpoint"))


@router.get("/ledger/tile/{name:path}", response_class=Response, responses=_TILE)
def ledger_tile(
    name: Annotated[str, fastapi.Path(pattern=r"^[0-9a-z/.]{1,100}$", examples=["0/000"])], who: caller.Who
) -> Response:
    """A tile of hashes; the entries themselves only to the platform's own auditors, since they are of all tenants."""
    who.may("ledger:read")
    if name.startswith("entries") and who.who.tenant != tenants.PLATFORM:
        raise errors.Forbidden("app.api:entries")
    return Response(who.platform.decisions.published(f"tile/{name}"), media_type="application/octet-stream")


@router.get("/ledger/consistency")
def ledger_consistency(who: caller.Who, old: Size, new: Size | None = None) -> Consistency:
    """Proof that the ledger only grew between two sizes."""
    who.may("ledger:read")
    found = who.platform.decisions.consistency(old, new)
    return Consistency(old=old, new=new, hashes=[one.hex() for one in found])


@router.get("/ledger/decisions")
def list_decisions(
    who: caller.Who, subject: forms.Word = None, after: paging.After = None, limit: paging.Limit = 50
) -> paging.Page[Decision]:
    """The tenant's decisions in the ledger, the newest first."""
    who.may("ledger:read")
    last = paging.key(after, 1)
    before = last[0] if last is not None and isinstance(last[0], int) else None
    found = outbox.recent(who.platform.store, who.who.tenant, subject=subject, before=before, limit=limit)
    following = paging.cursor(found[-1].position) if len(found) == limit else None
    return paging.Page(items=[Decision.model_validate(one) for one in found], next=following)


@router.get("/ledger/decisions/{id}")
def get_decision(id: forms.Id, who: caller.Who) -> Decision:
    """Where a decision stands."""
    who.may("ledger:read")
    return Decision.model_validate(outbox.receipt(who.platform.store, who.who.tenant, id))


@router.get("/ledger/decisions/{id}/proof", response_class=Response, responses=_TEXT)
def prove_decision(id: forms.Id, who: caller.Who) -> Response:
    """The proof that a decision stands in the ledger; 409 while it waits."""
    who.may("ledger:read")
    return _plain(who.platform.decisions.proof(who.who.tenant, id).encode())


def _plain(data: bytes) -> Response:
    return Response(data, media_type="text/plain; charset=utf-8")

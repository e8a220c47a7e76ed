"""Quarantine: what is marked bad in a version, so that whoever reads it may leave it out."""

from __future__ import annotations

import dataclasses
import datetime
import io
from typing import Annotated, Any, Literal

import fastapi
import pyarrow.parquet as pq
from starlette.responses import Response

from taihang.app.api import caller, content, forms, gate, sight
from taihang.catalog.tickets import quarantine
from taihang.core import errors

router = gate.router("quarantine")
PARQUET = "application/vnd.apache.parquet"
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {PARQUET: {"schema": {"type": "string", "format": "binary"}}}}
}
_MOST_SPANS = 10_000


class Mark(forms.Answer):
    """What one ticket marks in a version under one rule: `count` rows, or spans in seconds.

    Not `complete`: more is bad than is known, so what is left would not be clean.
    """

    ticket: str
    table: str
    rule: str
    kind: Literal["rows", "spans"]
    rulebook: str
    rulebook_version: str
    count: int
    complete: bool
    active: bool
    marked_at: datetime.datetime
    lifted_at: datetime.datetime | None = None
    spans: list[tuple[float, float]]


@router.get("/versions/{id}/quarantine")
def list_marks(
    id: forms.Id,
    who: caller.Who,
    lifted: Annotated[bool, fastapi.Query(description="Also what was lifted · 包括已解除的")] = False,
) -> forms.Listed[Mark]:
    """What is marked in a version now; with `lifted` also what was."""
    return forms.Listed(items=[_shown(one) for one in _marks(who, id, None if lifted else True)])


@router.get("/versions/{id}/quarantine/rows", response_class=Response, responses=_FILE)
def quarantined_rows(id: forms.Id, who: caller.Who) -> Response:
    """The rows to leave out, as Parquet: `table`, `row` (position from 0), `rule`, `rulebook`, `ticket`.

    409 when a ticket marks rows of which not all are known.
    """
    found = _marks(who, id, True)
    partly = sorted({one.ticket for one in found if not one.complete})
    if partly:
        raise errors.Conflict("app:tickets.partly", tickets=", ".join(partly), path=id)
    sink = io.BytesIO()
    pq.write_table(quarantine.rows(found), sink, compression="zstd")
    name = content.disposition(f"{id}.quarantine.parquet", inline=False)
    return Response(sink.getvalue(), media_type=PARQUET, headers={"Content-Disposition": name})


def _marks(who: caller.Caller, id: str, active: bool | None) -> tuple[quarantine.Mark, ...]:
    version = sight.version(who, "finding:read", id)
    who.may("ticket:read")
    known = who.platform.catalogue(who.who).asset(version.asset_id)
    # A mark names its asset as reports do, and a content that two assets share is marked for each.
    return quarantine.marks(
        who.platform.store, who.who.tenant, version=version.asset.sha256, asset=known.name, active=active
    )


def _shown(one: quarantine.Mark) -> Mark:
    plain = {
        field.name: getattr(one, field.name) for field in dataclasses.fields(one) if field.name in Mark.model_fields
    }
    spans = quarantine.spans([one])[:_MOST_SPANS] if one.kind == "spans" else []
    return Mark(**plain, spans=spans)

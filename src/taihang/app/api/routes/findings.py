"""Findings: by filter, a page at a time; and what a reviewer says of one."""

from __future__ import annotations

import datetime
import json
from typing import Annotated, Any, Literal

import fastapi
import pydantic
from starlette.responses import Response

from taihang.app.api import caller, forms, gate, paging, sight
from taihang.catalog import finding_list, words
from taihang.core import errors
from taihang.core import words as core
from taihang.trust.access import masking

router = gate.router("findings")
_PLAIN = (
    "version_id", "id", "asset_id", "rule", "rulebook", "dimension", "verdict", "level", "job_id", "state", "revision",
    "reason", "reviewer",
)  # fmt: skip
Whole = Annotated[int, pydantic.Field(ge=0, le=2**53)]
Pixel = Annotated[float, pydantic.Field(ge=0, le=100_000, allow_inf_nan=False)]
When = Annotated[forms.Moment | None, fastapi.Query()]


class Found(forms.Answer):
    """A finding where it was found, and what a reviewer said of it; `finding` as in `report.json`."""

    version_id: str
    id: str
    asset_id: str
    rule: str
    rulebook: str
    dimension: str
    verdict: Literal["violated", "insufficient"]
    level: core.Level
    recorded: datetime.datetime
    job_id: str
    state: words.State
    revision: int
    reason: str
    reviewer: str
    reviewed: datetime.datetime | None = None
    boxes: list[words.Corrected] = []
    finding: dict[str, Any]


class Corrected(forms.Form):
    """A box of the finding's evidence as it should be: in frame `number` the box at `index`, in pixels."""

    number: Whole
    index: Whole
    x0: Pixel
    y0: Pixel
    x1: Pixel
    y1: Pixel


class Review(forms.Form):
    """A decision: `accepted`, `rejected`, or `open` again; the reason is kept with it, and so are corrected boxes."""

    state: words.State
    reason: forms.Words
    boxes: Annotated[list[Corrected], pydantic.Field(max_length=200)] = []


class Said(forms.Answer):
    """One decision of a reviewer."""

    number: int
    state: words.State
    reason: str
    reviewer: str
    at: datetime.datetime
    boxes: Annotated[list[words.Corrected], pydantic.BeforeValidator(lambda kept: json.loads(kept or "[]"))] = []


@router.get("/findings", response_model=paging.Page[Found])
def list_findings(
    who: caller.Who,
    *,
    level: core.Level | None = None,
    floor: core.Level | None = None,
    rule: forms.Word = None,
    rulebook: forms.Word = None,
    dimension: forms.Word = None,
    verdict: Literal["violated", "insufficient"] | None = None,
    asset: forms.Word = None,
    version: forms.Word = None,
    job: forms.Word = None,
    report: forms.Word = None,
    state: words.State | None = None,
    since: When = None,
    until: When = None,
    order: finding_list.Order = "gravest",
    after: paging.After = None,
    limit: paging.Limit = 50,
) -> Response:
    """Findings, the gravest first unless asked otherwise."""
    who.may("finding:read")
    where = words.Filter(
        level=level, floor=floor, rule=rule, rulebook=rulebook, dimension=dimension, verdict=verdict, asset=asset,
        version=version, job=job, report=report, state=state, since=since, until=until,
    )  # fmt: skip
    page = who.platform.catalogue(who.who).findings(where, order=order, after=after, limit=limit)
    hidden = sight.hidden(who, "finding:read", (one.asset_id for one in page.items))
    masker = masking.Masker(who.platform.guard, who.who)
    items = ",".join(_json(one, masker) for one in page.items if one.asset_id not in hidden)
    # The findings are JSON in the store already: a page is put together, not read and written again.
    return Response(f'{{"items":[{items}],"next":{json.dumps(page.next)}}}', media_type="application/json")


@router.get("/findings/levels")
def count_findings(
    who: caller.Who, asset: forms.Word = None, version: forms.Word = None, state: words.State | None = None
) -> dict[str, int]:
    """How many there are at each level."""
    who.may("finding:read", sensitivity="" if asset or version else "internal")
    if version is not None:
        sight.version(who, "finding:read", version)
    elif asset is not None:
        sight.asset(who, "finding:read", asset)
    return who.platform.catalogue(who.who).levels(words.Filter(asset=asset, version=version, state=state))


@router.get("/versions/{version_id}/findings/{id}", response_model=Found)
def get_finding(version_id: forms.Id, id: forms.Id, who: caller.Who) -> Response:
    """One finding; its ETag is its revision."""
    found = who.platform.catalogue(who.who).finding(version_id, id)
    sight.version(who, "finding:read", version_id)
    return _answer(found, who)


@router.post("/versions/{version_id}/findings/{id}/review", response_model=Found)
def review_finding(
    version_id: forms.Id, id: forms.Id, body: Review, who: caller.Who, *, key: gate.Key = None, match: gate.Match = None
) -> Response:
    """Accept or reject a finding, or open it again; the decision goes to the ledger."""
    sight.version(who, "finding:read", version_id)
    who.may("finding:review", id)
    try:
        found = who.platform.catalogue(who.who).review(
            version_id, id, body.state, reason=body.reason, revision=gate.revision(match),
            boxes=[words.Corrected(**one.model_dump()) for one in body.boxes],
        )  # fmt: skip
    except errors.Conflict as error:
        raise (gate.refuse_unmet(error) if match else error) from None
    return _answer(found, who)


@router.get("/versions/{version_id}/findings/{id}/reviews")
def list_reviews(version_id: forms.Id, id: forms.Id, who: caller.Who) -> forms.Listed[Said]:
    """Every decision about a finding, the first one first."""
    found = who.platform.catalogue(who.who).reviews(version_id, id)
    sight.version(who, "finding:read", version_id)
    return forms.Listed(items=[Said.model_validate(one) for one in found])


def _answer(found: words.Found, who: caller.Caller) -> Response:
    body = _json(found, masking.Masker(who.platform.guard, who.who))
    return Response(body, headers={"ETag": gate.etag(found.revision)}, media_type="application/json")


def _json(found: words.Found, masker: masking.Masker) -> str:
    plain: dict[str, Any] = {name: getattr(found, name) for name in _PLAIN}
    plain["recorded"] = found.recorded.isoformat()
    plain["reviewed"] = found.reviewed.isoformat() if found.reviewed else None
    told = f'{json.dumps(plain, ensure_ascii=False)[:-1]},"boxes":{found.boxes or "[]"}'
    return f'{told},"finding":{masker.finding(found.body)}}}'

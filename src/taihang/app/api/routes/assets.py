"""Assets and their versions: search, describe, download, trends, compare."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

import fastapi
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from taihang.app import playing
from taihang.app.api import caller, content, forms, gate, paging, sight
from taihang.app.jobs import attempts
from taihang.catalog import trends, words
from taihang.core import asset as assets
from taihang.core import errors

router = gate.router("assets")
_BINARY: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
    206: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
}
Kind = Annotated[Literal["inspect", "profile", "assess"], fastapi.Query(description="Which reports · 报告种类")]


class Description(forms.Form):
    """What may be said about an asset; what is left out stays."""

    owner: forms.Line | None = None
    licence: forms.Line | None = None
    sensitivity: words.Sensitivity | None = None
    description: forms.Words | None = None
    tags: Annotated[list[forms.Line], fastapi.Body(max_length=50)] | None = None


@router.get("/assets")
def search_assets(
    who: caller.Who,
    *,
    q: forms.Search = "",
    kind: assets.Kind | None = None,
    tag: forms.Word = None,
    owner: forms.Word = None,
    sensitivity: words.Sensitivity | None = None,
    after: paging.After = None,
    limit: paging.Limit = 50,
) -> paging.Page[words.Catalogued]:
    """Assets by name, those whose words hold each piece of `q`."""
    who.may("asset:read")
    page = who.platform.catalogue(who.who).search(
        q, kind=kind, tag=tag, owner=owner, sensitivity=sensitivity, after=after, limit=limit
    )
    hidden = sight.hidden(who, "asset:read", (one.id for one in page.items))
    return paging.Page(items=[one for one in page.items if one.id not in hidden], next=page.next)


@router.get("/assets/{id}")
def get_asset(id: forms.Id, who: caller.Who, response: Response) -> words.Catalogued:
    """An asset; its ETag is its revision."""
    found = sight.asset(who, "asset:read", id)
    response.headers["ETag"] = gate.etag(found.revision)
    return found


@router.patch("/assets/{id}")
def describe_asset(
    id: forms.Id, body: Description, who: caller.Who, response: Response, match: gate.Match = None
) -> words.Catalogued:
    """Change what is said about an asset."""
    before = sight.asset(who, "asset:update", id)
    given = body.model_dump(exclude_none=True)
    if "tags" in given:
        marks = [tag for tag in before.tags if tag in words.MARKS]
        given["tags"] = [*(tag for tag in given["tags"] if tag not in words.MARKS), *marks]
    try:
        made = who.platform.catalogue(who.who).describe(id, **given, revision=gate.revision(match))
    except errors.Conflict as error:
        raise (gate.refuse_unmet(error) if match else error) from None
    response.headers["ETag"] = gate.etag(made.revision)
    return made


@router.get("/assets/{id}/versions")
def list_versions(
    id: forms.Id, who: caller.Who, after: paging.After = None, limit: paging.Limit = 50
) -> paging.Page[words.Version]:
    """Versions of an asset, the newest first."""
    sight.asset(who, "asset:read", id)
    page = who.platform.catalogue(who.who).versions(id, after=after, limit=limit)
    return paging.Page(items=list(page.items), next=page.next)


@router.get("/assets/{id}/trend")
def asset_trend(
    id: forms.Id, who: caller.Who, kind: Kind = "inspect", limit: paging.Limit = 50
) -> forms.Listed[trends.Point]:
    """Scores and counts of an asset's last versions."""
    sight.asset(who, "asset:read", id)
    return forms.Listed(items=list(who.platform.catalogue(who.who).trend(id, kind=kind, limit=limit)))


@router.get("/versions/{id}")
def get_version(id: forms.Id, who: caller.Who) -> words.Version:
    """One version."""
    return sight.version(who, "asset:read", id)


@router.get("/versions/{id}/content", response_class=Response, responses=_BINARY)
def download_version(id: forms.Id, who: caller.Who, request: Request) -> Response:
    """The bytes of a version, whole or a Range of them; always to be saved, never shown."""
    found = sight.version(who, "asset:read", id)
    who.may("blob:read", found.asset.sha256)
    if not found.stored:
        raise errors.NotFound("app.api:not_stored", id=id)
    return content.answer(
        request,
        who.platform.blobs,
        who.who.tenant,
        found.asset.sha256,
        name=found.asset.name,
        media_type=found.asset.media_type,
    )


@router.get("/versions/{id}/clips/{part}", response_class=Response, responses=_BINARY)
def get_clip(
    id: forms.Id, part: Annotated[int, fastapi.Path(ge=0, le=playing.MOST_PARTS)], who: caller.Who
) -> FileResponse:
    """A minute of a video as H.264, once a `clip-asset` job has made it; whole or a Range."""
    found = sight.version(who, "asset:read", id)
    who.may("blob:read", found.asset.sha256)
    path = playing.kept(attempts.tenant_home(who.platform.home, who.who.tenant), found.asset.sha256, part)
    if not path.is_file():
        raise errors.NotFound("app.api:no_clip", part=part)
    headers = {"Cache-Control": "private, no-cache", "Content-Security-Policy": "sandbox; default-src 'none'"}
    return FileResponse(path, media_type="video/mp4", headers=headers)


@router.get("/versions/{id}/changes")
def compare_versions(
    id: forms.Id, who: caller.Who, since: Annotated[str, fastapi.Query(pattern=r"^[a-z0-9-]{1,80}$")],
    kind: Kind = "inspect", limit: paging.Limit = 50,
) -> dict[str, Any]:  # fmt: skip
    """Findings that are new, fixed or still there since an earlier version of the same asset."""
    sight.version(who, "asset:read", id)
    sight.version(who, "asset:read", since)
    found = who.platform.catalogue(who.who).compare(since, id, kind=kind, limit=limit)
    plain: dict[str, Any] = fastapi.encoders.jsonable_encoder(dataclasses.asdict(found))
    return plain

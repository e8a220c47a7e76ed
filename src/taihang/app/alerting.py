"""Alerting: what an edge node warned of becomes a clip, a finding and a ticket of the tenant it reports to."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import math
from typing import TYPE_CHECKING, Annotated, Literal

import pydantic

from taihang.app import cataloguing as memory
from taihang.catalog import words as cataloguing
from taihang.catalog.tickets import policy, tables
from taihang.catalog.tickets import words as ticketing
from taihang.core import asset as assets
from taihang.core import errors, evidence, finding, i18n, ids, principal, words
from taihang.report import document

if TYPE_CHECKING:
    from taihang.app import platform

KIND = "live"
LARGEST_CLIP = 5 << 20
_Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")]
_Base64 = Annotated[str, pydantic.StringConstraints(max_length=LARGEST_CLIP // 3 * 4 + 4)]


class Clip(pydantic.BaseModel):
    """The pictures before an alert; without `base64` they are known by their hash alone."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    sha256: words.Sha256
    bytes: Annotated[int, pydantic.Field(ge=1, le=1 << 40)]
    type: Literal["video/mp4"] = "video/mp4"
    base64: _Base64 = ""


class Alert(pydantic.BaseModel):
    """An alert as a node reports it; `clip_from_s`: seconds of the stream at which the clip begins; `synthetic`: of
    rendered pictures."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, pydantic.StringConstraints(pattern=r"^alert-[0-9a-f]{8,64}$")]
    node: _Name
    stream: _Name
    frame_at: pydantic.AwareDatetime
    clip_from_s: Annotated[float, pydantic.Field(ge=0, le=1e10, allow_inf_nan=False)] = 0.0
    clip: Clip | None = None
    synthetic: bool = False
    finding: finding.Finding


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """Where an alert went: the report, the version that holds the clip, the finding, and its ticket ("" for none)."""

    report: str
    version: str
    finding: str
    ticket: str


def take(whole: platform.Platform, who: principal.Principal, given: Alert, *, ticket: bool) -> Kept:
    """Keep an alert; the same one again changes nothing. `ticket`: open one, as the default policy says.

    Raises errors.UserError for a clip that is none, or is not the one it says, and for a verdict of another kind.
    """
    if given.finding.verdict != "violated":
        raise errors.UserError("app:alerts.verdict")
    content = _content(given)
    whole.blobs.put(who.tenant, content)
    sha256, clip = ids.digest(content), given.clip is not None and bool(given.clip.base64)
    about = assets.Asset(
        kind="video" if clip else "report",
        name=f"{given.node}/{given.stream}",
        sha256=sha256,
        size=len(content),
        tenant=who.tenant,
        owner=who.name,
        synthetic=given.synthetic,
        media_type="video/mp4" if clip else "application/json",
    )
    known = whole.catalogue(who)
    version = known.register(about, stored=True, source=f"edge:{given.node}", tags=(KIND,))
    found = _placed(given, sha256)
    report = document.Report(
        title=i18n.Message(key="app:alerts.report", values={"name": about.name}).both(),
        created=given.frame_at,
        synthetic=version.asset.synthetic,
        asset=version.asset,
        findings=(found,),
        produced_by=given.finding.evidence[0].produced_by if given.finding.evidence else (),
    )
    told = known.record(report, version.id, kind=KIND)
    memory.traced(known, told, report)
    return Kept(told.id, version.id, found.id, _ticket(whole, who, version, found) if ticket else "")


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """One alert as it is kept: `about` is the version, named `NODE/STREAM`."""

    report: cataloguing.Told
    about: cataloguing.Version
    found: cataloguing.Found
    ticket: str


def listed(
    whole: platform.Platform, who: principal.Principal, *, after: str | None = None, limit: int = 50
) -> tuple[list[Listed], str | None]:
    """Alerts, the last reported first, and the cursor for those before."""
    known = whole.catalogue(who)
    page = known.reports(kind=KIND, after=after, limit=limit)
    found = []
    for told in page.items:
        for one in known.findings(cataloguing.Filter(report=told.id), limit=1).items:
            version = known.version(told.version_id)
            found.append(Listed(told, version, one, _ticket_of(whole, who, version, one.id)))
    return found, page.next


def _content(given: Alert) -> bytes:
    """The clip's bytes; what the alert says, where it comes without them."""
    if given.clip is None or not given.clip.base64:
        plain = given.model_dump(mode="json")
        return json.dumps(plain, ensure_ascii=False, sort_keys=True, allow_nan=False, default=str).encode()
    try:
        film = base64.b64decode(given.clip.base64, validate=True)
    except (binascii.Error, ValueError):
        raise errors.UserError("app:alerts.clip", reason="base64") from None
    if ids.digest(film) != given.clip.sha256 or len(film) != given.clip.bytes or film[4:8] != b"ftyp":
        raise errors.UserError("app:alerts.clip", reason="SHA-256, MP4")
    return film


def _placed(given: Alert, sha256: str) -> finding.Finding:
    """The finding in the clip's own time, with the clip as its evidence."""
    place = given.finding.place
    start, end = ((s if s is not None and math.isfinite(s) else None) for s in (place.start_s, place.end_s))
    start = None if start is None else max(0.0, round(start - given.clip_from_s, 3))
    end = None if end is None else max(start or 0.0, round(end - given.clip_from_s, 3))
    proof: tuple[evidence.Evidence, ...] = ()
    if start is not None and end is not None:
        digest = evidence.Digest(sha256=sha256, covers="file")
        proof = (evidence.Span(asset=sha256, start_s=start, end_s=end, digests=(digest,)),)
    return given.finding.model_copy(
        update={"place": place.model_copy(update={"start_s": start, "end_s": end}), "evidence": proof}
    )


def _ticket(
    whole: platform.Platform, who: principal.Principal, version: cataloguing.Version, found: finding.Finding
) -> str:
    about = whole.catalogue(who).asset(version.asset_id)
    subject = ticketing.Subject(
        asset=about.name,
        kind=about.kind,
        version=version.asset.sha256,
        number=version.number,
        owner=about.owner,
        tags=about.tags,
    )
    made = whole.desk(who).open_by_policy([found], policy.load("default"), subject)
    every = (*made.opened, *made.joined, *made.returned, *made.reopened, *made.unchanged)
    return every[0] if every else ""


def _ticket_of(whole: platform.Platform, who: principal.Principal, version: cataloguing.Version, found: str) -> str:
    own = tables.findings.c
    asked = whole.store.scope(who.tenant).select(tables.findings, own.ticket)
    with whole.store.read() as conn:
        row = conn.execute(
            asked.where(own.asset_version == version.asset.sha256, own.finding == found).limit(1)
        ).one_or_none()
    return str(row.ticket) if row is not None else ""

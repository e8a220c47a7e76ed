"""Service: what the API keeps between calls, beside the platform: rates, answers, uploads, streams."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from taihang.app.api import answers, settings, streams, tries, uploads
from taihang.catalog import tables
from taihang.core import asset, principal
from taihang.trust.access import rates

if TYPE_CHECKING:
    from taihang.app import platform

_TABLES = {".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson", ".arrow", ".feather", ".xlsx", ".xls", ".db"}
_BOOKS = {".yaml", ".yml"}


class Service:
    """One process's."""

    def __init__(self, whole: platform.Platform, limits: settings.Api) -> None:
        self.limits = limits
        self.platform = whole
        self.rates = rates.Memory(rates.Limit(limits.burst, limits.rate_per_s))
        self.tries = tries.Tries(limits.tries_per_minute)
        self.answers = answers.Answers(whole.store)
        self.streams = streams.Streams(limits.streams, limits.heartbeat_s)
        self.uploads = uploads.Uploads(whole.store, whole.home / "uploads", limits, self._finished, self._kept)

    def _finished(self, who: principal.Principal, upload: uploads.Upload, path: Path) -> tuple[str, str]:
        blob = self.platform.blobs.put(who.tenant, path)
        name = upload.metadata.get("filename") or upload.id
        made = asset.Asset(
            kind=kind_of(name, upload.metadata.get("filetype", ""), upload.metadata.get("kind", "")),
            name=name,
            sha256=blob.sha256,
            size=blob.size,
            tenant=who.tenant,
            owner=who.name,
            synthetic=upload.metadata.get("synthetic", "") == "true",
            media_type=media_type(name, upload.metadata.get("filetype", "")),
        )
        version = self.platform.catalogue(who).register(made, stored=True, source=f"upload:{upload.id}")
        self.platform.jobs.schedules.asset_changed(who.tenant, version.asset)
        return blob.sha256, version.id

    def _kept(self, tenant: str) -> int:
        scope = self.platform.store.scope(tenant)
        at = tables.versions.c
        with self.platform.store.read() as conn:
            total = scope.select(tables.versions, sa.func.coalesce(sa.func.sum(at.size), 0)).where(at.stored)
            return int(conn.execute(total).scalar_one())


def kind_of(name: str, given: str, chosen: str) -> asset.Kind:
    """What an uploaded file is: as its owner says, else by its type and name; never by looking inside."""
    if chosen in {"table", "dataset", "video", "model", "rulebook", "contract"}:
        return chosen  # type: ignore[return-value]
    suffix = Path(name).suffix.lower()
    if suffix in _TABLES:
        return "table"
    if name.lower().endswith(".rules.yaml") or suffix in _BOOKS:
        return "rulebook"
    if suffix == ".onnx":
        return "model"
    if media_type(name, given).startswith("video/"):
        return "video"
    return "contract" if suffix in {".pdf", ".docx"} else "table"


def media_type(name: str, given: str) -> str:
    """The media type that is kept; only a label: files are served as attachments, whatever they are."""
    if given and len(given) <= 100 and given.isascii() and given.count("/") == 1 and given.isprintable():
        return given
    return mimetypes.guess_type(name)[0] or "application/octet-stream"

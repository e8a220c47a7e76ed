"""Registering: a content becomes a version of its asset, once; what an asset's versions have in common."""

from __future__ import annotations

import dataclasses
import datetime
import json
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from taihang.catalog import tables, text, words
from taihang.core import asset as assets
from taihang.core import errors, ids
from taihang.engines.store import scope as scoping


@dataclasses.dataclass(frozen=True, slots=True)
class Description:
    """What is said about an asset at its first registration; later only `described` changes it."""

    owner: str = ""
    licence: str = ""
    sensitivity: words.Sensitivity = "internal"
    description: str = ""
    tags: tuple[str, ...] = ()

    def checked(self) -> Description:
        """Itself, tags in order and single. Raises errors.UserError."""
        text.checked("owner", self.owner, 200)
        text.checked("licence", self.licence, 200)
        text.checked("description", self.description, 3000, lines=True)
        if self.sensitivity not in words.Sensitivity.__args__:  # type: ignore[attr-defined]
            known = ", ".join(words.Sensitivity.__args__)  # type: ignore[attr-defined]
            raise errors.UserError("catalog:sensitivity", known=known)
        return dataclasses.replace(self, tags=tagged(self.tags))


@dataclasses.dataclass(frozen=True, slots=True)
class Content:
    """One content to register: the asset's word, and where it came from."""

    asset: assets.Asset
    columns: tuple[words.Column, ...] = ()
    source: str = ""
    stored: bool = False
    job_id: str = ""

    def checked(self) -> Content:
        """Itself. Raises errors.UserError for a name or a text that cannot be kept."""
        text.checked("name", self.asset.name, 300, least=1)
        text.checked("media_type", self.asset.media_type, 200)
        text.checked("source", self.source, 4000)
        text.checked("job_id", self.job_id, 100)
        if not 0 <= self.asset.size < 2**63:
            raise errors.UserError("catalog:size")
        if len(self.columns) > 10_000:
            raise errors.UserError("catalog:columns", most=10_000)
        for column in self.columns:
            text.checked("column", column.name, 500, least=1)
        return self


def tagged(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags in order, each once. Raises errors.UserError."""
    found = sorted({text.checked("tag", tag, 100, least=1).strip() for tag in tags} - {""})
    if len(found) > 50:
        raise errors.UserError("catalog:tags", most=50)
    return tuple(found)


def asset_id(kind: str, name: str) -> str:
    """An asset is its kind and its name in its tenant."""
    return ids.content_id("asset", [kind, name])


def version_id(asset: str, sha256: str) -> str:
    """A version is its content in its asset: the same content twice is the same version."""
    return ids.content_id("version", [asset, sha256])


def register(
    conn: sa.Connection,
    scope: scoping.Scope,
    content: Content,
    description: Description,
    *,
    by: str,
    now: datetime.datetime,
) -> words.Version:
    """The version of a content, made when it is new.

    Raises errors.Conflict for two things with one id, and for another content of an asset that is locked.
    """
    given = content.asset
    asset = asset_id(given.kind, given.name)
    blank = {
        "id": asset, "kind": given.kind, "name": given.name, "owner": description.owner or given.owner,
        "licence": description.licence, "sensitivity": description.sensitivity,
        "description": description.description, "tags": text.dumped(list(description.tags)), "words": "",
        "versions": 0, "latest": "", "revision": 1, "created": now, "changed": now,
    }  # fmt: skip
    first = scope.insert_new(conn, tables.assets, [blank]) == 1
    if first:
        retag(conn, scope, asset, description.tags)
    # The asset's row is the lock: two registrations of one asset number their versions one after the other.
    head = conn.execute(scope.select(tables.assets).where(tables.assets.c.id == asset).with_for_update()).one()
    version = version_id(asset, given.sha256)
    if (head.kind, head.name) != (given.kind, given.name):
        raise errors.Conflict("catalog:same_id", id=asset)
    there = conn.execute(scope.select(tables.versions).where(tables.versions.c.id == version)).one_or_none()
    if there is not None and there.sha256 != given.sha256:
        raise errors.Conflict("catalog:same_id", id=version)
    if words.LOCKED in json.loads(head.tags) and head.latest not in {"", version}:
        raise errors.Conflict("catalog:locked", name=head.name)
    changes: dict[str, Any] = {"latest": version, "changed": now}
    if there is None:
        changes["versions"] = head.versions + 1
        row = {
            "id": version, "asset_id": asset, "number": head.versions + 1, "sha256": given.sha256,
            "size": given.size, "media_type": given.media_type, "synthetic": given.synthetic,
            "columns": text.dumped([c.model_dump() for c in content.columns]), "source": content.source,
            "stored": content.stored, "registered_by": by, "job_id": content.job_id, "recorded": now,
            "mark": secrets.token_hex(16),
        }  # fmt: skip
        conn.execute(scope.insert(tables.versions, row))
    learnt = there is not None and _learnt(conn, scope, there, content)
    if there is None or learnt or head.latest != version:
        conn.execute(scope.update(tables.assets).where(tables.assets.c.id == asset).values(**changes))
        index(conn, scope, asset)
    return version_of(conn, scope, version)


def locked(conn: sa.Connection, scope: scoping.Scope, asset: str) -> None:
    """Until the transaction ends nobody else registers a version of this asset, when it is there."""
    conn.execute(scope.select(tables.assets, tables.assets.c.id).where(tables.assets.c.id == asset).with_for_update())


def _learnt(conn: sa.Connection, scope: scoping.Scope, there: sa.Row[Any], content: Content) -> bool:
    """Add what was not known of a version: that its bytes are kept now, which columns it has."""
    values: dict[str, Any] = {}
    if content.stored and not there.stored:
        values["stored"] = True
    if content.columns and there.columns == "[]":
        values["columns"] = text.dumped([c.model_dump() for c in content.columns])
    if values:
        conn.execute(scope.update(tables.versions).where(tables.versions.c.id == there.id).values(**values))
    return bool(values)


def retag(conn: sa.Connection, scope: scoping.Scope, asset: str, tags: Sequence[str]) -> None:
    """Replace the tags of an asset."""
    conn.execute(scope.delete(tables.tags).where(tables.tags.c.asset_id == asset))
    scope.insert_new(conn, tables.tags, [{"tag": tag, "asset_id": asset} for tag in tags])


def index(conn: sa.Connection, scope: scoping.Scope, asset: str) -> None:
    """Make what is said of an asset, and its latest columns, searchable."""
    of = (tables.versions.c.id == tables.assets.c.latest) & scope.of(tables.versions)
    row = conn.execute(
        scope.select(tables.assets, *tables.assets.c, tables.versions.c.columns)
        .outerjoin(tables.versions, of)
        .where(tables.assets.c.id == asset)
    ).one()
    columns = [c["name"] for c in json.loads(row.columns or "[]")]
    searched = text.folded(row.name, *json.loads(row.tags), row.owner, row.description, row.licence, *columns)
    if searched == row.words:
        return
    conn.execute(scope.update(tables.assets).where(tables.assets.c.id == asset).values(words=searched))
    conn.execute(scope.delete(tables.grams).where(tables.grams.c.asset_id == asset))
    scope.insert_new(conn, tables.grams, [{"gram": gram, "asset_id": asset} for gram in sorted(text.grams(searched))])


def described(
    conn: sa.Connection,
    scope: scoping.Scope,
    asset: str,
    changes: dict[str, Any],
    *,
    revision: int | None,
    now: datetime.datetime,
) -> words.Catalogued:
    """The asset with another description. Raises NotFound, Conflict (another revision), UserError."""
    row = conn.execute(scope.select(tables.assets).where(tables.assets.c.id == asset).with_for_update()).one_or_none()
    if row is None:
        raise errors.NotFound("catalog:no_asset", id=asset)
    if revision is not None and revision != row.revision:
        raise errors.Conflict("catalog:revision", id=asset, revision=row.revision)
    before = catalogued(row)
    kept = {f.name: getattr(before, f.name) for f in dataclasses.fields(Description)}
    new = Description(**{**kept, **changes}).checked()
    values = {**dataclasses.asdict(new), "tags": text.dumped(list(new.tags))}
    conn.execute(
        scope.update(tables.assets)
        .where(tables.assets.c.id == asset)
        .values(**values, revision=row.revision + 1, changed=now)
    )
    retag(conn, scope, asset, new.tags)
    index(conn, scope, asset)
    return asset_of(conn, scope, asset)


def asset_of(conn: sa.Connection, scope: scoping.Scope, asset: str) -> words.Catalogued:
    """An asset by its id. Raises errors.NotFound."""
    row = conn.execute(scope.select(tables.assets).where(tables.assets.c.id == asset)).one_or_none()
    if row is None:
        raise errors.NotFound("catalog:no_asset", id=asset)
    return catalogued(row)


def version_of(conn: sa.Connection, scope: scoping.Scope, version: str) -> words.Version:
    """A version by its id. Raises errors.NotFound."""
    row = conn.execute(versioned(scope).where(tables.versions.c.id == version)).one_or_none()
    if row is None:
        raise errors.NotFound("catalog:no_version", id=version)
    return version_word(row)


def versioned(scope: scoping.Scope) -> sa.Select[Any]:
    """Versions with the kind, name and owner of their assets."""
    of = (tables.assets.c.id == tables.versions.c.asset_id) & scope.of(tables.assets)
    shared = (tables.assets.c.kind, tables.assets.c.name, tables.assets.c.owner)
    return scope.select(tables.versions, *tables.versions.c, *shared).join(tables.assets, of)


def catalogued(row: sa.Row[Any]) -> words.Catalogued:
    """A row of assets as a word."""
    names = set(words.Catalogued.model_fields) - {"tags"}
    return words.Catalogued(**{n: getattr(row, n) for n in names}, tags=tuple(json.loads(row.tags)))


def version_word(row: sa.Row[Any]) -> words.Version:
    """A row of `versioned` as a word."""
    asset = assets.Asset(
        kind=row.kind, name=row.name, sha256=row.sha256, size=row.size, tenant=row.tenant, owner=row.owner,
        synthetic=row.synthetic, media_type=row.media_type,
    )  # fmt: skip
    names = set(words.Version.model_fields) - {"asset", "columns"}
    columns = tuple(words.Column(**c) for c in json.loads(row.columns))
    return words.Version(asset=asset, columns=columns, **{n: getattr(row, n) for n in names})

"""Verbs about how long versions stay, what holds them and how they go; here, or on a platform elsewhere."""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from taihang.app.verbs import catalog
from taihang.app.verbs.catalog import Limit, OfKind, Tenant, Version, plain, show, show_json
from taihang.app.verbs.wording import AsJson, Lang, Server
from taihang.core import errors, i18n

if TYPE_CHECKING:
    from taihang.app import keeper


def _t(key: str, **values: object) -> str:
    return i18n.text(f"app.verbs:{key}", None, **values)


app = catalog.app
Sensitivity = Literal["public", "internal", "sensitive", "important", "core"]
Reason = Annotated[str, typer.Option("--reason", help=_t("catalog.reason"))]


@app.command("delete", help=_t("catalog.delete"))
def _delete(
    version: Version,
    cause: Annotated[Literal["retention", "request", "error"], typer.Option("--cause", help=_t("catalog.cause"))],
    early: Annotated[bool, typer.Option("--early", help=_t("catalog.early"))] = False,
    yes: Annotated[bool, typer.Option("--yes", help=_t("catalog.yes"))] = False,
    tenant: Tenant = "default",
    server: Server = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    with _opened(server, tenant, lang) as at:
        if not yes:
            typer.confirm(_t("catalog.sure", id=version), abort=True, err=True)
        proof = at.delete(version, cause, early=early)
    if as_json:
        show_json(plain(proof))
        return
    show(_t("catalog.gone", findings=proof.findings, reports=proof.reports, blobs=proof.blobs, files=proof.files))
    for place in proof.places:
        how = _t(f"catalog.how.{place.how}", size=place.size)
        show(_t("catalog.place", name=place.name, how=how, traces=place.rows + place.content + place.hash))
    if proof.shared:
        show(_t("catalog.shared"))
    if proof.hash_left:
        show(_t("catalog.hash_left", count=proof.hash_left))
    for path in proof.left_at:
        show(_t("catalog.left", path=path))
    show(_t("catalog.proved") if proof.proved else _t("catalog.unproved"))


@app.command("hold", help=_t("catalog.hold"))
def _hold(
    target: catalog.Asset,
    reason: Reason,
    tenant: Tenant = "default",
    server: Server = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    with _opened(server, tenant, lang) as at:
        _told(at.hold(target, reason), "catalog.held", as_json)


@app.command("holds", help=_t("catalog.holds"))
def _holds(tenant: Tenant = "default", server: Server = None, as_json: AsJson = False, lang: Lang = None) -> None:
    with _opened(server, tenant, lang) as at:
        found = at.holds()
    if as_json:
        show_json([plain(one) for one in found])
        return
    for one in found:
        show(_t("catalog.hold_line", id=one.id, target=one.target, by=one.placed_by, reason=one.reason))


@app.command("release", help=_t("catalog.release"))
def _release(
    hold: Annotated[str, typer.Argument(metavar="HOLD", help=_t("catalog.hold_id"))],
    reason: Reason,
    tenant: Tenant = "default",
    server: Server = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    with _opened(server, tenant, lang) as at:
        _told(at.release(hold, reason), "catalog.released", as_json)


@app.command("keep", help=_t("catalog.keep"))
def _keep(
    days: Annotated[int, typer.Option("--days", min=0, help=_t("catalog.days"))] = 0,
    delete_after: Annotated[int | None, typer.Option("--delete-after", min=0, help=_t("catalog.delete_after"))] = None,
    kind: OfKind = None,
    sensitivity: Annotated[Sensitivity | None, typer.Option("--sensitivity", help=_t("catalog.sensitivity"))] = None,
    remove: Annotated[bool, typer.Option("--remove", help=_t("catalog.remove"))] = False,
    tenant: Tenant = "default",
    server: Server = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.catalog.retention import words as keeping

    if delete_after is not None and delete_after < days:
        raise errors.UserError("app.verbs:catalog.days_order")
    with _opened(server, tenant, lang) as at:
        rule = keeping.Rule(kind=kind, sensitivity=sensitivity, keep_days=days, delete_days=delete_after)
        if remove:
            at.remove_rule(rule.id)
        elif days or delete_after is not None:
            at.set_rule(rule)
        rules = at.rules()
    if as_json:
        show_json([plain(r) for r in rules])
        return
    for r in rules:
        due = "–" if r.delete_days is None else r.delete_days
        show(_t("catalog.rule", kind=r.kind or "*", sensitivity=r.sensitivity or "*", days=r.keep_days, due=due))


@app.command("due", help=_t("catalog.due"))
def _due(
    delete: Annotated[bool, typer.Option("--delete", help=_t("catalog.due_delete"))] = False,
    limit: Limit = 50,
    tenant: Tenant = "default",
    server: Server = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    with _opened(server, tenant, lang) as at:
        found = at.due(limit)
        if not delete:
            told = [plain(v) for v in found]
            lines = [
                _t("catalog.due_line", id=v.id, name=v.asset.name, at=v.recorded.date().isoformat()) for v in found
            ]
        else:
            proofs = [at.delete(v.id, "retention") for v in found]
            told = [plain(p) for p in proofs]
            lines = [
                f"{p.version_id}: {_t('catalog.proved') if p.proved else _t('catalog.unproved_one')}" for p in proofs
            ]
    if as_json:
        show_json(told)
        return
    for text in lines:
        show(text)


def _told(made: Any, key: str, as_json: bool) -> None:
    show_json(plain(made)) if as_json else show(_t(key, id=made.id, target=made.target))


@contextlib.contextmanager
def _opened(server: str | None, tenant: str, lang: i18n.Language | None) -> Iterator[keeper.Keeper]:
    from taihang.app import keeper

    if lang is not None:
        i18n.use(lang)
    with keeper.opened(server, tenant) as at:
        yield at

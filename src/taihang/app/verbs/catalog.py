"""Verbs about the catalogue: taihang catalog …"""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from taihang.app.verbs.wording import AsJson, Lang
from taihang.core import errors, i18n

if TYPE_CHECKING:
    from taihang.catalog import catalogue, words
    from taihang.catalog.lineage import words as lines


def _t(key: str, **values: object) -> str:
    return i18n.text(f"app.verbs:{key}", None, **values)


app = typer.Typer(help=_t("catalog.help"), no_args_is_help=True, rich_markup_mode=None)
_LARGEST = 64 << 20
Kind = Literal["table", "dataset", "video", "model", "rulebook", "contract", "report"]
Asset = Annotated[str, typer.Argument(metavar="ASSET", help=_t("catalog.asset"))]
Version = Annotated[str, typer.Argument(metavar="VERSION", help=_t("catalog.version"))]
Tenant = Annotated[str, typer.Option("--tenant", envvar="TAIHANG_TENANT", help=_t("catalog.tenant"))]
Limit = Annotated[int, typer.Option("--limit", min=1, max=500, help=_t("catalog.limit"))]
After = Annotated[str | None, typer.Option("--after", help=_t("catalog.after"))]
OfKind = Annotated[Kind | None, typer.Option("--kind", help=_t("catalog.kind"))]
OfTag = Annotated[str | None, typer.Option("--tag", help=_t("catalog.tag"))]
OfOwner = Annotated[str | None, typer.Option("--owner", help=_t("catalog.owner"))]


@app.command("list", help=_t("catalog.list"))
def _list(
    kind: OfKind = None,
    tag: OfTag = None,
    owner: OfOwner = None,
    limit: Limit = 50,
    after: After = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    with opened(tenant, lang) as known:
        _assets(known.search(kind=kind, tag=tag, owner=owner, after=after, limit=limit), as_json)


@app.command("search", help=_t("catalog.search"))
def _search(
    query: Annotated[str, typer.Argument(metavar="TEXT", help=_t("catalog.query"))],
    kind: OfKind = None,
    tag: OfTag = None,
    owner: OfOwner = None,
    limit: Limit = 50,
    after: After = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    with opened(tenant, lang) as known:
        _assets(known.search(query, kind=kind, tag=tag, owner=owner, after=after, limit=limit), as_json)


@app.command("show", help=_t("catalog.show"))
def _show(asset: Asset, tenant: Tenant = "default", as_json: AsJson = False, lang: Lang = None) -> None:
    with opened(tenant, lang) as known:
        found = known.asset(known.version(asset).asset_id if asset.startswith("version-") else asset)
        versions = known.versions(found.id, limit=20).items
        reports = {v.id: known.reports(v.id, limit=20).items for v in versions}
    if as_json:
        told = [{**plain(v), "reports": [plain(r) for r in reports[v.id]]} for v in versions]
        show_json({**plain(found), "versions_shown": told})
        return
    show(_t("catalog.line", **_said(found)))
    show(
        _t(
            "catalog.about", owner=found.owner or "–", licence=found.licence or "–", sensitivity=found.sensitivity,
            tags=", ".join(found.tags) or "–",
        )
    )  # fmt: skip
    for version in versions:
        made = version.recorded.isoformat(timespec="seconds")
        show(_t("catalog.of_version", id=version.id, number=version.number, size=version.asset.size, at=made))
        for report in reports[version.id]:
            counts = ", ".join(f"{level} {count}" for level, count in report.counts.items() if count) or "0"
            show(_t("catalog.of_report", id=report.id, kind=report.kind, counts=counts))


@app.command("lineage", help=_t("catalog.lineage"))
def _lineage(
    node: Annotated[str, typer.Argument(metavar="VERSION", help=_t("catalog.node"))],
    down: Annotated[bool, typer.Option("--down", help=_t("catalog.down"))] = False,
    depth: Annotated[int, typer.Option("--depth", min=1, max=100, help=_t("catalog.depth"))] = 10,
    column: Annotated[str | None, typer.Option("--column", help=_t("catalog.column"))] = None,
    events: Annotated[bool, typer.Option("--openlineage", help=_t("catalog.openlineage"))] = False,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    way: Literal["up", "down"] = "down" if down else "up"
    with opened(tenant, lang) as known:
        found = known.lineage.graph(node, way, depth=depth)
        if events:
            for run in found.runs:
                for event in known.lineage.events(run.id):
                    typer.echo(json.dumps(event, ensure_ascii=False))
            return
        steps = known.lineage.columns(node, column, way, depth=depth) if column is not None else ()
    if as_json:
        show_json(plain(found) if column is None else [plain(s) for s in steps])
    elif column is not None:
        for step in steps:
            output = step.output_column or _t("catalog.all_rows")
            show(_t("catalog.edge", depth=step.depth, source=step.input_column, target=output, effect=step.effect))
    else:
        _graph(found)


@app.command("made-by", help=_t("catalog.made_by"))
def _made_by(
    output: Version,
    sql: Annotated[Path, typer.Argument(metavar="QUERY.sql", help=_t("catalog.sql"))],
    inputs: Annotated[list[str], typer.Option("--input", metavar="NAME=VERSION", help=_t("catalog.input"))],
    dialect: Annotated[str, typer.Option("--dialect", help=_t("catalog.dialect"))] = "duckdb",
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import cataloguing

    pairs = dict(cataloguing.pair(one) for one in inputs)
    with opened(tenant, lang) as known:
        run, derived = cataloguing.derived(known, _read(sql), pairs, output, dialect=dialect)
    if as_json:
        columns = {name: [f"{s.table}.{s.column} {s.effect}" for s in sources] for name, sources in derived.columns}
        show_json({"run": run, "columns": columns, "rows": [f"{s.table}.{s.column} {s.effect}" for s in derived.whole]})
        return
    for name, sources in (*derived.columns, (_t("catalog.all_rows"), derived.whole)):
        show(f"{name} ← {', '.join(f'{s.table}.{s.column} ({s.effect})' for s in sources) or '–'}")


@app.command("ingest", help=_t("catalog.ingest"))
def _ingest(
    path: Annotated[Path, typer.Argument(metavar="FILE", help=_t("catalog.events"))],
    tenant: Tenant = "default",
    lang: Lang = None,
) -> None:
    with opened(tenant, lang) as known:
        for line in _events(path):
            show(known.lineage.ingest(line))


def _events(path: Path) -> list[bytes]:
    """One JSON document, or one a line."""
    data = _read(path)
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return [line for line in data.splitlines() if line.strip()] or [data]
    return [data]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise errors.UserError("app.verbs:catalog.unreadable", path=path, reason=error.strerror or "") from None
    if len(data) > _LARGEST:
        raise errors.UserError("app.verbs:catalog.unreadable", path=path, reason=f"> {_LARGEST >> 20} MiB")
    return data


@contextlib.contextmanager
def opened(tenant: str, lang: i18n.Language | None) -> Iterator[catalogue.Catalogue]:
    """The catalogue of this machine, for a verb."""
    from taihang.app import cataloguing

    if lang is not None:
        i18n.use(lang)
    with cataloguing.opened(tenant=tenant) as known:
        yield known


def _assets(page: words.Page[words.Catalogued], as_json: bool) -> None:
    if as_json:
        show_json({"assets": [plain(asset) for asset in page.items], "next": page.next})
        return
    for asset in page.items:
        show(_t("catalog.line", **_said(asset)))
    if page.next is not None:
        typer.echo(_t("catalog.more", after=page.next), err=True)


def _said(asset: words.Catalogued) -> dict[str, Any]:
    return {"id": asset.id, "kind": asset.kind, "name": asset.name, "versions": asset.versions, "latest": asset.latest}


def _graph(found: lines.Graph) -> None:
    names = {n.id: _t("catalog.deleted", id=n.id) if n.gone else f"{n.namespace} {n.name}" for n in found.nodes}
    for node in found.nodes:
        show(f"{'  ' * node.depth}{names[node.id]}  {node.id}")
    for run in found.runs:
        ends: dict[str, list[str]] = {"in": [], "out": []}
        for link in found.links:
            if link.run_id == run.id:
                ends[link.way].append(names[link.node])
        show(
            _t(
                "catalog.run",
                job=run.job,
                id=run.id,
                state=run.state,
                read="; ".join(ends["in"]),
                wrote="; ".join(ends["out"]),
            )
        )
    if found.cut:
        typer.echo(_t("catalog.cut"), err=True)


def plain(word: Any) -> Any:
    """A word as JSON."""
    return word.model_dump(mode="json")


def show_json(value: Any) -> None:
    """A JSON value on the terminal."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def show(text: str) -> None:
    """One line on the terminal."""
    # What a terminal would obey, or show in another order, is shown as a blank.
    typer.echo("".join(c if c.isprintable() else " " for c in text))

"""Rules: shipped rulebooks and the tenant's own, a check of any, and a dry run on a few rows."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from taihang.app import dry, holds
from taihang.app.api import caller, forms, gate, paging, sight
from taihang.catalog import words
from taihang.core import asset as assets
from taihang.core import errors, i18n
from taihang.rules import rulebook

router = gate.router("rules")
Cell = str | int | float | bool | None


class Text(forms.Form):
    """A rulebook as YAML."""

    text: forms.Book


class NewBook(Text):
    """A rulebook to keep, under a name."""

    name: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]


class Sample(Text):
    """Rows to try a rulebook on: for each table a list of objects, a thousand at most."""

    tables: Annotated[
        dict[str, Annotated[list[dict[str, Cell]], pydantic.Field(min_length=1, max_length=1000)]],
        pydantic.Field(min_length=1, max_length=10),
    ]


class BookHold(forms.Form):
    """Whether jobs may use a rulebook, and whether it takes another version; what is left out stays."""

    paused: pydantic.StrictBool | None = None
    locked: pydantic.StrictBool | None = None


class Earlier(forms.Form):
    """The version that is to be in force again."""

    version: Annotated[str, pydantic.StringConstraints(pattern=r"^version-[0-9a-f]{16}$")]


class Book(forms.Answer):
    """A rulebook that was read."""

    id: str
    version: str
    title: str
    rules: int
    sha256: str


class Outcome(forms.Answer):
    """One rule on the sample: how many rows it judged, and which of them it says are bad."""

    rule: str
    title: str
    level: str
    judged: int
    bad: int
    unknown: int
    rows: list[int]


@router.get("/rulebooks")
def list_rulebooks(who: caller.Who) -> forms.Listed[Book]:
    """The shipped rulebooks."""
    who.may("rulebook:read")
    return forms.Listed(items=[_book(rulebook.load(name)) for name in rulebook.shipped()])


@router.get("/rulebooks/own")
def list_own_rulebooks(
    who: caller.Who, after: paging.After = None, limit: paging.Limit = 50
) -> paging.Page[words.Catalogued]:
    """The tenant's own rulebooks, as assets; jobs name one by its version."""
    who.may("rulebook:read")
    page = who.platform.catalogue(who.who).search(kind="rulebook", after=after, limit=limit)
    return paging.Page(items=list(page.items), next=page.next)


@router.patch("/rulebooks/own/{id}")
def hold_rulebook(id: forms.Id, body: BookHold, who: caller.Who) -> words.Catalogued:
    """Pause a rulebook or let it go on, lock it or unlock it; the decision goes to the ledger."""
    sight.asset(who, "asset:read", id)
    who.may("rulebook:update", id)
    return holds.hold(who.platform.catalogue(who.who), id, paused=body.paused, locked=body.locked)


@router.post("/rulebooks/own/{id}/roll-back", status_code=201)
def roll_back_rulebook(id: forms.Id, body: Earlier, who: caller.Who, key: gate.Key = None) -> words.Version:
    """Put an earlier version in force again; refused while the rulebook is locked."""
    sight.asset(who, "asset:read", id)
    who.may("rulebook:update", id)
    return holds.roll_back(who.platform.catalogue(who.who), id, body.version)


@router.post("/rulebooks/check")
def check_rulebook(body: Text, who: caller.Who) -> Book:
    """Read a rulebook; the first thing wrong is told with line and column."""
    who.may("rulebook:read")
    return _book(rulebook.loads(body.text, "rulebook"))


@router.post("/rulebooks/dry-run")
def try_rulebook(body: Sample, who: caller.Who) -> forms.Listed[Outcome]:
    """What a rulebook says of a few rows; nothing is kept."""
    who.may("rulebook:read")
    who.may("job:create")
    found = dry.run(body.text, body.tables)
    return forms.Listed(items=[Outcome.model_validate(one) for one in found])


@router.post("/rulebooks", status_code=201)
def keep_rulebook(body: NewBook, who: caller.Who, key: gate.Key = None) -> words.Version:
    """Keep a rulebook as an asset version that jobs can name."""
    who.may("rulebook:create")
    rulebook.loads(body.text, body.name)
    if body.name in rulebook.shipped():
        raise errors.Conflict("app.api:book_shipped", name=body.name)
    data = body.text.encode()
    blob = who.platform.blobs.put(who.who.tenant, data)
    made = assets.Asset(
        kind="rulebook", name=f"{body.name}.rules.yaml", sha256=blob.sha256, size=blob.size, tenant=who.who.tenant,
        owner=who.who.name, media_type="application/yaml",
    )  # fmt: skip
    return who.platform.catalogue(who.who).register(made, stored=True, sensitivity="internal")


def _book(found: Any) -> Book:
    title: i18n.Text = found.title
    return Book(id=found.id, version=found.version, title=title.in_(), rules=len(found.rules), sha256=found.sha256)

"""Retiring: versions deleted as jobs, one that somebody named or all whose time is over; killed, they go on."""

# ruff: noqa: PLC0415 - the service reads the parameters' models; only a job's own process needs the rest
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import pydantic

from taihang.app.jobs import kinds
from taihang.core import errors

if TYPE_CHECKING:
    from taihang.catalog.retention import retention

DELETE, APPLY = "delete-version", "apply-retention"
_STAGE = "app:retiring.deleting"
_PAGE = 50


class Delete(pydantic.BaseModel):
    """`early`: before a retention rule's time; what holds a version stops it all the same."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    version: Annotated[str, pydantic.StringConstraints(pattern=r"^version-[0-9a-f]{16}$")]
    cause: Literal["retention", "request", "error"]
    early: bool = False


class Apply(pydantic.BaseModel):
    """At most so many versions whose time is over go, the oldest first."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    most: Annotated[int, pydantic.Field(ge=1, le=100_000)] = 1000


@kinds.kind(DELETE, parameters=Delete, running_of_tenant=1)
def _delete(given: Delete, context: kinds.Context) -> kinds.Result:
    with _keeping(context) as at:
        proof = at.delete(given.version, given.cause, early=given.early)
    return kinds.Result(summary={"version": given.version, "proved": proof.proved, "left": proof.left})


@kinds.kind(APPLY, parameters=Apply, running_of_tenant=1)
def _apply(given: Apply, context: kinds.Context) -> kinds.Result:
    gone, unproved, kept = 0, [], 0
    with _keeping(context) as at:
        at.resume()  # what an earlier job, or a person, began and did not finish
        after: str | None = None
        while gone + kept < given.most:
            page = at.due(after=after, limit=min(_PAGE, given.most - gone - kept))
            for version in page.items:
                context.progress.update(_STAGE, gone + kept, given.most)
                try:
                    proof = at.delete(version.id, "retention")
                except errors.Conflict:
                    kept += 1  # somebody put a hold on it a moment ago
                    continue
                gone += 1
                unproved += [] if proof.proved else [version.id]
            after = page.next
            if after is None:
                break
    return kinds.Result(summary={"deleted": gone, "unproved": unproved[:_PAGE], "held": kept})


@contextlib.contextmanager
def _keeping(context: kinds.Context) -> Iterator[retention.Retention]:
    from taihang.app import cataloguing, places
    from taihang.catalog import catalogue
    from taihang.engines.store import opening

    where = places.current()
    store = opening.open_store(where.store)
    try:
        yield cataloguing.keeping(catalogue.Catalogue(store, context.principal), where)
    finally:
        store.close()

"""Kinds: what can be a job. A kind is a function of its parameters and a context, and a model of the former."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pydantic
import sqlalchemy as sa

from taihang.core import errors, principal, words
from taihang.core import job as jobs
from taihang.engines.store import opening

T = TypeVar("T")
GROUP = "taihang.jobs"


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a job leaves besides its files.

    `inputs` are content hashes; `versions` name what made it (rulebook, model); `summary` is a small
    JSON value for whoever asked.
    """

    inputs: tuple[words.Sha256, ...] = ()
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    summary: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Context(Protocol):
    """What a job's function may use. It runs in a process of its own, perhaps more than once."""

    job: str
    attempt: int
    principal: principal.Principal
    store: opening.Store

    @property
    def progress(self) -> jobs.Progress:
        """To be told now and then; raises errors.Cancelled when the job is to stop."""

    @property
    def folder(self) -> Path:
        """Empty at first; what is in it at the end becomes the job's output."""

    @property
    def platform(self) -> Path:
        """The platform's own home, where its keys lie; `home.folder()` is the tenant's part of it."""

    def effect(self, name: str, work: Callable[[sa.Connection], T]) -> T:
        """What `work` returned (a JSON value), done in one transaction and only once for this job and `name`.

        Raises errors.Cancelled when another worker has taken the job over.
        """

    def key(self, name: str) -> str:
        """An idempotency key for an effect outside the store: equal in every attempt of this job."""


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """`paths` are the fields of the parameters that name files; `running` and `running_of_tenant` limit
    how many run at once on all workers together.
    """

    name: str
    parameters: type[pydantic.BaseModel]
    function: Callable[[Any, Context], Result]
    paths: tuple[str, ...] = ()
    running: int = 16
    running_of_tenant: int = 4


_kinds: dict[str, Kind] = {}
_Function = TypeVar("_Function", bound=Callable[..., Result])


def kind(
    name: str,
    *,
    parameters: type[pydantic.BaseModel],
    paths: tuple[str, ...] = (),
    running: int = 16,
    running_of_tenant: int = 4,
) -> Callable[[_Function], _Function]:
    """Register a function as a kind of job."""

    def keep(function: _Function) -> _Function:
        _kinds[name] = Kind(name, parameters, function, paths, running, running_of_tenant)
        return function

    return keep


def load(modules: Iterable[str] = ()) -> None:
    """Register the shipped kinds, those of installed packages, and those of the named modules."""
    importlib.import_module("taihang.app.jobs.verbs")
    for point in importlib.metadata.entry_points(group=GROUP):
        point.load()
    for module in modules:
        importlib.import_module(module)


def known() -> Mapping[str, Kind]:
    """Every kind that is registered."""
    return _kinds


def get(name: str) -> Kind:
    """The kind of this name. Raises errors.UserError."""
    found = _kinds.get(name)
    if found is None:
        raise errors.UserError("app.jobs:unknown_kind", kind=name, known=", ".join(sorted(_kinds)))
    return found


def read(name: str, parameters: Mapping[str, Any]) -> pydantic.BaseModel:
    """The parameters, checked. Raises errors.UserError that names the first wrong one."""
    model = get(name).parameters
    try:
        return model.model_validate(dict(parameters))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "-"
        raise errors.UserError("app.jobs:parameter", kind=name, field=field, reason=first["msg"]) from None

"""Policy: what happens to which kind of personal data and to which column, as a YAML file or options say it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import pydantic
import yaml

from taihang.core import errors

Method = Literal["drop", "hash", "format", "generalise", "shift", "text", "keep"]
METHODS: tuple[Method, ...] = ("drop", "hash", "format", "generalise", "shift", "text", "keep")
KINDS = (
    "id-card", "phone", "email", "bank-card", "plate", "name", "address", "ip", "social-security", "coordinates",
    "passport",
)  # fmt: skip
_LARGEST = 1 << 20
Name = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=200)]


class Column(pydantic.BaseModel):
    """What happens to a column. `kind` says what it holds when that is not to be found out; `step` is for `generalise`.

    `generalise` of numbers gives ranges `step` wide, of days their month (`step: month`) or year (`step: year`).
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")
    method: Method
    kind: str | None = None
    step: float | Literal["year", "month"] | None = None

    @pydantic.field_validator("kind")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in KINDS:
            raise ValueError(f"one of {', '.join(KINDS)}")
        return value


class Policy(pydantic.BaseModel):
    """`method` is for all kinds, `kinds` for single ones, `columns` for columns whatever they hold.

    Without a `method`: `format` when there is a secret, else `drop`. `person` is the column that says whose row it
    is: dates of one person move together. `quasi` together could tell who somebody is; at least `k` rows should share
    them, with at least `l` different values of `sensitive`. `shift_days` is the most that a date moves.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")
    taihang: Literal["masking/1"] = "masking/1"
    method: Method | None = None
    kinds: dict[str, Method] = {}
    columns: dict[Name, Column] = {}
    person: Name | None = None
    quasi: Annotated[tuple[Name, ...], pydantic.Field(max_length=16)] = ()
    sensitive: Name | None = None
    k: Annotated[int, pydantic.Field(ge=2, le=1_000_000)] | None = None
    l: Annotated[int, pydantic.Field(ge=2, le=1_000_000)] | None = None  # noqa: E741 - l-diversity is called so
    shift_days: Annotated[int, pydantic.Field(ge=1, le=3650)] = 180

    @pydantic.field_validator("columns", mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, Mapping):
            return {name: {"method": one} if isinstance(one, str) else one for name, one in value.items()}
        return value

    @pydantic.field_validator("kinds")
    @classmethod
    def _known(cls, value: dict[str, Method]) -> dict[str, Method]:
        unknown = sorted(set(value) - set(KINDS))
        if unknown:
            raise ValueError(f"{unknown[0]} is none of {', '.join(KINDS)}")
        return value

    def of_kind(self, kind: str, *, secret: bool) -> Method:
        """The method for a kind."""
        return self.kinds.get(kind) or self.method or ("format" if secret else "drop")

    @property
    def needs_secret(self) -> bool:
        """True when a method is asked for that nobody could undo only because of a secret."""
        asked = {self.method, *self.kinds.values(), *(one.method for one in self.columns.values())}
        return bool(asked & {"hash", "format", "shift"})


def load(path: Path) -> Policy:
    """A policy from its file. Raises errors.UserError that names the field."""
    try:
        if path.stat().st_size > _LARGEST:
            raise errors.UserError("data.masking:policy", path=path, reason=f"> {_LARGEST} B")
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise errors.UserError("data.masking:policy", path=path, reason=error.strerror or str(error)) from None
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise errors.UserError("data.masking:policy", path=path, reason=str(error).split("\n", 1)[0]) from None
    return read(given, path)


def read(given: object, path: Path | str) -> Policy:
    """A policy from values. Raises errors.UserError that names the field."""
    try:
        return Policy.model_validate(given if given is not None else {})
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "-"
        raise errors.UserError("data.masking:policy_field", path=path, field=field, reason=first["msg"]) from None


def option(given: str) -> tuple[str, Column]:
    """`NAME=METHOD`, `NAME=generalise:10`, or `NAME=KIND/METHOD` as a column's treatment. Raises errors.UserError."""
    name, equals, said = given.rpartition("=")
    kind, slash, method = said.rpartition("/")
    method, _, step = method.partition(":")
    values: dict[str, object] = {"method": method}
    if slash:
        values["kind"] = kind
    if step:
        values["step"] = step if step in {"year", "month"} else _number(step, given)
    try:
        if not equals or not name:
            raise ValueError
        return name, Column.model_validate(values)
    except ValueError:
        raise errors.UserError("data.masking:option", given=given, methods=", ".join(METHODS)) from None


def _number(text: str, given: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1e12:
        raise errors.UserError("data.masking:option", given=given, methods=", ".join(METHODS))
    return found

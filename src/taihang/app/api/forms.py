"""Forms: what bodies and parameters are made of. Nothing unknown is accepted, and no control character."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

import fastapi
import pydantic
import pydantic_core

T = TypeVar("T")
_LINE = r"^[^\x00-\x1f\x7f]*$"
_TEXT = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"

Line = Annotated[str, pydantic.StringConstraints(pattern=_LINE, min_length=1, max_length=200)]
Long = Annotated[str, pydantic.StringConstraints(pattern=_LINE, min_length=1, max_length=2000)]
Words = Annotated[str, pydantic.StringConstraints(pattern=_TEXT, min_length=1, max_length=4000)]
Book = Annotated[str, pydantic.StringConstraints(pattern=_TEXT, min_length=1, max_length=500_000)]
Secret = Annotated[str, pydantic.StringConstraints(pattern=_LINE, min_length=1, max_length=300)]
Tenant = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Id = Annotated[str, fastapi.Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$", description="Its id · 编号")]
Search = Annotated[str, fastapi.Query(pattern=_LINE, max_length=200)]
Word = Annotated[str | None, fastapi.Query(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]


def _written(value: Any) -> Any:
    """Seconds since 1970, which pydantic would take for a time, are no time that anybody wrote."""
    if not isinstance(value, str) or "-" not in value[1:]:
        raise pydantic_core.PydanticCustomError("datetime_type", "a time as in RFC 3339 is needed")
    return value


def _whole(value: Any) -> Any:
    """JSON knows one kind of number: 3.0 is as whole as 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# After a number's bounds: what comes before bounds keeps them out of the published document.
WHOLE = pydantic.BeforeValidator(_whole)
Moment = Annotated[pydantic.AwareDatetime, pydantic.BeforeValidator(_written)]


class Form(pydantic.BaseModel):
    """Base of bodies that callers send."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)


class Answer(pydantic.BaseModel):
    """Base of what is answered; made from a word of the platform by its fields' names."""

    model_config = pydantic.ConfigDict(from_attributes=True, ser_json_inf_nan="null")


class Listed(Answer, Generic[T]):
    """All of a short list."""

    items: list[T]


class Ref(Answer):
    """Where a thing is that was made."""

    id: str

"""Channel: where a message goes. It names its secret (`env:NAME`, `file:PATH`) and never holds it."""

from __future__ import annotations

import re
import urllib.parse
from typing import Annotated, Literal

import pydantic
import pydantic_core

_REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]{0,199}|file:.{1,1000})$"
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
Reference = Annotated[str, pydantic.StringConstraints(pattern=_REFERENCE)]


def _url(text: str) -> str:
    """An address that a webhook may have: no password, no fragment, no blanks or controls."""
    try:
        parts = urllib.parse.urlsplit(text)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine, parts = False, urllib.parse.urlsplit("")
    if not fine or parts.username or parts.password or parts.fragment or re.search(r"[^\x21-\x7e]", text):
        raise pydantic_core.PydanticCustomError("url", "an address such as https://host/path, without a password")
    return text


def _address(text: str) -> str:
    if _ADDRESS.fullmatch(text) is None:
        raise pydantic_core.PydanticCustomError("address", "an e-mail address such as name@example.com")
    return text


Url = Annotated[str, pydantic.StringConstraints(max_length=2000), pydantic.AfterValidator(_url)]
Address = Annotated[str, pydantic.StringConstraints(max_length=320), pydantic.AfterValidator(_address)]


class _Channel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Webhook(_Channel):
    """A program that takes JSON by POST."""

    kind: Literal["webhook"]
    """This is a webhook."""
    url: Url
    """Where to send."""
    secret: Reference | None = None
    """What the messages are signed with, by reference."""


class Email(_Channel):
    """People who get an e-mail."""

    kind: Literal["email"]
    """This is an e-mail."""
    to: Annotated[tuple[Address, ...], pydantic.Field(min_length=1, max_length=50)]
    """Who gets it."""
    language: Literal["zh", "en", "both"] = "both"
    """In which language."""


Channel = Annotated[Webhook | Email, pydantic.Field(discriminator="kind")]
ADAPTER: pydantic.TypeAdapter[Webhook | Email] = pydantic.TypeAdapter(Channel)

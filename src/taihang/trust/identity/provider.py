"""Settings of an organisation's OpenID Connect provider."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

import pydantic

from taihang.core import words
from taihang.trust.access import secrets

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LOCAL = {"localhost", "127.0.0.1", "::1"}


class Provider(words.Word):
    """Settings of one provider. `client_secret` is a reference (`env:NAME`, `file:PATH`); none: a public client.

    `roles` maps its groups to our roles in `tenant`; who has none of them, and no `default_roles`, is not let in.
    """

    issuer: str
    client_id: str
    client_secret: str | None = None
    tenant: words.Slug = "default"
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    algorithms: tuple[Algorithm, ...] = ("RS256", "ES256")
    login_claim: str = "preferred_username"
    groups_claim: str = "groups"
    roles: dict[str, str] = {}
    default_roles: tuple[str, ...] = ()
    skew_s: int = pydantic.Field(default=60, ge=0, le=600)

    @pydantic.field_validator("issuer")
    @classmethod
    def _guarded(cls, value: str) -> str:
        if not guarded(value) or "?" in value or "#" in value:
            raise ValueError("an issuer is an https address without query (http on this machine only)")
        return value

    @pydantic.field_validator("client_secret")
    @classmethod
    def _referred(cls, value: str | None) -> str | None:
        if value is not None and not secrets.is_reference(value):
            raise ValueError("write where the secret is: env:NAME or file:PATH")
        return value

    @pydantic.field_validator("scopes")
    @classmethod
    def _open_id(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return value if "openid" in value else ("openid", *value)


def guarded(url: object) -> bool:
    """True for an https address, or an http one of this machine."""
    if not isinstance(url, str) or any(letter.isspace() for letter in url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL))

"""Tokens and sessions: what one is signed in with, listed and ended."""

from __future__ import annotations

import datetime
from typing import Annotated

import pydantic

from taihang.app.api import caller, forms, gate

router = gate.router("people")


class NewToken(forms.Form):
    """`scopes` such as `finding:read` or `job:*`; it ends after `days` at the latest."""

    name: forms.Line
    scopes: Annotated[list[forms.Line], pydantic.Field(min_length=1, max_length=50)]
    days: Annotated[pydantic.StrictInt, pydantic.Field(ge=1, le=3650), forms.WHOLE] = 30


class Token(forms.Answer):
    """A token without its secret."""

    id: str
    account_id: str
    name: str
    scopes: list[str]
    created_at: datetime.datetime
    expires_at: datetime.datetime
    used_at: datetime.datetime | None = None
    revoked_at: datetime.datetime | None = None


class Issued(forms.Answer):
    """A new token; `secret` is shown this once."""

    token: Token
    secret: str


class Session(forms.Answer):
    """One of a person's sessions."""

    id: str
    tenant: str
    agent: str
    created_at: datetime.datetime
    seen_at: datetime.datetime
    expires_at: datetime.datetime


@router.get("/tokens")
def list_tokens(who: caller.Who) -> forms.Listed[Token]:
    """The tenant's tokens to who may see them, else one's own."""
    everyone = who.can("token:read")
    if not everyone:
        who.may("token:read", owner=who.who.name)
    found = who.platform.tokens.list(who.who, None if everyone else who.who.name)
    return forms.Listed(items=[Token.model_validate(one) for one in found])


@router.post("/tokens", status_code=201)
def create_token(body: NewToken, who: caller.Who) -> Issued:
    """A token that acts as its owner within its scopes; the secret is shown once."""
    who.may("token:create", owner=who.who.name)
    made = who.platform.tokens.issue(who.who, body.name, body.scopes, datetime.timedelta(days=body.days))
    return Issued(token=Token.model_validate(made.token), secret=made.secret)


@router.get("/tokens/{id}")
def get_token(id: forms.Id, who: caller.Who) -> Token:
    """One token."""
    found = who.platform.tokens.get(who.who, id)
    who.may("token:read", id, owner=found.account_id)
    return Token.model_validate(found)


@router.delete("/tokens/{id}", status_code=204)
def revoke_token(id: forms.Id, who: caller.Who) -> None:
    """End a token for good."""
    found = who.platform.tokens.get(who.who, id)
    who.may("token:delete", id, owner=found.account_id)
    who.platform.tokens.revoke(who.who, id)


@router.get("/sessions")
def list_sessions(who: caller.Who) -> forms.Listed[Session]:
    """One's own sessions in this tenant."""
    who.may("session:read", owner=who.who.name)
    found = who.platform.sessions.list(who.who.name, who.who.tenant)
    return forms.Listed(items=[Session.model_validate(one) for one in found])


@router.delete("/sessions/{id}", status_code=204)
def end_session(id: forms.Id, who: caller.Who) -> None:
    """End one of one's own sessions."""
    who.may("session:delete", owner=who.who.name)
    who.platform.sessions.revoke(who.who, who.who.name, id)

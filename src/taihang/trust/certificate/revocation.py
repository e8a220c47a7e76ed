"""Revocation: a signed list of certificates that no longer stand; each list is the whole of it, newer ones have a
higher number."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence

import pydantic

from taihang.core import words
from taihang.trust.certificate import certificate, envelope, invalid
from taihang.trust.ledger import keys

PAYLOAD = "application/vnd.taihang.revocations+json"
FORMAT = "taihang-revocations/1"


class Revoked(words.Word):
    """A certificate by its number and the SHA-256 of its payload, and since when it does not stand, and why."""

    number: str
    sha256: words.Sha256
    at: pydantic.AwareDatetime
    reason: str = pydantic.Field(min_length=1, max_length=2000)


class Revocations(words.Word):
    """The list of an issuer. It is to be renewed until `until`: after that it says nothing of what came since."""

    format: str = pydantic.Field(default=FORMAT, pattern=f"^{FORMAT}$")
    issuer: str
    number: int = pydantic.Field(ge=1)
    made: pydantic.AwareDatetime
    until: pydantic.AwareDatetime
    revoked: tuple[Revoked, ...] = ()


def sign(of: Revocations, signers: Sequence[keys.Signer]) -> bytes:
    """The signed list."""
    payload = json.dumps(of.model_dump(mode="json"), ensure_ascii=False).encode()
    return envelope.sign(PAYLOAD, payload, signers).encoded()


def read(data: bytes, trusted: Sequence[keys.Verifier], *, where: object) -> Revocations:
    """The list when a trusted key signed it. Raises invalid.Invalid."""
    held = envelope.read(data, where)
    if held.kind != PAYLOAD:
        raise invalid.Invalid("trust.certificate:no_list", where=where)
    if held.signed_by(trusted) is None:
        raise invalid.Invalid("trust.certificate:list_forged", where=where)
    try:
        return Revocations.model_validate(envelope.parsed(held.payload, where))
    except pydantic.ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise invalid.Invalid("trust.certificate:form", where=where, reason=reason) from None


def check(of: certificate.Checked, known: Revocations, *, where: object) -> certificate.Checked:
    """The certificate when the list does not name it and is not out of date. Raises invalid.Invalid."""
    for one in known.revoked:
        # Revoked is revoked, whatever the time: nobody can tell when a document was made from its own date.
        if one.sha256 == of.sha256 or one.number == of.certificate.number:
            at = one.at.isoformat(timespec="seconds")
            raise invalid.Invalid("trust.certificate:revoked", number=one.number, at=at, reason=one.reason)
    if of.at >= known.until:
        until = known.until.isoformat(timespec="seconds")
        raise invalid.Invalid("trust.certificate:list_old", where=where, until=until)
    return of.model_copy(update={"revocations": "checked"})


def added(
    known: Revocations | None, issuer: str, found: Sequence[Revoked], now: datetime.datetime, days: int
) -> Revocations:
    """The next list, with further certificates; those already named keep their first entry."""
    before = known.revoked if known else ()
    names = {one.sha256 for one in before}
    return Revocations(
        issuer=issuer,
        number=known.number + 1 if known else 1,
        made=now,
        until=now + datetime.timedelta(days=days),
        revoked=(*before, *(one for one in found if one.sha256 not in names)),
    )

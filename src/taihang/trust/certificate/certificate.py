"""Certificate: who states what of which version, by which rulebook and grades, from when to when.

The document is an in-toto statement (in-toto.io/Statement/v1) in a DSSE envelope: its subjects are names with
SHA-256, its predicate is what this module describes. It knows nothing of tables: any subject will do.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import Any, Literal

import pydantic

from taihang.core import errors, i18n, ids, words
from taihang.trust.certificate import envelope, invalid
from taihang.trust.ledger import keys

PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:taihang:certificate:1"
Standing = Literal["checked", "attested", "unknown"]
_SKEW = datetime.timedelta(minutes=5)  # between two clocks


class Subject(words.Word):
    """What is certified; `kind` is free: table, video, model, programme …; `size` in bytes where it has one."""

    kind: words.Slug
    name: str
    sha256: words.Sha256
    version: str = ""
    size: int | None = pydantic.Field(default=None, ge=0)


class Basis(words.Word):
    """What it was judged by: a rulebook, a grading policy, a report; `sha256` of its content."""

    role: Literal["rulebook", "grades", "report"]
    id: str
    version: str = ""
    sha256: words.Sha256
    title: i18n.Text | None = None


class Measure(words.Word):
    """One value under the certificate, and whether a machine checked it or somebody attested it."""

    name: str
    standing: Standing
    value: float | None = None
    threshold: float | None = None
    passed: bool | None = None
    by: str = ""
    note: i18n.Text | None = None


class Open(words.Word):
    """What was not judged, and why."""

    name: str
    title: i18n.Text | None = None
    reason: i18n.Text


class Grade(words.Word):
    """The grade, what it is called, and the thresholds that were met for it, in words."""

    id: str
    title: i18n.Text
    met: tuple[i18n.Text, ...] = ()


class Certificate(words.Word):
    """What the issuer states. `limits` and `open` belong to it: a copy without them is another document."""

    number: str
    title: i18n.Text
    subjects: tuple[Subject, ...] = pydantic.Field(min_length=1, max_length=1000)
    grade: Grade
    basis: tuple[Basis, ...]
    scope: i18n.Text
    measures: tuple[Measure, ...] = ()
    open: tuple[Open, ...] = ()
    limits: tuple[i18n.Text, ...] = ()
    synthetic: bool = False
    issuer: str
    issued: pydantic.AwareDatetime
    expires: pydantic.AwareDatetime

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> Certificate:
        if self.expires <= self.issued:
            raise ValueError("a certificate expires after it is issued")
        return self

    def statement(self) -> bytes:
        """The in-toto statement as JSON."""
        subject = [{"name": one.name, "digest": {"sha256": one.sha256}} for one in self.subjects]
        value = {
            "_type": STATEMENT,
            "subject": subject,
            "predicateType": PREDICATE,
            "predicate": self.model_dump(mode="json"),
        }
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()

    def based_on(self, role: str) -> Basis | None:
        """The basis of a role, if there is one."""
        return next((one for one in self.basis if one.role == role), None)


class Checked(words.Word):
    """A certificate that holds: by whose key, at what time, and whether a revocation list was looked at."""

    certificate: Certificate
    sha256: words.Sha256
    key: str
    at: pydantic.AwareDatetime
    revocations: Literal["none given", "checked"] = "none given"


def issue(certificate: Certificate, signers: Sequence[keys.Signer]) -> bytes:
    """The signed document. Raises errors.UserError for a key that may not sign, or text that is no UTF-8."""
    try:
        payload = certificate.statement()
    except UnicodeEncodeError:
        raise errors.UserError("trust.certificate:text") from None
    return envelope.sign(PAYLOAD, payload, signers).encoded()


def verify(
    data: bytes, trusted: Sequence[keys.Verifier], *, where: object, at: datetime.datetime | None = None
) -> Checked:
    """The certificate when a trusted key signed it and it is valid at `at` (now). Raises invalid.Invalid."""
    held = envelope.read(data, where)
    key = held.signed_by(trusted)
    if key is None:
        named = {envelope.key_name(one) for one in trusted} & {name for name, _ in held.signatures}
        signers = ", ".join(name for name, _ in held.signatures) or "-"
        wanted = ", ".join(envelope.key_name(one) for one in trusted)
        if named:
            raise invalid.Invalid("trust.certificate:forged", where=where, key=", ".join(sorted(named)))
        raise invalid.Invalid("trust.certificate:other_key", where=where, key=signers, wanted=wanted)
    found = parse(held, where)
    now = at or datetime.datetime.now(datetime.UTC)
    if now < found.issued - _SKEW:
        raise invalid.Invalid("trust.certificate:early", where=where, number=found.number, at=_said(found.issued))
    if now >= found.expires:
        raise invalid.Invalid("trust.certificate:expired", where=where, number=found.number, at=_said(found.expires))
    return Checked(certificate=found, sha256=ids.digest(held.payload), key=envelope.key_name(key), at=now)


def parse(held: envelope.Envelope, where: object) -> Certificate:
    """The certificate inside an envelope, unverified. Raises invalid.Invalid."""
    value = envelope.parsed(held.payload, where)
    if (
        held.kind != PAYLOAD
        or not isinstance(value, dict)
        or (value.get("_type"), value.get("predicateType")) != (STATEMENT, PREDICATE)
    ):
        raise invalid.Invalid("trust.certificate:kind", where=where)
    try:
        found = Certificate.model_validate(value.get("predicate"))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise invalid.Invalid("trust.certificate:form", where=where, reason=reason) from None
    if _subjects(value.get("subject")) != [(one.name, one.sha256) for one in found.subjects]:
        # Two lists that differ would certify one thing to one reader and another to the next.
        raise invalid.Invalid("trust.certificate:form", where=where, reason="subject")
    return found


def _subjects(value: Any) -> list[tuple[Any, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        return []
    return [
        (one.get("name"), one["digest"].get("sha256") if isinstance(one.get("digest"), dict) else None) for one in value
    ]


def _said(at: datetime.datetime) -> str:
    return at.isoformat(timespec="seconds")

"""Entry: one decision in the log, as canonical JSON, with personal data only as commitments.

What is once in the log stays. So what belongs to a person (a name, a number, a remark) is kept out of
it: the entry holds HMAC-SHA-256 of the value under a random salt of 32 bytes. Who has value and salt
can prove what was recorded; once the salt is deleted nobody can, not even by trying all names.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Annotated, Self

import pydantic

from taihang.core import errors, words
from taihang.trust.ledger import forged, tiles

Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Whole = Annotated[int, pydantic.Field(ge=-(2**53) + 1, le=2**53 - 1, strict=True)]
# No float: two programs that write the same number differently would disagree about the bytes.
Fact = Annotated[bool, pydantic.Field(strict=True)] | Whole | str | None
Commitment = words.Sha256
_WORDS = {None: "null", True: "true", False: "false"}
# What `json.dumps(…, ensure_ascii=False)` writes for a text, at a third of its cost.
_string = json.encoder.encode_basestring


class Entry(words.Word):
    """What was decided about what, and when.

    `kind`: e.g. `report`, `ticket-state`, `permission`. `subject`: id or hash of the thing. `facts` must
    not hold personal data; `personal` holds commitments to it (see `commit`).
    """

    kind: words.Slug
    subject: str
    at: datetime.datetime
    tenant: str = "default"
    facts: dict[Name, Fact] = {}
    personal: dict[Name, Commitment] = {}

    @pydantic.field_validator("at")
    @classmethod
    def _utc(cls, value: datetime.datetime) -> datetime.datetime:
        if value.tzinfo is None:
            raise ValueError("a time needs its zone")
        return value.astimezone(datetime.UTC)

    @classmethod
    def now(
        cls,
        kind: str,
        subject: str,
        *,
        tenant: str = "default",
        facts: dict[str, Fact] | None = None,
        personal: dict[str, Commitment] | None = None,
    ) -> Self:
        """An entry with the present time."""
        at = datetime.datetime.now(datetime.UTC)
        return cls(kind=kind, subject=subject, at=at, tenant=tenant, facts=facts or {}, personal=personal or {})

    def encoded(self) -> bytes:
        """Canonical JSON: keys in order, no blanks, UTF-8. Raises errors.UserError when too long."""
        at = self.at.isoformat(timespec="microseconds").removesuffix("+00:00")
        text = (
            f'{{"at":"{at}Z","facts":{_members(self.facts)},"kind":"{self.kind}","personal":{_members(self.personal)},'
            f'"subject":{_string(self.subject)},"tenant":{_string(self.tenant)},"v":1}}'
        )
        try:
            data = text.encode()
        except UnicodeEncodeError:  # half a character: no UTF-8 for it
            raise errors.UserError("trust:ledger.entry_text") from None
        if len(data) > tiles.LONGEST_ENTRY:
            raise errors.UserError("trust:ledger.entry_size", size=len(data), most=tiles.LONGEST_ENTRY)
        return data


def read(data: bytes, where: object) -> Entry:
    """The entry in its bytes. Raises forged.Forged when they are not what `Entry.encoded` writes."""
    try:
        value = json.loads(data)
        if not isinstance(value, dict) or value.pop("v", None) != 1:
            raise ValueError("v")
        found = Entry.model_validate(value)
        same = found.encoded() == data
    except (ValueError, RecursionError, errors.UserError):
        same = False
    if not same:
        raise forged.Forged("trust:ledger.entry_form", where=where)
    return found


def commit(value: str) -> tuple[Commitment, str]:
    """A commitment to a personal value and its salt (hex). Keep the salt where it can be deleted."""
    salt = secrets.token_bytes(32)
    return _commitment(value, salt), salt.hex()


def opens(commitment: Commitment, value: str, salt: str) -> bool:
    """True when `value` under `salt` is what was committed to."""
    try:
        made = _commitment(value, bytes.fromhex(salt))
    except ValueError:
        return False
    return hmac.compare_digest(made, commitment)


def _commitment(value: str, salt: bytes) -> Commitment:
    if len(salt) != 32:
        raise ValueError("a salt has 32 bytes")
    return hmac.new(salt, value.encode(), hashlib.sha256).hexdigest()


def _members(values: Mapping[str, Fact]) -> str:
    """A JSON object with its names in order; they need no escapes (see Name). The hot loop of an append."""
    if not values:
        return "{}"
    parts = []
    for name in sorted(values):
        value = values[name]
        if type(value) is str:
            parts.append(f'"{name}":{_string(value)}')
        elif value is None or value is True or value is False:
            parts.append(f'"{name}":{_WORDS[value]}')
        else:
            parts.append(f'"{name}":{value}')
    return "{" + ",".join(parts) + "}"

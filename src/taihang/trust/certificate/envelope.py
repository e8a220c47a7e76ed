"""Envelope: a signed JSON document that anybody can check, in the form of DSSE 1.0.2 (secure-systems-lab/dsse).

The signature covers the payload's bytes as they are, so no second program needs to write JSON the same way.
Keys are those of the ledger: Ed25519, or SM2 with SM3. A key's id is its name and short id.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from taihang.core import errors
from taihang.trust.certificate import invalid
from taihang.trust.ledger import keys, note

LARGEST = 8 << 20
_MOST_SIGNATURES = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with its type, and signatures as (key id, bytes); nothing is verified yet."""

    kind: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]

    def encoded(self) -> bytes:
        """The envelope as JSON."""
        value = {
            "payloadType": self.kind,
            "payload": note.encode(self.payload),
            "signatures": [{"keyid": key, "sig": note.encode(data)} for key, data in self.signatures],
        }
        return json.dumps(value, indent=1).encode() + b"\n"

    def signed_by(self, trusted: Sequence[keys.Verifier]) -> keys.Verifier | None:
        """The first of the trusted keys whose signature this is, or None."""
        text = _covered(self.kind, self.payload)
        for key in trusted:
            for name, data in self.signatures:
                if name == key_name(key) and key.signed(text, note.Signature(key.name, key.key_id, data)):
                    return key
        return None


def key_name(key: keys.Verifier) -> str:
    """How a signature names its key."""
    return f"{key.name}+{key.key_id.hex()}"


def sign(kind: str, payload: bytes, signers: Sequence[keys.Signer]) -> Envelope:
    """A payload (UTF-8) signed by each key. Raises errors.UserError for a witness's key."""
    text = _covered(kind, payload)
    made = []
    for signer in signers:
        if signer.kind not in keys.LOGS:
            raise errors.UserError("trust.certificate:witness_key", name=signer.name)
        made.append((key_name(signer.verifier), signer.sign(text).data))
    return Envelope(kind, payload, tuple(made))


def read(data: bytes, where: object) -> Envelope:
    """Read an envelope; raises invalid.Invalid when it is not whole or not one."""
    value = parsed(data, where)
    if not isinstance(value, dict):
        raise invalid.Invalid("trust.certificate:form", where=where, reason="no envelope")
    kind, payload, signatures = (value.get(k) for k in ("payloadType", "payload", "signatures"))
    plain = note.decode(payload) if isinstance(payload, str) else None
    if not isinstance(kind, str) or plain is None or not isinstance(signatures, list):
        raise invalid.Invalid("trust.certificate:form", where=where, reason="payloadType, payload, signatures")
    found = []
    for one in signatures[:_MOST_SIGNATURES]:
        raw = one.get("sig") if isinstance(one, dict) else None
        sig = note.decode(raw) if isinstance(raw, str) else None
        if sig is None or not isinstance(one.get("keyid"), str):
            raise invalid.Invalid("trust.certificate:form", where=where, reason="signatures")
        found.append((one["keyid"], sig))
    return Envelope(kind, plain, tuple(found))


def parsed(data: bytes, where: object) -> Any:
    """JSON of bytes; raises invalid.Invalid for what is cut off, too large, or repeats a name."""
    if len(data) > LARGEST:
        raise invalid.Invalid("trust.certificate:form", where=where, reason=f"> {LARGEST} bytes")
    try:
        return json.loads(data, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise invalid.Invalid("trust.certificate:form", where=where, reason=reason) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two members of one name would let two readers see two documents."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _covered(kind: str, payload: bytes) -> str:
    """DSSE's pre-authentication encoding; payloads are UTF-8, which signing and reading hold."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise invalid.Invalid("trust.certificate:form", where="payload", reason="not UTF-8") from None
    return f"DSSEv1 {len(kind.encode())} {kind} {len(payload)} {text}"

"""Signed notes: a text, a blank line and signature lines. Source: c2sp.org/signed-note."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re

from taihang.trust.ledger import forged

LONGEST = 1 << 16
MOST_SIGNATURES = 64
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NAME = re.compile(r"[^\s+]{1,200}")


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose it says it is, the key's short id, and the signature's bytes."""

    name: str
    key_id: bytes
    data: bytes

    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"— {self.name} {encode(self.key_id + self.data)}\n"


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and who signed it; nothing is verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def encoded(self) -> bytes:
        """The note as bytes."""
        return (self.text + "\n" + "".join(s.line() for s in self.signatures)).encode()


def parse(data: bytes, where: object) -> Note:
    """Read a note; `where` names it in messages. Raises forged.Forged when it is not in the form."""
    if len(data) > LONGEST:
        raise forged.Forged("trust:ledger.note_form", where=where, reason=f"> {LONGEST} bytes")
    try:
        plain = data.decode()
    except UnicodeDecodeError:
        raise forged.Forged("trust:ledger.note_form", where=where, reason="not UTF-8") from None
    text, blank, lines = plain.rpartition("\n\n")
    if not blank or not text or not lines.endswith("\n") or _CONTROL.search(plain):
        raise forged.Forged("trust:ledger.note_form", where=where, reason="no text, blank line and signatures")
    found = [signature(line, where) for line in lines[:-1].split("\n")]
    if len(found) > MOST_SIGNATURES:
        raise forged.Forged("trust:ledger.note_form", where=where, reason=f"> {MOST_SIGNATURES} signatures")
    return Note(text + "\n", tuple(found))


def signature(line: str, where: object) -> Signature:
    """Read one signature line, without its newline. Raises forged.Forged."""
    parts = line.split(" ")
    if len(parts) == 3 and parts[0] == "—" and is_name(parts[1]):
        data = decode(parts[2])
        if data is not None and len(data) > 4:
            return Signature(parts[1], data[:4], data[4:])
    raise forged.Forged("trust:ledger.note_form", where=where, reason=f"signature line {line[:80]!r}")


def is_name(name: str) -> bool:
    """True for what may name a key: no blank, no plus, not empty."""
    return _NAME.fullmatch(name) is not None and name.isprintable()


def encode(data: bytes) -> str:
    """Base64 of the standard alphabet, with padding."""
    return base64.b64encode(data).decode()


def decode(text: str) -> bytes | None:
    """Bytes of base64, or None unless `text` is exactly how they are encoded (no second spelling)."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if encode(data) == text else None

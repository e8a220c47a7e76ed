"""Keys: who signs notes and checkpoints, and how that is checked. Ed25519 (RFC 8032).

Public keys are written as C2SP verifier keys, `name+id+base64`; private keys in the form that
Go's note tools use, `PRIVATE+KEY+name+id+base64`, in a file that only its owner may read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import struct
import time
from pathlib import Path

from taihang.core import errors
from taihang.engines.blobs import disk
from taihang.trust.ledger import note

LOG = 0x01
WITNESS = 0x04
try:
    from cryptography import exceptions
    from cryptography.hazmat.primitives.asymmetric import ed25519
except ImportError:
    _installed = False
else:
    _installed = True

_KINDS = {LOG, WITNESS}
_PRIVATE = "PRIVATE+KEY+"


@dataclasses.dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under a name: of a log (`kind` LOG) or of a witness (`kind` WITNESS)."""

    name: str
    kind: int
    public: bytes

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read a verifier key. Raises errors.UserError."""
        name, kind, public = _parts(vkey.strip())
        return cls(name, kind, public)

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart; not a strong hash."""
        return _key_id(self.name, self.kind, self.public)

    @property
    def vkey(self) -> str:
        """The verifier key as text."""
        return f"{self.name}+{self.key_id.hex()}+{note.encode(bytes([self.kind]) + self.public)}"

    def signed(self, text: str, signature: note.Signature) -> bool:
        """True when `signature` is this key's over `text`, in the way of the key's kind."""
        if (signature.name, signature.key_id) != (self.name, self.key_id):
            return False
        data, message = signature.data, text.encode()
        if self.kind == WITNESS:
            if len(data) != 72 or data[0] & 0x80:
                return False
            message = _cosigned(text, struct.unpack(">Q", data[:8])[0])
            data = data[8:]
        _needed()
        try:
            ed25519.Ed25519PublicKey.from_public_bytes(self.public).verify(data, message)
        except (exceptions.InvalidSignature, ValueError):
            return False
        return True

    def knows(self, signature: note.Signature) -> bool:
        """True when the line says that it is of this key."""
        return (signature.name, signature.key_id) == (self.name, self.key_id)


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """A private key under a name."""

    name: str
    kind: int
    _key: ed25519.Ed25519PrivateKey

    @classmethod
    def fresh(cls, name: str, kind: int = LOG) -> Signer:
        """A new random key. Raises errors.UserError for a name with blanks or a plus."""
        if not note.is_name(name):
            raise errors.UserError("trust:ledger.key_name", name=name)
        _needed()
        return cls(name, kind, ed25519.Ed25519PrivateKey.generate())

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Read a private key from its text. Raises errors.UserError, which never shows the key."""
        plain = text.strip()
        if not plain.startswith(_PRIVATE):
            raise errors.UserError("trust:ledger.private_key")
        name, _, rest = plain[len(_PRIVATE) :].partition("+")
        key_id, _, data = rest.partition("+")
        raw = note.decode(data)
        if not note.is_name(name) or raw is None or len(raw) != 33 or raw[0] not in _KINDS:
            raise errors.UserError("trust:ledger.private_key")
        _needed()
        made = cls(name, raw[0], ed25519.Ed25519PrivateKey.from_private_bytes(raw[1:]))
        if made.verifier.key_id.hex() != key_id:
            raise errors.UserError("trust:ledger.private_key")
        return made

    @classmethod
    def load(cls, path: Path) -> Signer:
        """Read a private key's file. Raises errors.UserError."""
        try:
            text = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise errors.UserError("trust:ledger.unreadable", path=path, reason=type(error).__name__) from None
        return cls.parse(text)

    def save(self, path: Path) -> None:
        """Write the private key to a new file that only its owner may read. Raises errors.UserError, Failure."""
        text = f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+"
        text += note.encode(bytes([self.kind]) + self._key.private_bytes_raw())
        with disk.spoken(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                raise errors.UserError("trust:ledger.key_exists", path=path) from None
            with os.fdopen(handle, "w", encoding="ascii") as out:
                out.write(text + "\n")
                out.flush()
                os.fsync(out.fileno())

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self.kind, self._key.public_key().public_bytes_raw())

    def sign(self, text: str, at: int | None = None) -> note.Signature:
        """Sign a note's text; a witness signs it with the time `at` (POSIX seconds; now)."""
        if self.kind == LOG:
            data = self._key.sign(text.encode())
        else:
            stamp = int(time.time()) if at is None else at
            data = struct.pack(">Q", stamp) + self._key.sign(_cosigned(text, stamp))
        return note.Signature(self.name, self.verifier.key_id, data)


def _needed() -> None:
    if not _installed:
        raise errors.MissingExtra("ledger", "Ed25519")


def _cosigned(text: str, stamp: int) -> bytes:
    """What a witness signs (c2sp.org/tlog-cosignature, cosignature/v1)."""
    return f"cosignature/v1\ntime {stamp}\n{text}".encode()


def _key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def _parts(vkey: str) -> tuple[str, int, bytes]:
    name, _, rest = vkey.partition("+")
    key_id, _, data = rest.partition("+")
    raw = note.decode(data)
    if not note.is_name(name) or raw is None or len(raw) != 33 or raw[0] not in _KINDS:
        raise errors.UserError("trust:ledger.public_key", key=vkey[:200])
    if _key_id(name, raw[0], raw[1:]).hex() != key_id:
        raise errors.UserError("trust:ledger.public_key", key=vkey[:200])
    return name, raw[0], raw[1:]

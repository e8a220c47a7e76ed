"""Keys: who signs notes and checkpoints, and how that is checked. Ed25519 (RFC 8032), or SM2 with SM3.

Public keys are written as C2SP verifier keys, `name+id+base64`; private keys in the form that
Go's note tools use, `PRIVATE+KEY+name+id+base64`, in a file that only its owner may read. C2SP has no
type for SM2: such keys carry its byte for types of one's own, 0xff, and a name behind it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import secrets
import struct
import tempfile
import time
from pathlib import Path

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric import ed25519

from taihang.core import errors
from taihang.engines.blobs import disk
from taihang.trust.ledger import note, sm

LOG = 0x01
WITNESS = 0x04
LOG_SM2 = 0xFF
LOGS = (LOG, LOG_SM2)
# How a kind is written before a key, and how long its public keys are.
_MARKS = {LOG: (b"\x01", 32), WITNESS: (b"\x04", 32), LOG_SM2: (b"\xfftaihang-sm2-sm3", 64)}
_SECRET = 32
_PRIVATE = "PRIVATE+KEY+"


@dataclasses.dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under a name: of a log (`kind` LOG or LOG_SM2) or of a witness (`kind` WITNESS)."""

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
        return f"{self.name}+{self.key_id.hex()}+{note.encode(_MARKS[self.kind][0] + self.public)}"

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
        if self.kind == LOG_SM2:
            return sm.signed(self.public, message, data)
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
    _secret: bytes

    @classmethod
    def fresh(cls, name: str, kind: int = LOG) -> Signer:
        """A new random key. Raises errors.UserError for a name with blanks or a plus."""
        if not note.is_name(name):
            raise errors.UserError("trust:ledger.key_name", name=name)
        return cls(name, kind, sm.fresh() if kind == LOG_SM2 else secrets.token_bytes(_SECRET))

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Read a private key from its text. Raises errors.UserError, which never shows the key."""
        plain = text.strip()
        if not plain.startswith(_PRIVATE):
            raise errors.UserError("trust:ledger.private_key")
        name, _, rest = plain[len(_PRIVATE) :].partition("+")
        key_id, _, data = rest.partition("+")
        found = _unmarked(note.decode(data))
        if not note.is_name(name) or found is None or len(found[1]) != _SECRET:
            raise errors.UserError("trust:ledger.private_key")
        made = cls(name, *found)
        try:
            same = made.verifier.key_id.hex() == key_id
        except ValueError:  # a number that is no SM2 key
            same = False
        if not same:
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
        text += note.encode(_MARKS[self.kind][0] + self._secret)
        with disk.spoken(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".part-", dir=path.parent)  # readable by its owner alone
            try:
                with os.fdopen(handle, "w", encoding="ascii") as out:
                    out.write(text + "\n")
                    out.flush()
                    os.fsync(out.fileno())
                # A link appears whole, and never over a key that is there.
                os.link(temporary, path)
            except FileExistsError:
                raise errors.UserError("trust:ledger.key_exists", path=path) from None
            finally:
                Path(temporary).unlink()
        disk.sync(path.parent)

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        if self.kind == LOG_SM2:
            return Verifier(self.name, self.kind, sm.public(self._secret))
        return Verifier(self.name, self.kind, self._ed25519.public_key().public_bytes_raw())

    def sign(self, text: str, at: int | None = None) -> note.Signature:
        """Sign a note's text; a witness signs it with the time `at` (POSIX seconds; now)."""
        if self.kind == LOG_SM2:
            data = sm.sign(self._secret, text.encode())
        elif self.kind == LOG:
            data = self._ed25519.sign(text.encode())
        else:
            stamp = int(time.time()) if at is None else at
            data = struct.pack(">Q", stamp) + self._ed25519.sign(_cosigned(text, stamp))
        return note.Signature(self.name, self.verifier.key_id, data)

    @property
    def _ed25519(self) -> ed25519.Ed25519PrivateKey:
        return ed25519.Ed25519PrivateKey.from_private_bytes(self._secret)


def _cosigned(text: str, stamp: int) -> bytes:
    """What a witness signs (c2sp.org/tlog-cosignature, cosignature/v1)."""
    return f"cosignature/v1\ntime {stamp}\n{text}".encode()


def _key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _MARKS[kind][0] + public).digest()[:4]


def _unmarked(raw: bytes | None) -> tuple[int, bytes] | None:
    """Kind and key in what is written, or None."""
    for kind, (mark, _) in _MARKS.items():
        if raw is not None and raw.startswith(mark):
            return kind, raw[len(mark) :]
    return None


def _parts(vkey: str) -> tuple[str, int, bytes]:
    name, _, rest = vkey.partition("+")
    key_id, _, data = rest.partition("+")
    found = _unmarked(note.decode(data))
    if not note.is_name(name) or found is None or len(found[1]) != _MARKS[found[0]][1]:
        raise errors.UserError("trust:ledger.public_key", key=vkey[:200])
    kind, public = found
    if _key_id(name, kind, public).hex() != key_id or (kind == LOG_SM2 and not sm.is_public(public)):
        raise errors.UserError("trust:ledger.public_key", key=vkey[:200])
    return name, kind, public

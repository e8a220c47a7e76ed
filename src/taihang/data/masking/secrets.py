"""Secrets: what masks are made with, derived from one secret that is only ever referred to."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from taihang.core import errors
from taihang.data.masking import ff1

_SHORTEST = 16


class Secret:
    """Keys of a secret, one a purpose (HKDF, RFC 5869): nothing made with one tells about another.

    Raises errors.UserError for a secret of fewer than 16 characters, which could be guessed.
    """

    def __init__(self, text: str) -> None:
        if len(text) < _SHORTEST:
            raise errors.UserError("data.masking:secret_short", least=_SHORTEST)
        self._text = text.encode()
        self._permuting = ff1.Ff1(self._key("permute"))
        self._streaming = self._key("stream")
        self._hashing = self._key("hash")

    def _key(self, purpose: str) -> bytes:
        info = f"taihang masking {purpose}".encode()
        return HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(self._text)

    def permuted(self, number: int, size: int, label: str, *, inverse: bool = False) -> int:
        """A number of the range in place of another; each label has a permutation of its own."""
        return self._permuting.permuted(number, size, label.encode(), inverse)

    def stream(self, text: str, count: int) -> bytes:
        """So many bytes that follow from a text and from the secret."""
        made = b""
        while len(made) < count:
            made += hmac.digest(
                self._streaming, len(made).to_bytes(4, "big") + text.encode("utf-8", "surrogatepass"), "sha256"
            )
        return made[:count]

    def hashed(self, text: str) -> str:
        """20 letters for a text (HMAC-SHA-256, 100 bits): equal for equal texts, and none can be tried."""
        digest = hmac.new(self._hashing, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
        number = int.from_bytes(digest[:13], "big")
        # Letters only: no run of digits that could be taken for a number of somebody.
        made = ""
        for _ in range(20):
            number, one = divmod(number, 32)
            made += "abcdefghijkmnpqrstuvwxyzABCDEFGH"[one]
        return made

    def days(self, person: str, most: int) -> int:
        """Days by which all dates of a person move: between 1 and `most`, forth or back."""
        number = int.from_bytes(self.stream(f"days:{person}", 8), "big") % (2 * most)
        return number - most if number < most else number - most + 1

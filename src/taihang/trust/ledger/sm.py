"""SM2 signatures with SM3 (GB/T 32918.2, curve of GB/T 32918.5), by gmssl: the extra `sm`.

gmssl is plain Python: its arithmetic takes times that depend on the secrets, so sign where nobody else can
measure. Its own random numbers are not for keys, so they are made here; its constructor strips digits off
some public keys, so they are set past it.
"""

from __future__ import annotations

import secrets

from taihang.core import errors

try:
    from gmssl import sm2
except ImportError:
    _installed = False
else:
    _installed = True

_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = _P - 3
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93


def fresh() -> bytes:
    """A random private key, 32 bytes."""
    return (1 + secrets.randbelow(_N - 2)).to_bytes(32, "big")


def public(private: bytes) -> bytes:
    """The public key, x and y of 32 bytes each. Raises ValueError for a private key out of range."""
    number = int.from_bytes(private, "big")
    if len(private) != 32 or not 1 <= number <= _N - 2:
        raise ValueError("an SM2 private key lies between 1 and n - 2")
    engine = _engine(b"")
    return bytes.fromhex(engine._kg(number, engine.ecc_table["g"]))


def is_public(key: bytes) -> bool:
    """True for a point of the curve; a key that is none could be used to learn or forge."""
    x, y = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
    return len(key) == 64 and x < _P and y < _P and (y * y - (x * x * x + _A * x + _B)) % _P == 0


def sign(private: bytes, message: bytes, nonce: int | None = None) -> bytes:
    """The signature r and s, 32 bytes each, for the usual user id `1234567812345678`.

    `nonce` is for test vectors alone: one that is used twice gives the private key away.
    """
    engine = _engine(public(private), private)
    while True:
        k = nonce if nonce is not None else 1 + secrets.randbelow(_N - 1)
        made: str | None = engine.sign_with_sm3(message, f"{k:064x}")
        if made is not None:
            return bytes.fromhex(made)
        if nonce is not None:
            raise ValueError("this nonce gives no signature")


def signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """True when the signature is the key's over the message."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if len(signature) != 64 or not 1 <= r < _N or not 1 <= s < _N or not is_public(key):
        return False
    try:
        return bool(_engine(key).verify_with_sm3(signature.hex(), message))
    except (TypeError, ValueError, IndexError):  # the point at infinity, which the library cannot write
        return False


def _engine(key: bytes, private: bytes = b"") -> sm2.CryptSM2:
    if not _installed:
        raise errors.MissingExtra("sm", "SM2")
    engine = sm2.CryptSM2(private_key=private.hex(), public_key="")
    engine.public_key = key.hex()
    return engine

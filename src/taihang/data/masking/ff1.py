"""FF1: format-preserving encryption of NIST SP 800-38G, and permutations of any range of numbers by it.

FF3-1 is left out: NIST withdrew it in SP 800-38G Rev. 1 (2025) after attacks. The cipher is AES of `cryptography`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SMALLEST = 1_000_000
_ROUNDS = 10


class _Shape(NamedTuple):
    """What the rounds of one call share: the first block, the tweak with its zeros, and the lengths b and d."""

    head: bytes
    filled: bytes
    b: int
    d: int


class Ff1:
    """FF1 under one AES key of 16, 24 or 32 bytes."""

    def __init__(self, key: bytes) -> None:
        # One context for all blocks: ECB of single blocks is the bare cipher that FF1 is built on.
        self._encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
        self._block: Callable[[bytes], bytes] = self._encryptor.update

    def encrypt(self, value: int, radix: int, length: int, tweak: bytes = b"") -> int:
        """The number whose `length` numerals in `radix` FF1 gives for those of `value`.

        Raises ValueError for fewer than a million different values, which the standard forbids.
        """
        return self._rounds(value, radix, length, tweak, range(_ROUNDS))

    def decrypt(self, value: int, radix: int, length: int, tweak: bytes = b"") -> int:
        """The number that `encrypt` made this of."""
        return self._rounds(value, radix, length, tweak, range(_ROUNDS - 1, -1, -1))

    def _rounds(self, value: int, radix: int, length: int, tweak: bytes, order: range) -> int:
        if radix**length < SMALLEST or not 0 <= value < radix**length:
            raise ValueError("outside the domain of FF1")
        u, v = length // 2, length - length // 2
        sizes = (radix**u, radix**v)
        b = (sizes[1] - 1).bit_length() + 7 >> 3
        d = 4 * -(-b // 4) + 4
        head = self._block(_head(radix, length, u, len(tweak)))
        shape = _Shape(head, tweak + bytes(-(len(tweak) + b + 1) % 16), b, d)
        left, right = divmod(value, sizes[1])
        for number in order:
            size = sizes[number % 2]
            if order.step > 0:
                left, right = right, (left + self._noise(shape, number, right)) % size
            else:
                left, right = (right - self._noise(shape, number, left)) % size, left
        return int(left * sizes[1] + right)

    def _noise(self, shape: _Shape, number: int, half: int) -> int:
        state = shape.head
        data = shape.filled + bytes([number]) + half.to_bytes(shape.b, "big")
        for at in range(0, len(data), 16):
            state = self._block(_xor(state, data[at : at + 16]))
        stream = state
        for more in range(1, -(-shape.d // 16)):
            stream += self._block(_xor(state, more.to_bytes(16, "big")))
        return int.from_bytes(stream[: shape.d], "big")

    def permuted(self, value: int, size: int, tweak: bytes = b"", inverse: bool = False) -> int:
        """A permutation of the numbers below `size`: FF1 over bits, walked until the result is below again."""
        if not 0 <= value < size:
            raise ValueError("outside the range")
        bits = max(20, (size - 1).bit_length())
        step = self.decrypt if inverse else self.encrypt
        found = step(value, 2, bits, tweak)
        while found >= size:
            found = step(found, 2, bits, tweak)
        return found


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(16, "big")


@functools.cache
def _head(radix: int, length: int, u: int, tweak: int) -> bytes:
    return (
        b"\x01\x02\x01"
        + radix.to_bytes(3, "big")
        + bytes([10, u % 256])
        + length.to_bytes(4, "big")
        + tweak.to_bytes(4, "big")
    )

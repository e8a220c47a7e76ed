"""FF1: the samples that NIST publishes, and permutations of any range."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.data.masking import ff1

KEY = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
KEY_192 = KEY + bytes.fromhex("EF4359D8D580AA4F")
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("key", "radix", "tweak", "plain", "cipher"),
    [
        (KEY, 10, "", "0123456789", "2433477484"),
        (KEY, 10, "39383736353433323130", "0123456789", "6124200773"),
        (KEY, 36, "3737373770717273373737", "0123456789abcdefghi", "a9tv40mll9kdu509eum"),
        (KEY_192, 10, "", "0123456789", "2830668132"),
    ],
)
def test_the_published_samples(key: bytes, radix: int, tweak: str, plain: str, cipher: str) -> None:
    made = ff1.Ff1(key)
    number = made.encrypt(int(plain, radix), radix, len(plain), bytes.fromhex(tweak))
    assert number == int(cipher, radix)
    assert made.decrypt(number, radix, len(plain), bytes.fromhex(tweak)) == int(plain, radix)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 10**20), st.data())
def test_a_permutation_stays_in_its_range_and_can_be_undone_with_the_key(size: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(0, size - 1))
    # A range far smaller than FF1 takes would walk long.
    size = max(size, 10_000)
    made = ff1.Ff1(KEY)
    found = made.permuted(value, size, b"x")
    assert 0 <= found < size
    assert made.permuted(found, size, b"x", inverse=True) == value


def test_small_domains_are_refused() -> None:
    with pytest.raises(ValueError, match="domain"):
        ff1.Ff1(KEY).encrypt(1, 10, 5)

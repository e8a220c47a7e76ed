"""The tree, held against a second one that is written straight from the definitions of RFC 9162, 2.1."""

from __future__ import annotations

import functools
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taihang.trust.ledger import merkle

LEAVES = [merkle.leaf(str(i).encode()) for i in range(600)]


def hashed(lo: int, hi: int) -> bytes:
    """MTH(D[lo:hi])."""
    return _hashed(lo, hi)


@functools.cache
def _hashed(lo: int, hi: int) -> bytes:
    if hi == lo:
        return hashlib.sha256().digest()
    if hi - lo == 1:
        return LEAVES[lo]
    k = 1
    while k * 2 < hi - lo:
        k *= 2
    return hashlib.sha256(b"\x01" + _hashed(lo, lo + k) + _hashed(lo + k, hi)).digest()


def path(m: int, lo: int, hi: int) -> list[bytes]:
    """PATH(m, D[lo:hi])."""
    if hi - lo == 1:
        return []
    k = merkle.split(hi - lo)
    if m < k:
        return [*path(m, lo, lo + k), hashed(lo + k, hi)]
    return [*path(m - k, lo + k, hi), hashed(lo, lo + k)]


def subproof(m: int, lo: int, hi: int, whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[lo:hi], b)."""
    if m == hi - lo:
        return [] if whole else [hashed(lo, hi)]
    k = merkle.split(hi - lo)
    if m <= k:
        return [*subproof(m, lo, lo + k, whole), hashed(lo + k, hi)]
    return [*subproof(m - k, lo + k, hi, False), hashed(lo, lo + k)]


def nodes(level: int, index: int) -> bytes:
    return hashed(index << level, (index + 1) << level)


# Known from the certificate transparency world: leaves "", 00, 10, 2021, 3031, 40414243, 50..57, 60..6f.
KNOWN = [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"@ABC", bytes(range(0x50, 0x58)), bytes(range(0x60, 0x70))]


@pytest.mark.parametrize(
    ("count", "root"),
    [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ],
)
def test_known_roots(count: int, root: str) -> None:
    assert merkle.root([merkle.leaf(data) for data in KNOWN[:count]]).hex() == root


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 65])
def test_every_leaf_of_small_trees_is_proved(size: int) -> None:
    assert merkle.root(LEAVES[:size]) == hashed(0, size)
    for index in range(size):
        proof = merkle.inclusion(index, size, nodes)
        assert proof == path(index, 0, size)
        assert merkle.includes(index, size, LEAVES[index], proof, hashed(0, size))


@pytest.mark.parametrize("size", range(1, 20))
def test_every_older_tree_is_the_start_of_a_newer(size: int) -> None:
    for old in range(1, size + 1):
        proof = merkle.consistency(old, size, nodes)
        assert proof == subproof(old, 0, size, True)
        assert merkle.extends(old, size, hashed(0, old), hashed(0, size), proof)


@given(st.data())
def test_larger_trees_and_false_proofs(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(LEAVES)))
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion(index, size, nodes)
    root = hashed(0, size)
    assert merkle.includes(index, size, LEAVES[index], proof, root)
    other = data.draw(st.integers(0, size + 3).filter(lambda i: i != index))
    assert not merkle.includes(other, size, LEAVES[index], proof, root)
    assert not merkle.includes(index, size, LEAVES[index], [*proof, root], root)
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.includes(index, size, LEAVES[index], proof[:place] + proof[place + 1 :], root)
        wrong = bytearray(proof[place])
        wrong[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
        assert not merkle.includes(
            index, size, LEAVES[index], [*proof[:place], bytes(wrong), *proof[place + 1 :]], root
        )


@given(st.data())
def test_false_histories_have_no_proof(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, len(LEAVES)))
    old = data.draw(st.integers(1, size - 1))
    proof = merkle.consistency(old, size, nodes)
    first, whole = hashed(0, old), hashed(0, size)
    assert merkle.extends(old, size, first, whole, proof)
    changed = data.draw(st.integers(0, old - 1))
    leaves = [*LEAVES[:changed], merkle.leaf(b"changed"), *LEAVES[changed + 1 : size]]
    assert not merkle.extends(old, size, merkle.root(leaves[:old]), whole, proof)
    assert not merkle.extends(old, size, first, merkle.root(leaves), proof)
    assert not merkle.extends(size, old, whole, first, proof)
    assert not merkle.extends(old, size, first, whole, proof[:-1])
    assert not merkle.extends(old, size, first, whole, [*proof, first])


@given(st.integers(0, 8), st.integers(0, 30), st.integers(1, 600))
def test_a_subtree_is_in_its_tree(level: int, index: int, size: int) -> None:
    start = index << level
    if start >= size:
        return
    end = min(start + (1 << level), size)
    # SUBTREE_PROOF, from the definitions: what is beside the subtree on the way up.
    if merkle.sound(start, end):
        proof = _beside(start, end, 0, size, True)
        part, whole = hashed(start, end), hashed(0, size)
        assert merkle.embeds(start, end, size, part, whole, proof)
        assert not merkle.embeds(start, end, size, part, merkle.node(whole, whole), proof)
        assert not merkle.embeds(start, end, size, part, whole, [*proof, part])


def _beside(start: int, end: int, lo: int, hi: int, known: bool) -> list[bytes]:
    if (start, end) == (lo, hi):
        return [] if known else [hashed(lo, hi)]
    k = lo + merkle.split(hi - lo)
    if end <= k:
        return [*_beside(start, end, lo, k, known), hashed(k, hi)]
    if start >= k:
        return [*_beside(start, end, k, hi, known), hashed(lo, k)]
    return [*_beside(k, end, k, hi, False), hashed(lo, k)]


def test_what_is_not_a_range_is_no_subtree() -> None:
    leaf = LEAVES[0]
    for start, end, size in [(1, 3, 4), (2, 5, 8), (3, 2, 4), (-1, 0, 1), (0, 3, 2), (0, 2**63, 2**63)]:
        assert not merkle.embeds(start, end, size, leaf, leaf, [])
    assert not merkle.includes(0, 0, leaf, [], leaf)
    assert not merkle.includes(-1, 1, leaf, [], leaf)
    assert not merkle.includes(0, 2, leaf, [b"short"], leaf)
    with pytest.raises(ValueError, match="not in a tree"):
        merkle.inclusion(3, 3, nodes)
    with pytest.raises(ValueError, match="not the start"):
        merkle.consistency(4, 3, nodes)
    assert merkle.consistency(0, 3, nodes) == []
    assert merkle.extends(0, 0, merkle.EMPTY, merkle.EMPTY, [])
    assert not merkle.extends(0, 3, merkle.EMPTY, hashed(0, 3), [])

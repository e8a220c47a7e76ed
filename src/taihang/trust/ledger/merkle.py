"""The Merkle tree of RFC 9162, section 2.1: hashes, roots, proofs and their checks.

Hashes are 32 bytes, SHA-256; a leaf is hashed behind a zero byte and a node behind a one, so that no
node passes for a leaf. Trees are ranges [lo, hi) of leaf numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

SIZE = 32
EMPTY = hashlib.sha256().digest()
LARGEST = 2**63 - 1

Node = Callable[[int, int], bytes]
"""(level, index) → hash of the perfect subtree of 2**level leaves that starts at leaf index * 2**level."""


def leaf(entry: bytes) -> bytes:
    """Hash of one entry."""
    return hashlib.sha256(b"\0" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Hash of two subtrees."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """Root over subtrees of equal size, of which the last may be smaller; `EMPTY` for none."""
    if not hashes:
        return EMPTY
    row = list(hashes)
    sha = hashlib.sha256
    while len(row) > 1:
        odd = row[-1:] if len(row) % 2 else []
        pairs = zip(row[0::2], row[1::2], strict=False)
        row = [sha(b"\1" + left + right).digest() for left, right in pairs] + odd
    return row[0]


def split(width: int) -> int:
    """The largest power of two below `width` (which is 2 or more)."""
    return 1 << ((width - 1).bit_length() - 1)


def span(lo: int, hi: int, nodes: Node) -> bytes:
    """Root of the leaves [lo, hi), where `lo` is a multiple of the power of two at or above hi - lo."""
    width = hi - lo
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return nodes(level, lo >> level)
    middle = lo + split(width)
    return node(span(lo, middle, nodes), span(middle, hi, nodes))


def inclusion(index: int, size: int, nodes: Node) -> list[bytes]:
    """Proof that leaf `index` is in the tree of `size` leaves (RFC 9162, 2.1.3.1), leaf's sibling first."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    found = []
    lo, hi = 0, size
    while hi - lo > 1:
        middle = lo + split(hi - lo)
        if index < middle:
            found.append(span(middle, hi, nodes))
            hi = middle
        else:
            found.append(span(lo, middle, nodes))
            lo = middle
    return found[::-1]


def consistency(old: int, new: int, nodes: Node) -> list[bytes]:
    """Proof that the tree of `old` leaves is the start of that of `new` (RFC 9162, 2.1.4.1)."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} is not the start of one of {new}")
    if old in (0, new):
        return []
    found = []
    lo, hi = 0, new
    while old != hi:
        middle = lo + split(hi - lo)
        if old <= middle:
            found.append(span(middle, hi, nodes))
            hi = middle
        else:
            found.append(span(lo, middle, nodes))
            lo = middle
    if lo:
        found.append(span(lo, hi, nodes))
    return found[::-1]


def includes(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root_hash: bytes) -> bool:
    """True when `proof` leads from the leaf to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size <= LARGEST or not _hashes(leaf_hash, root_hash, *proof):
        return False
    place, last, made = index, size - 1, leaf_hash
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            made = node(step, made)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            made = node(made, step)
        place, last = place >> 1, last >> 1
    return last == 0 and made == root_hash


def extends(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """True when `proof` leads from the tree of `old` leaves to that of `new` (RFC 9162, 2.1.4.2).

    Nothing can be proved of the empty tree: False unless `new` is empty too.
    """
    if old == 0:
        return new == 0 and not proof and old_root == new_root == EMPTY
    return embeds(0, old, new, old_root, new_root, proof)


def embeds(  # noqa: PLR0917 - a statement about six values
    start: int, end: int, size: int, part: bytes, whole: bytes, proof: Sequence[bytes]
) -> bool:
    """True when the subtree over [start, end) with root `part` is in the tree of `size` with root `whole`.

    A consistency proof where start is 0. Source: draft-ietf-plants-merkle-tree-certs, 4.4.3.
    """
    if start == end:
        return 0 <= end <= size and not proof and part == EMPTY
    if not sound(start, end) or not end <= size <= LARGEST or not _hashes(*proof):
        return False
    first, place, last = start, end - 1, size - 1
    while first != place and (place == last or place & 1):
        first, place, last = first >> 1, place >> 1, last >> 1
    steps = iter(proof)
    if first == place:
        seed: bytes | None = part
    else:
        seed = next(steps, None)
    if seed is None:
        return False
    old = new = seed
    for step in steps:
        if last == 0:
            return False
        if place & 1 or place == last:
            if first < place:
                old = node(step, old)
            new = node(step, new)
            while not place & 1:
                first, place, last = first >> 1, place >> 1, last >> 1
        else:
            new = node(new, step)
        first, place, last = first >> 1, place >> 1, last >> 1
    return last == 0 and old == part and new == whole


def sound(start: int, end: int) -> bool:
    """True when [start, end) can be a subtree: `start` is a multiple of the power of two at or above its width."""
    return 0 <= start < end <= LARGEST and start % (1 << (end - start - 1).bit_length()) == 0


def _hashes(*values: bytes) -> bool:
    return all(len(value) == SIZE for value in values)

"""Verify: what a log's files and proofs are worth to somebody who holds only public keys.

Nothing here writes, and nothing needs the log's keeper.
"""

from __future__ import annotations

import dataclasses

from taihang.trust.ledger import checkpoint, forged, merkle, proof, store, tiles
from taihang.trust.ledger import entry as entries


@dataclasses.dataclass(frozen=True, slots=True)
class Verified:
    """A log that holds: its size and root, and whose signatures are under them."""

    origin: str
    size: int
    root: bytes
    witnesses: tuple[str, ...]
    checkpoint: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Proved:
    """An entry that stands at `index` in the log of `size` entries."""

    entry: entries.Entry
    index: int
    size: int
    origin: str
    witnesses: tuple[str, ...]


def log(files: store.Store, policy: checkpoint.Policy, since: bytes | None = None) -> Verified:
    """Check every entry and every tile of a log against its signed checkpoint.

    Where witnesses are demanded and the newest checkpoint lacks them, the newest that witnesses signed is
    held against the files instead: then only its entries are vouched for.

    `since` is a checkpoint that was seen before: the log must begin with what it covered. Raises
    forged.Forged that names the first file which does not hold, forged.Forked when `since` excludes
    this log.
    """
    signed, where = _signed(files, policy)
    head = signed.head
    reader = tiles.Reader(files, head.size)
    edge = _walked(reader)
    if edge.root() != head.root:
        raise forged.Forged("trust:ledger.root", where=where, size=head.size)
    if since is not None:
        _since(since, signed, policy, reader)
    return Verified(head.origin, head.size, head.root, signed.witnesses, signed.encoded())


def bundle(text: str | bytes, policy: checkpoint.Policy, *, subject: str | None = None) -> Proved:
    """Check a proof that stands alone, and that it is about `subject` (a report's SHA-256).

    Raises forged.Forged.
    """
    where = "proof"
    given = proof.parse(text, where)
    signed = checkpoint.verify(given.checkpoint, policy, where)
    head = signed.head
    if not merkle.includes(given.index, head.size, merkle.leaf(given.entry), given.path, head.root):
        raise forged.Forged("trust:ledger.inclusion", where=where, index=given.index, size=head.size)
    found = entries.read(given.entry, where)
    if subject is not None and found.subject != subject:
        raise forged.Forged("trust:ledger.subject", where=where, subject=subject, found=found.subject)
    return Proved(found, given.index, head.size, head.origin, signed.witnesses)


def _signed(files: store.Store, policy: checkpoint.Policy) -> tuple[checkpoint.Signed, str]:
    where = files.where("checkpoint")
    data = files.read("checkpoint")
    if data is None:
        raise forged.Forged("trust:ledger.missing", where=where)
    plain = checkpoint.verify(data, checkpoint.Policy(policy.log, policy.witnesses), where)
    if len(plain.witnesses) < policy.need:
        older, other = files.read("witnessed"), files.where("witnessed")
        if older is not None:
            return checkpoint.verify(older, policy, other), other
    return checkpoint.verify(data, policy, where), where


def _walked(reader: tiles.Reader) -> tiles.Edge:
    """Hash every entry, and hold every tile against what the entries say."""
    edge = tiles.Edge()
    for number in range(-(-reader.size // tiles.WIDTH)):
        hashes = [merkle.leaf(data) for data in reader.bundle(number)]
        if b"".join(hashes) != reader.data(0, number):
            raise forged.Forged(
                "trust:ledger.bundle", where=reader.where("entries", number), tile=reader.where(0, number)
            )  # fmt: skip
        _same(reader, edge.grow(hashes))
    _same(reader, edge.partial())
    return edge


def _same(reader: tiles.Reader, made: dict[tiles.Place, bytes]) -> None:
    for (level, number, _), data in made.items():
        if isinstance(level, int) and level and reader.data(level, number) != data:
            raise forged.Forged("trust:ledger.tile", where=reader.where(level, number))


def _since(since: bytes, signed: checkpoint.Signed, policy: checkpoint.Policy, reader: tiles.Reader) -> None:
    """The older checkpoint must be signed by the log; its witnesses were somebody's concern then."""
    old = checkpoint.verify(since, checkpoint.Policy(policy.log), "since")
    if old.head.size > signed.head.size:
        raise forged.Forked(
            "trust:ledger.shrunk", origin=old.head.origin, old=old.head.size, new=signed.head.size
        )  # fmt: skip
    made = merkle.span(0, old.head.size, reader.node) if old.head.size else merkle.EMPTY
    checkpoint.alike(old.head, checkpoint.Checkpoint(signed.head.origin, old.head.size, made))

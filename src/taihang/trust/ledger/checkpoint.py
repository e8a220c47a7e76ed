"""Checkpoints: origin, size and root of a log at one moment, signed. Source: c2sp.org/tlog-checkpoint."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from taihang.core import errors
from taihang.trust.ledger import forged, keys, merkle
from taihang.trust.ledger import note as notes

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclasses.dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: `size` entries under `root` in the log that calls itself `origin`."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{notes.encode(self.root)}\n"


@dataclasses.dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint in its note, with those of the known witnesses whose signatures hold."""

    head: Checkpoint
    note: notes.Note
    witnesses: tuple[str, ...] = ()

    def encoded(self) -> bytes:
        """The note as bytes."""
        return self.note.encoded()

    def with_signature(self, signature: notes.Signature) -> Signed:
        """The same with one line more; nothing is verified here."""
        return Signed(self.head, notes.Note(self.note.text, (*self.note.signatures, signature)))


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """Whom to believe: the log's key, and how many of which witnesses must have signed too."""

    log: keys.Verifier
    witnesses: tuple[keys.Verifier, ...] = ()
    need: int = 0

    def __post_init__(self) -> None:
        # The same key under two names is still one witness.
        keys_held = len({w.public for w in self.witnesses})
        if not 0 <= self.need <= keys_held:
            raise errors.UserError("trust:ledger.policy", need=self.need, have=keys_held)
        for key, kinds in ((self.log, keys.LOGS), *((w, (keys.WITNESS,)) for w in self.witnesses)):
            if key.kind not in kinds:
                raise errors.UserError("trust:ledger.key_kind", name=key.name)


def sign(head: Checkpoint, signer: keys.Signer, also: Sequence[keys.Signer] = ()) -> Signed:
    """A checkpoint signed by its log, with further keys of the log's too."""
    return Signed(head, notes.Note(head.text(), tuple(one.sign(head.text()) for one in (signer, *also))))


def parse(data: bytes, where: object) -> Signed:
    """Read a checkpoint without believing it. Raises forged.Forged when it is not in the form."""
    signed = notes.parse(data, where)
    lines = signed.text[:-1].split("\n")
    root = notes.decode(lines[2]) if len(lines) == 3 else None
    if not lines[0] or root is None or len(root) != merkle.SIZE or not _SIZE.fullmatch(lines[1]):
        raise forged.Forged("trust:ledger.checkpoint_form", where=where)
    head = Checkpoint(lines[0], int(lines[1]), root)
    if head.size > merkle.LARGEST or (head.size == 0) != (root == merkle.EMPTY):
        raise forged.Forged("trust:ledger.checkpoint_form", where=where)
    return Signed(head, signed)


def verify(data: bytes, policy: Policy, where: object) -> Signed:
    """Read a checkpoint and hold it against a policy. Raises forged.Forged, naming whose signature is missing."""
    found = parse(data, where)
    if found.head.origin != policy.log.name:
        raise forged.Forged("trust:ledger.origin", where=where, origin=found.head.origin, name=policy.log.name)
    if not _signs(found.note, policy.log, where):
        raise forged.Forged("trust:ledger.unsigned", where=where, name=policy.log.name)
    seen = [w for w in policy.witnesses if _signs(found.note, w, where)]
    have = len({w.public for w in seen})
    if have < policy.need:
        raise forged.Forged("trust:ledger.witnesses", where=where, have=have, need=policy.need)
    return Signed(found.head, found.note, tuple(_names(seen)))


def alike(one: Checkpoint, other: Checkpoint) -> None:
    """Check that two true heads of one log do not exclude each other. Raises forged.Forked.

    Only heads of one size can be judged so; for others see `follows`.
    """
    if one.size == other.size and one.root != other.root:
        raise forged.Forked("trust:ledger.forked", origin=one.origin, size=one.size)


def follows(old: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> None:
    """Check that `new` only adds to `old`.

    Raises forged.Forked when the two exclude each other; forged.Forged when `proof` proves nothing,
    which alone does not show a fork.
    """
    alike(old, new)
    if new.size < old.size:
        raise forged.Forged("trust:ledger.stale", origin=new.origin, old=old.size, new=new.size)
    if old.size and not merkle.extends(old.size, new.size, old.root, new.root, proof):
        raise forged.Forged("trust:ledger.consistency", origin=new.origin, old=old.size, new=new.size)


def _signs(signed: notes.Note, key: keys.Verifier, where: object) -> bool:
    """True when the key signed; a line that says so and is false condemns the note (signed-note, Signatures)."""
    lines = [line for line in signed.signatures if key.knows(line)]
    for line in lines:
        if not key.signed(signed.text, line):
            raise forged.Forged("trust:ledger.signature", where=where, name=key.name)
    return bool(lines)


def _names(found: Iterable[keys.Verifier]) -> list[str]:
    return sorted({key.name for key in found})

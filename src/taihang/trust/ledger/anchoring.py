"""Anchoring: somebody outside says when a checkpoint existed. A port; `timestamp` is its adapter for RFC 3161.

What is stamped is the checkpoint's signed text. Who holds the token and the outside's certificate can tell
that the log had these entries then, even if the log's own key is stolen later.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import Protocol

from taihang.trust.ledger import checkpoint, forged, log, merkle, store, tiles

ANCHORED = "anchored"


@dataclasses.dataclass(frozen=True, slots=True)
class Stamp:
    """What a token says: the moment, and who says so."""

    at: datetime.datetime
    authority: str


class Anchor(Protocol):
    """A service that stamps messages."""

    def stamp(self, message: bytes) -> bytes:
        """A token over the message, checked against it. Raises errors.Failure, forged.Forged."""


class Checker(Protocol):
    """Tells what a token is worth, offline."""

    def check(self, token: bytes, message: bytes, where: object) -> Stamp:
        """The stamp in a token over this message. Raises forged.Forged."""


@dataclasses.dataclass(frozen=True, slots=True)
class Anchored:
    """The first `size` entries of the log were there at the stamp's moment."""

    size: int
    stamp: Stamp


def anchor(ledger: log.Ledger, service: Anchor) -> int:
    """Have the newest checkpoint stamped, and keep the token beside it; says how many entries it covers.

    Raises errors.Failure when the service does not answer, forged.Forged when its token is not good.
    """
    signed = ledger.checkpoint()
    head = checkpoint.parse(signed, "checkpoint")
    token = service.stamp(head.note.text.encode())
    # The token first: the checkpoint is what makes somebody look for it.
    ledger.keep({_name(head.head.size): token})
    ledger.keep({ANCHORED: signed})
    return head.head.size


def verify(files: store.Store, policy: checkpoint.Policy, checker: Checker) -> Anchored:
    """Check the newest anchored checkpoint of a log whose files hold (see verify.log), and its token.

    Raises forged.Forged.
    """
    where = files.where(ANCHORED)
    data = files.read(ANCHORED)
    if data is None:
        raise forged.Forged("trust:ledger.not_anchored", where=where)
    signed = checkpoint.verify(data, checkpoint.Policy(policy.log), where)
    _in(files, policy, signed.head, where)
    name = _name(signed.head.size)
    token = files.read(name)
    if token is None:
        raise forged.Forged("trust:ledger.missing", where=files.where(name))
    return Anchored(signed.head.size, checker.check(token, signed.note.text.encode(), files.where(name)))


def _in(files: store.Store, policy: checkpoint.Policy, old: checkpoint.Checkpoint, where: str) -> None:
    """The anchored head must be one of this log's, not of another history."""
    data = files.read("checkpoint")
    if data is None:
        raise forged.Forged("trust:ledger.missing", where=files.where("checkpoint"))
    new = checkpoint.verify(data, checkpoint.Policy(policy.log), files.where("checkpoint")).head
    if old.size > new.size:
        raise forged.Forked("trust:ledger.shrunk", origin=old.origin, old=old.size, new=new.size)
    made = merkle.span(0, old.size, tiles.Reader(files, new.size).node) if old.size else merkle.EMPTY
    checkpoint.alike(old, checkpoint.Checkpoint(new.origin, old.size, made))


def _name(size: int) -> str:
    return f"anchors/{size:020}.tsr"

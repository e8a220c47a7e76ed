"""Proofs that stand alone: the entry, its way up the tree, and the signed checkpoint, in one text.

The form is c2sp.org/tlog-proof; its `extra` line holds the entry's bytes.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from taihang.trust.ledger import forged, merkle, note

_FIRST = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
LONGEST = 1 << 18


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """Entry `index` and its inclusion proof in the tree of `checkpoint` (a note's bytes); nothing is verified."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    def text(self) -> str:
        """The proof as text."""
        lines = [_FIRST, f"extra {note.encode(self.entry)}", f"index {self.index}", *map(note.encode, self.path)]
        return "\n".join(lines) + "\n\n" + self.checkpoint.decode()


def parse(text: str | bytes, where: object) -> Proof:
    """Read a proof. Raises forged.Forged when it is not in the form."""
    try:
        plain = text.decode() if isinstance(text, bytes) else text
        raw = plain.encode()
    except UnicodeError:
        raise _wrong(where) from None
    head, blank, checkpoint = plain.partition("\n\n")
    lines = head.split("\n")
    if len(raw) > LONGEST or not blank or len(lines) < 3 or lines[0] != _FIRST or not lines[1].startswith("extra "):
        raise _wrong(where)
    entry, index = note.decode(lines[1][6:]), _INDEX.fullmatch(lines[2])
    path = [note.decode(line) for line in lines[3:]]
    if entry is None or index is None or any(step is None or len(step) != merkle.SIZE for step in path):
        raise _wrong(where)
    return Proof(entry, int(index[1]), tuple(step for step in path if step is not None), checkpoint.encode())


def path_text(path: Sequence[bytes]) -> str:
    """A consistency proof as lines of base64."""
    return "".join(note.encode(step) + "\n" for step in path)


def _wrong(where: object) -> forged.Forged:
    return forged.Forged("trust:ledger.proof_form", where=where)

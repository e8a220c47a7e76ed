"""Witness: somebody else who signs a log's checkpoints and never signs two that exclude each other.

It keeps one checkpoint a log in its folder; what it signed is durable before its signature leaves.
Source: c2sp.org/tlog-witness (its rules; for how requests travel see `witnessing`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from taihang.core import errors
from taihang.engines.blobs import disk
from taihang.trust.ledger import checkpoint, forged, keys


class Moved(errors.Conflict):
    """The witness signed `size` entries of the log last, and not what the asker believes."""

    def __init__(self, size: int) -> None:
        super().__init__("trust:ledger.witness_moved", size=size)
        self.size = size


class Witness:
    """Signs for the logs whose keys it is given."""

    def __init__(self, folder: Path, signer: keys.Signer, logs: Sequence[keys.Verifier]) -> None:
        if signer.kind != keys.WITNESS:
            raise errors.UserError("trust:ledger.key_kind", name=signer.name)
        self.folder = folder
        self.signer = signer
        self.logs: Mapping[str, keys.Verifier] = {key.name: key for key in logs}

    def size(self, origin: str) -> int:
        """How much of a log it has signed: what the next consistency proof must start from."""
        known = self._known(origin)
        return known.head.size if known else 0

    def cosign(
        self, signed: bytes, proof: Sequence[bytes] = (), at: int | None = None, *, old: int | None = None
    ) -> str:
        """The signature line for a checkpoint that continues what was signed before.

        `proof` leads from the size that `size` gives to the checkpoint's; `old` is the size that the asker
        believes it to be. Raises forged.Forked when the two exclude each other (the evidence is kept beside
        the state), forged.Forged for a wrong signature or proof, Moved when `old` is not the size signed
        last, errors.UserError for a log that is not known.
        """
        origin = checkpoint.parse(signed, "checkpoint").head.origin
        if origin not in self.logs:
            raise errors.UserError("trust:ledger.unknown_log", origin=origin)
        new = checkpoint.verify(signed, checkpoint.Policy(self.logs[origin]), "checkpoint")
        with self._alone():
            known = self._known(origin)
            size = known.head.size if known else 0
            if old is not None and old != size:
                raise Moved(size)
            if known is not None:
                self._follows(known, new, proof)
            disk.write({self._path(origin): new.encoded()})
            return self.signer.sign(new.note.text, at).line()

    def _follows(self, old: checkpoint.Signed, new: checkpoint.Signed, proof: Sequence[bytes]) -> None:
        try:
            checkpoint.follows(old.head, new.head, proof)
        except forged.Forked:
            disk.write({self._path(new.head.origin, ".forked"): old.encoded() + b"\n" + new.encoded()})
            raise

    def _known(self, origin: str) -> checkpoint.Signed | None:
        path = self._path(origin)
        with disk.spoken(path):
            data = path.read_bytes() if path.exists() else None
        return None if data is None else checkpoint.verify(data, checkpoint.Policy(self.logs[origin]), path)

    def _path(self, origin: str, end: str = "") -> Path:
        return self.folder / (hashlib.sha256(origin.encode()).hexdigest()[:32] + end)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One request at a time, over threads and processes: two at once could sign two histories."""
        with disk.spoken(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

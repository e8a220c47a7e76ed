"""View: a published log as its readers see it. Proofs without the log's lock, its key or its process."""

from __future__ import annotations

import threading

from taihang.core import errors
from taihang.trust.ledger import checkpoint, forged, keys, merkle, proof, store, tiles


class View:
    """What is published in `files` by the log whose public key is `key`; each call reads the newest.

    Threads may share one: tiles that are full never change, and those that were read are kept.
    """

    def __init__(self, files: store.Store, key: keys.Verifier) -> None:
        self._files = files
        self._policy = checkpoint.Policy(key)
        self._lock = threading.Lock()
        self._kept: tiles.Reader | None = None

    def head(self, *, witnessed: bool = False) -> checkpoint.Signed:
        """The newest checkpoint, or the newest that witnesses signed. Raises forged.Forged, errors.NotFound."""
        name = "witnessed" if witnessed else "checkpoint"
        data = self._files.read(name)
        if data is None:
            if witnessed:
                raise errors.NotFound("trust:ledger.not_witnessed")
            raise forged.Forged("trust:ledger.missing", where=self._files.where(name))
        return checkpoint.verify(data, self._policy, self._files.where(name))

    def prove(self, index: int, *, witnessed: bool = False) -> str:
        """A proof for entry `index` that stands alone (see proof.Proof).

        Raises errors.NotFound when the checkpoint does not cover it (yet), forged.Forged for broken files.
        """
        signed = self.head(witnessed=witnessed)
        size = signed.head.size
        if not 0 <= index < size:
            raise errors.NotFound("trust:ledger.no_entry", index=index, size=size)
        with self._lock:
            reader = self._reader(size)
            data = reader.bundle(index // tiles.WIDTH)[index % tiles.WIDTH]
            path = merkle.inclusion(index, size, reader.node)
        if not merkle.includes(index, size, merkle.leaf(data), path, signed.head.root):
            # A proof that does not hold must not leave the house; files that were mended are read anew.
            self._kept = None
            raise forged.Forged("trust:ledger.inclusion", where=self._files.where("checkpoint"), index=index, size=size)
        return proof.Proof(data, index, tuple(path), signed.encoded()).text()

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Proof that the log of `old` entries is the start of that of `new` (of the newest checkpoint)."""
        size = self.head().head.size
        end = size if new is None else new
        if not 0 <= old <= end <= size:
            raise errors.NotFound("trust:ledger.no_entry", index=max(old, end), size=size)
        with self._lock:
            return merkle.consistency(old, end, self._reader(size).node)

    def _reader(self, size: int) -> tiles.Reader:
        if self._kept is None or self._kept.size != size:
            earlier = self._kept if self._kept is not None and self._kept.size < size else None
            self._kept = tiles.Reader(self._files, size, earlier)
        return self._kept

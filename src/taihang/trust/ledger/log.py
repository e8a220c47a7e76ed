"""Log: the ledger that is written to. One writer, many threads; durable before it answers."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from taihang.core import errors
from taihang.engines.blobs import disk
from taihang.trust.ledger import (
    checkpoint,
    forged,
    journal,
    keys,
    locking,
    merkle,
    note,
    proof,
    settling,
    store,
    tiles,
)
from taihang.trust.ledger import entry as entries
from taihang.trust.ledger.receipt import Receipts

# In the class below the word is its method.
_Checkpoint = checkpoint.Checkpoint
_Policy = checkpoint.Policy
_Signed = checkpoint.Signed
_WITNESSED = "witnessed"
_PUBLISH_AFTER = 1 << 16  # entries that wait at most; a checkpoint that is asked for publishes sooner


@dataclasses.dataclass(eq=False, slots=True)
class _Request:
    encoded: list[bytes]
    hashes: list[bytes]
    first: int | None = None


class Ledger:
    """A tamper-evident append-only log in a folder.

    `folder` holds the journal and, unless `files` is another store, what is published: checkpoint and
    tiles. `signer` is the log's key, and its name the log's origin; the keys in `also` (of the same name)
    sign each checkpoint too. A log that is not there is begun.
    Raises errors.UserError when another process writes to it, forged.Forged when what is there does
    not hold together.
    """

    def __init__(
        self,
        folder: Path,
        signer: keys.Signer,
        *,
        files: store.Store | None = None,
        also: Sequence[keys.Signer] = (),
        publish_after: int = _PUBLISH_AFTER,
    ) -> None:
        for one in (signer, *also):
            if one.kind not in keys.LOGS or one.name != signer.name:
                raise errors.UserError("trust:ledger.key_kind", name=one.name)
        self.folder = folder
        self.signer = signer
        self._also = tuple(also)
        self._files = files or store.Folder(folder)
        self._publish_after = publish_after
        self._queue: list[_Request] = []
        self._queue_lock = threading.Lock()
        self._write_lock = threading.RLock()
        self._witnessed: checkpoint.Signed | None = None
        self._lock = locking.locked(folder)
        self._settler = settling.Settler(folder, self._files) if isinstance(self._files, store.Folder) else None
        try:
            self._open()
        except BaseException:
            os.close(self._lock)
            raise

    def append(self, batch: Sequence[entries.Entry]) -> Receipts:
        """Add entries in order, all or none; on return they are durable.

        Threads that append at the same time share one sync. Raises errors.Failure (nothing of the
        batch is in the log then) and errors.UserError for an entry that is too long.
        """
        return self.append_encoded([entry.encoded() for entry in batch])

    def append_encoded(self, encoded: list[bytes]) -> Receipts:
        """Like `append`, for entries that are bytes already (see `Entry.encoded`)."""
        if sum(map(len, encoded)) + 2 * len(encoded) > journal.LARGEST_FRAME // 2:
            raise errors.UserError("trust:ledger.batch_size", most=journal.LARGEST_FRAME // 2)
        request = _Request(encoded, [merkle.leaf(data) for data in encoded])
        if not encoded:
            return Receipts(0, ())
        with self._queue_lock:
            self._queue.append(request)
        with self._write_lock:
            # Whoever comes first writes for all who wait; the others find their work done.
            if request.first is None:
                self._commit(request)
            first = request.first
        assert first is not None
        return Receipts(first, request.hashes)

    def checkpoint(self) -> bytes:
        """The signed checkpoint over every entry that was acknowledged. Raises errors.Failure."""
        with self._write_lock:
            if self._edge.size < self.size:
                self._publish()
            return self._signed.encoded()

    def prove(self, index: int, *, witnessed: bool = False) -> str:
        """A proof for entry `index` that stands alone (see proof.Proof).

        Under the newest checkpoint, or under the newest that witnesses signed (see `cosigned`).
        Raises errors.UserError when there is no such entry.
        """
        with self._write_lock:
            if not witnessed:
                self.checkpoint()
            signed = self._witnessed if witnessed else self._signed
            size = signed.head.size if signed else 0
            if signed is None or not 0 <= index < size:
                raise errors.UserError("trust:ledger.no_entry", index=index, size=size)
            data = self._reader.bundle(index // tiles.WIDTH)[index % tiles.WIDTH]
            path = merkle.inclusion(index, size, self._reader.node)
        return proof.Proof(data, index, tuple(path), signed.encoded()).text()

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Proof that the log of `old` entries is the start of that of `new` (of the newest checkpoint)."""
        with self._write_lock:
            self.checkpoint()
            size = self._edge.size if new is None else new
            if not 0 <= old <= size <= self._edge.size:
                raise errors.UserError("trust:ledger.no_entry", index=max(old, size), size=self._edge.size)
            return merkle.consistency(old, size, self._reader.node)

    def cosigned(self, signed: bytes, line: str, witness: keys.Verifier) -> bytes:
        """Keep a witness's signature line of one of this log's checkpoints; gives the note with it.

        Raises forged.Forged when the line is not the witness's or the checkpoint not this log's.
        """
        policy = checkpoint.Policy(self.signer.verifier)
        given = checkpoint.verify(signed, policy, "checkpoint")
        cosignature = note.signature(line.strip("\n"), "cosignature")
        if not witness.signed(given.note.text, cosignature):
            raise forged.Forged("trust:ledger.signature", where="cosignature", name=witness.name)
        with self._write_lock:
            base = self._witnessed
            if base is None or base.head.size < given.head.size:
                base = checkpoint.Signed(given.head, given.note)
            if base.head != given.head:
                raise errors.UserError("trust:ledger.cosigned_late", size=given.head.size, newer=base.head.size)
            known = [s for s in base.note.signatures if not witness.knows(s)]
            kept = checkpoint.Signed(base.head, note.Note(base.note.text, (*known, cosignature)))
            self._files.write({_WITNESSED: kept.encoded()})
            self._witnessed = kept
            return kept.encoded()

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Publish files beside the log's own: time stamps (see anchoring). Raises errors.Failure."""
        with self._write_lock:
            self._files.write(files)

    def seal(self, report_sha256: str, *, tenant: str = "default", **facts: entries.Fact) -> str:
        """Append that a report was made (its file's hash and what else is said), and prove it."""
        made = entries.Entry.now("report", report_sha256, tenant=tenant, facts=facts)
        return self.prove(self.append([made])[0].index)

    def leaf(self, index: int) -> bytes:
        """Leaf hash of an acknowledged entry. Raises errors.UserError when there is no such entry."""
        with self._write_lock:
            if not 0 <= index < self.size:
                raise errors.UserError("trust:ledger.no_entry", index=index, size=self.size)
            place = index - self._edge.size
            return self._hashes[place] if place >= 0 else self._reader.node(0, index)

    def read(self, start: int = 0, end: int | None = None) -> Iterator[entries.Entry]:
        """The published and waiting entries [start, end) in order."""
        with self._write_lock:
            self.checkpoint()
            reader, last = self._reader, self._edge.size if end is None else min(end, self._edge.size)
        for number in range(start // tiles.WIDTH, -(-last // tiles.WIDTH)):
            for place, data in enumerate(reader.bundle(number), number * tiles.WIDTH):
                if start <= place < last:
                    yield entries.read(data, f"{reader.where('entries', number)} ({place})")

    def export(self, path: Path) -> bytes:
        """Write checkpoint and tiles into one tar file; gives the checkpoint. Raises errors.Failure."""
        with self._write_lock:
            signed = self.checkpoint()
            names = (tiles.name(*place) for place in tiles.layout(self._edge.size))
            more = [] if self._witnessed is None else [_WITNESSED]
            store.archive(self._files, ("checkpoint", *more, *names), path)
            return signed

    def settle(self) -> None:
        """Return when the published files are durable too (the entries are anyway). Raises errors.Failure."""
        if self._settler is not None:
            self._settler.wait()

    def close(self) -> None:
        """Publish what waits and let others write."""
        with self._write_lock:
            if self._lock < 0:
                return
            try:
                self.checkpoint()
                self.settle()
            finally:
                if self._settler is not None:
                    self._settler.close()
                self._journal.close()
                os.close(self._lock)
                self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def size(self) -> int:
        """How many entries are acknowledged."""
        return self._journal.size

    def _open(self) -> None:
        policy = checkpoint.Policy(self.signer.verifier)
        data = self._files.read("checkpoint")
        fresh = data is None
        if data is None:
            if locking.begun(self.folder) or self._files.read("tile/0/000") is not None:
                # The first checkpoint is written before all else: one that is gone was taken away.
                raise forged.Forged("trust:ledger.missing", where=self._files.where("checkpoint"))
            data = checkpoint.sign(
                checkpoint.Checkpoint(self.signer.name, 0, merkle.EMPTY), self.signer, self._also
            ).encoded()
            if self._settler is not None:
                settling.mark(self.folder, data)
            self._files.write({"checkpoint": data})
        self._signed = checkpoint.verify(data, policy, self._files.where("checkpoint"))
        base = self._settled(policy).head
        self._reader = tiles.Reader(self._files, base.size)
        self._edge = tiles.Edge.of(self._reader)
        if self._edge.root() != base.root:
            raise forged.Forged("trust:ledger.root", where=self._files.where("checkpoint"), size=base.size)
        number, rest = divmod(base.size, tiles.WIDTH)
        self._tail = self._reader.bundle(number) if rest else []
        if [merkle.leaf(data) for data in self._tail] != (self._reader.tile(0, number) if rest else []):
            raise forged.Forged(
                "trust:ledger.bundle", where=self._reader.where("entries", number), tile=self._reader.where(0, number)
            )
        empty = fresh or (self._signed.head.size == 0 and not any(self.folder.glob("journal-*")))
        self._waiting, first, length = ([], 0, 0) if empty else journal.recover(self.folder, base.size)
        self._hashes = [merkle.leaf(data) for data in self._waiting]
        self._continues(self._signed.head)
        self._journal = journal.Journal(self.folder, first, length, base.size + len(self._waiting))
        kept = self._files.read(_WITNESSED)
        if kept is not None:
            self._witnessed = checkpoint.verify(kept, policy, self._files.where(_WITNESSED))
        if base.size < self._signed.head.size:
            # A crash came before these files were durable: they are laid again.
            self._publish()

    def _settled(self, policy: _Policy) -> _Signed:
        """The checkpoint whose files are known to be on the disk."""
        if self._settler is None:
            return self._signed
        path = self.folder / settling.NAME
        with disk.spoken(path):
            data = path.read_bytes() if path.exists() else None
        kept = None if data is None else checkpoint.verify(data, policy, path)
        if kept is not None and kept.head.size < self._signed.head.size:
            return kept
        # A log that comes from elsewhere was written whole.
        settling.mark(self.folder, self._signed.encoded())
        return self._signed

    def _continues(self, head: _Checkpoint) -> None:
        """Check that the entries at hand lead to a signed head. Raises forged.Forged."""
        more = head.size - self._edge.size
        if not 0 <= more <= len(self._hashes):
            raise forged.Forged(
                "trust:ledger.journal_gap", where=self.folder, found=self._edge.size + len(self._hashes),
                right=head.size,
            )  # fmt: skip
        edge = self._edge.copy()
        edge.grow(self._hashes[:more])
        if edge.root() != head.root:
            raise forged.Forged("trust:ledger.root", where=self._files.where("checkpoint"), size=head.size)

    def _commit(self, own: _Request) -> None:
        """Write what waits in the queue with one sync."""
        with self._queue_lock:
            group = _fitting(self._queue, own)
            self._queue = [request for request in self._queue if request not in group]
        if self._lock < 0:
            raise errors.Failure("trust:ledger.closed", path=self.folder)
        first = self._journal.size
        self._journal.append([data for request in group for data in request.encoded])
        for request in group:
            request.first = first
            first += len(request.encoded)
            self._waiting += request.encoded
            self._hashes += request.hashes
        if len(self._waiting) >= self._publish_after:
            self._publish_if_possible()

    def _publish_if_possible(self) -> None:
        """The entries are durable already: a store that is away must not turn their acknowledgement down."""
        try:
            self._publish()
        except errors.Failure:
            self._publish_after = 2 * len(self._waiting)

    def _publish(self) -> None:
        """Tiles first, then the checkpoint that needs them; the journal goes when both are durable."""
        edge = self._edge.copy()
        made = edge.grow(self._hashes) | edge.partial()
        # A partial tile that did not grow is there, and durable: it must not be laid again.
        files = {tiles.name(*place): data for place, data in made.items() if place not in self._edge.partial()}
        number, known = divmod(self._edge.size, tiles.WIDTH)
        rows = self._tail + self._waiting
        assert len(self._tail) == known
        for place in range(0, len(rows), tiles.WIDTH):
            part = rows[place : place + tiles.WIDTH]
            files[tiles.name("entries", number + place // tiles.WIDTH, len(part))] = tiles.bundle(part)
        signed = checkpoint.sign(
            checkpoint.Checkpoint(self.signer.name, edge.size, edge.root()), self.signer, self._also
        )
        if isinstance(self._files, store.Folder):
            self._files.lay(files)
        else:
            self._alone()
            self._files.write(files)
        self._files.write({"checkpoint": signed.encoded()})
        self._signed, self._edge, self._reader = signed, edge, self._grown(edge.size)
        self._tail = rows[len(rows) - edge.size % tiles.WIDTH :]
        self._waiting, self._hashes = [], []
        old = self._journal
        self._journal = journal.Journal(self.folder, edge.size, 0, edge.size)
        old.close()
        if self._settler is not None:
            self._settler.add(list(files), edge.size, signed.encoded())
        else:
            journal.drop(self.folder, edge.size)

    def _grown(self, size: int) -> tiles.Reader:
        return tiles.Reader(self._files, size, self._reader)

    def _alone(self) -> None:
        """A shared store has no lock: what it holds must be ours, or another writer has the key too."""
        data = self._files.read("checkpoint")
        if data == self._signed.encoded():
            return
        where = self._files.where("checkpoint")
        if data is None:
            raise forged.Forged("trust:ledger.missing", where=where)
        # A write whose answer was lost is ours as well.
        self._continues(checkpoint.verify(data, checkpoint.Policy(self.signer.verifier), where).head)


def _fitting(queue: list[_Request], own: _Request) -> list[_Request]:
    """The requests before and with `own`, and those behind it as far as one frame holds them."""
    group, size = [], 0
    for request in (own, *(other for other in queue if other is not own)):
        size += _weight(request)
        if size > journal.LARGEST_FRAME:
            break
        group.append(request)
    return group


def _weight(request: _Request) -> int:
    return sum(map(len, request.encoded)) + 2 * len(request.encoded)

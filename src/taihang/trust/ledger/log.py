"""Log: the ledger that is written to. One writer, many threads; durable before it answers."""

from __future__ import annotations

import dataclasses
import fcntl
import itertools
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from taihang.core import errors
from taihang.engines.blobs import disk
from taihang.trust.ledger import checkpoint, forged, journal, keys, merkle, note, proof, store, tiles
from taihang.trust.ledger import entry as entries

_PUBLISH_AFTER = 1 << 16  # entries that wait at most; a checkpoint that is asked for publishes sooner
_RESTORED = 128  # files that are written together


@dataclasses.dataclass(frozen=True, slots=True)
class Receipt:
    """An entry's place; it is durable, and `leaf_hash` is what a proof starts from."""

    index: int
    leaf_hash: bytes


@dataclasses.dataclass(eq=False, slots=True)
class _Request:
    encoded: list[bytes]
    hashes: list[bytes]
    first: int | None = None


class Ledger:
    """A tamper-evident append-only log in a folder.

    `folder` holds the journal and, unless `files` is another store, what is published: checkpoint and
    tiles. `signer` is the log's key, and its name the log's origin. A log that is not there is begun.
    Raises errors.UserError when another process writes to it, forged.Forged when what is there does
    not hold together.
    """

    def __init__(
        self,
        folder: Path,
        signer: keys.Signer,
        *,
        files: store.Store | None = None,
        publish_after: int = _PUBLISH_AFTER,
    ) -> None:
        if signer.kind != keys.LOG:
            raise errors.UserError("trust:ledger.key_kind", name=signer.name)
        self.folder = folder
        self.signer = signer
        self._files = files or store.Folder(folder)
        self._publish_after = publish_after
        self._queue: list[_Request] = []
        self._queue_lock = threading.Lock()
        self._write_lock = threading.RLock()
        self._witnessed: checkpoint.Signed | None = None
        self._lock = _locked(folder)
        try:
            self._open()
        except BaseException:
            os.close(self._lock)
            raise

    def append(self, batch: Sequence[entries.Entry]) -> list[Receipt]:
        """Add entries in order, all or none; on return they are durable.

        Threads that append at the same time share one sync. Raises errors.Failure (nothing of the
        batch is in the log then) and errors.UserError for an entry that is too long.
        """
        return self.append_encoded([entry.encoded() for entry in batch])

    def append_encoded(self, encoded: list[bytes]) -> list[Receipt]:
        """Like `append`, for entries that are bytes already (see `Entry.encoded`)."""
        if sum(map(len, encoded)) + 2 * len(encoded) > journal.LARGEST_FRAME // 2:
            raise errors.UserError("trust:ledger.batch_size", most=journal.LARGEST_FRAME // 2)
        request = _Request(encoded, [merkle.leaf(data) for data in encoded])
        if not encoded:
            return []
        with self._queue_lock:
            self._queue.append(request)
        with self._write_lock:
            # Whoever comes first writes for all who wait; the others find their work done.
            if request.first is None:
                self._commit(request)
            first = request.first
        assert first is not None
        return [Receipt(first + i, made) for i, made in enumerate(request.hashes)]

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
            disk.write({self._witnessed_path: kept.encoded()})
            self._witnessed = kept
            return kept.encoded()

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
            store.archive(self._files, ("checkpoint", *names), path)
            return signed

    def close(self) -> None:
        """Publish what waits and let others write."""
        with self._write_lock:
            if self._lock < 0:
                return
            try:
                self.checkpoint()
            finally:
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

    @property
    def _witnessed_path(self) -> Path:
        return self.folder / "witnessed"

    def _open(self) -> None:
        policy = checkpoint.Policy(self.signer.verifier)
        data = self._files.read("checkpoint")
        fresh = data is None
        if data is None:
            if _begun(self.folder) or self._files.read("tile/0/000") is not None:
                # The first checkpoint is written before all else: one that is gone was taken away.
                raise forged.Forged("trust:ledger.missing", where=self._files.where("checkpoint"))
            self._signed = checkpoint.sign(checkpoint.Checkpoint(self.signer.name, 0, merkle.EMPTY), self.signer)
            self._files.write({"checkpoint": self._signed.encoded()})
        else:
            self._signed = checkpoint.verify(data, policy, self._files.where("checkpoint"))
        head = self._signed.head
        self._reader = tiles.Reader(self._files, head.size)
        self._edge = tiles.Edge.of(self._reader)
        if self._edge.root() != head.root:
            raise forged.Forged("trust:ledger.root", where=self._files.where("checkpoint"), size=head.size)
        number, rest = divmod(head.size, tiles.WIDTH)
        self._tail = self._reader.bundle(number) if rest else []
        if [merkle.leaf(data) for data in self._tail] != (self._reader.tile(0, number) if rest else []):
            raise forged.Forged(
                "trust:ledger.bundle", where=self._reader.where("entries", number), tile=self._reader.where(0, number)
            )
        empty = fresh or (head.size == 0 and not any(self.folder.glob("journal-*")))
        self._waiting, first, length = ([], 0, 0) if empty else journal.recover(self.folder, head.size)
        self._hashes = [merkle.leaf(data) for data in self._waiting]
        self._journal = journal.Journal(self.folder, first, length, head.size + len(self._waiting))
        if self._witnessed_path.exists():
            kept = self._witnessed_path.read_bytes()
            self._witnessed = checkpoint.verify(kept, policy, self._witnessed_path)

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
        """Tiles first, then the checkpoint that needs them, then the journal that neither needs."""
        edge = self._edge.copy()
        hashes = edge.grow(self._hashes) | edge.partial()
        files = {tiles.name(*place): data for place, data in hashes.items()}
        number, known = divmod(self._edge.size, tiles.WIDTH)
        rows = self._tail + self._waiting
        assert len(self._tail) == known
        for place in range(0, len(rows), tiles.WIDTH):
            part = rows[place : place + tiles.WIDTH]
            files[tiles.name("entries", number + place // tiles.WIDTH, len(part))] = tiles.bundle(part)
        signed = checkpoint.sign(checkpoint.Checkpoint(self.signer.name, edge.size, edge.root()), self.signer)
        self._files.write(files)
        self._files.write({"checkpoint": signed.encoded()})
        self._signed, self._edge, self._reader = signed, edge, tiles.Reader(self._files, edge.size)
        self._tail = rows[len(rows) - edge.size % tiles.WIDTH :]
        self._waiting, self._hashes = [], []
        old = self._journal
        self._journal = journal.Journal(self.folder, edge.size, 0, edge.size)
        old.close()
        journal.drop(self.folder, edge.size)


def restore(archive: Path, folder: Path, policy: checkpoint.Policy) -> None:
    """Make a log's folder out of an exported file, which is verified first.

    Raises errors.UserError when there is a log already, forged.Forged when the file does not hold.
    """
    from taihang.trust.ledger import verify  # noqa: PLC0415 - verify reads what this module writes

    if folder.exists() and any(folder.iterdir()):
        raise errors.UserError("trust:ledger.exists", path=folder)
    files = store.read_only(archive)
    found = verify.log(files, policy)
    target, reader = store.Folder(folder), tiles.Reader(files, found.size)
    places = tiles.layout(found.size)
    while some := list(itertools.islice(places, _RESTORED)):
        target.write({tiles.name(*place): reader.file(*place[:2]) for place in some})
    target.write({"checkpoint": found.checkpoint})
    journal.Journal(folder, found.size, 0, found.size).close()


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


def _begun(folder: Path) -> bool:
    with disk.spoken(folder):
        return any(path.name != "lock" and not path.name.startswith(".part-") for path in folder.iterdir())


def _locked(folder: Path) -> int:
    """An exclusive lock that ends with the process. Raises errors.UserError when another one holds it."""
    with disk.spoken(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise errors.UserError("trust:ledger.locked", path=folder) from None
    return handle

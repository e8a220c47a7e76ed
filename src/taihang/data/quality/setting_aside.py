"""Setting aside: bad rows with all their values, kept while they are judged, so that nothing is read twice for them."""

from __future__ import annotations

import collections
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.data.quality import positions, target
from taihang.engines.sources import source as sourcing

Rows = npt.NDArray[np.int64]
SHARE_OF_DISK = 4
_BATCH_ROWS = 1 << 12
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4" if pa.Codec.is_available("lz4_frame") else None)


class _Place(NamedTuple):
    """Where a chunk stands, without its rows."""

    start: int
    offset: int
    part: str
    group: int | None
    taken: int
    lines: Rows | None


class SetAside:
    """The bad rows of one table, in a file without a name in `folder`.

    Chunks are shown as they are read (`see`); verdicts come in the order of the rows (`judged`), and a
    chunk is let go when all of its rows have theirs. Memory holds the chunks in between. Where it
    cannot be done (a full disk, more than `most` bytes, by default a quarter of what is free; a type that
    cannot be written) it is given up and `complete` stays False: whoever wants the rows reads the source
    again.
    """

    def __init__(self, folder: Path, most: int | None = None) -> None:
        self._folder, self._most = folder, most
        self._chunks: collections.deque[tuple[int, sourcing.Chunk]] = collections.deque()
        self._early: collections.deque[Rows] = collections.deque()
        self._bad: Rows = np.zeros(0, np.int64)
        self._taken: list[pa.RecordBatch] = []
        self._rows = 0
        self._places: list[_Place] = []
        self._file: BinaryIO | None = None
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._done = 0
        self._given_up = False
        self.complete = False

    @property
    def wanted(self) -> bool:
        """False when it was given up."""
        return not self._given_up

    def see(self, start: int, chunk: sourcing.Chunk, bad: Sequence[Rows] = ()) -> None:
        """A chunk with all columns, the position of its first row, and positions known to be bad by now.

        May be called in another thread than `judged`.
        """
        if not self._given_up:
            self._early.extend(bad)
            self._chunks.append((start, chunk))
            if self._given_up:  # in between
                self._chunks.clear()

    def judged(self, first: int, stop: int, bad: Sequence[Rows]) -> None:
        """The rows from `first` to before `stop` are judged; `bad` lists of positions, each ascending."""
        if self._given_up:
            return
        if first != self._done:
            self.give_up()
            return
        self._done = stop
        early = []
        while self._early:
            early.append(self._early.popleft())
        self._bad = positions.distinct(np.concatenate([self._bad, *early, *bad]))
        try:
            self._let_go()
        except (pa.ArrowException, OSError, TypeError, ValueError):
            self.give_up()

    def finish(self) -> None:
        """All rows were judged."""
        try:
            self._let_go()
            if self._given_up or self._chunks:
                self.give_up()
                return
            self._write()
            if self._writer is not None:
                self._writer.close()
            if self._file is not None:
                self._file.flush()
        except (pa.ArrowException, OSError, TypeError, ValueError):
            self.give_up()
        self.complete = not self._given_up  # the last rows may have been too many

    def give_up(self) -> None:
        """Forget everything."""
        self._given_up, self.complete = True, False
        self._chunks.clear()
        self._early.clear()
        self._taken.clear()
        self.close()

    def bad(self, rows: positions.Positions) -> Iterator[target.Bad]:
        """As `target.Target.bad`, of rows that were judged bad."""
        assert self.complete
        if self._file is None:
            return
        self._file.seek(0)
        places = iter(self._places)
        with pa.ipc.open_stream(self._file) as reader:
            for batch in reader:
                first = 0
                while first < batch.num_rows:
                    place = next(places)
                    part = batch.slice(first, place.taken)
                    first += place.taken
                    own = part.column(part.num_columns - 1).to_numpy()
                    some = rows.within(int(own[0]), int(own[-1]) + 1)
                    if len(some):
                        yield _bad(place, part, own, some)

    def close(self) -> None:
        """Give the file back."""
        self._writer = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _let_go(self) -> None:
        """Take the bad rows of every chunk whose last row is judged."""
        while self._chunks and self._chunks[0][0] + self._chunks[0][1].data.num_rows <= self._done:
            start, chunk = self._chunks.popleft()
            here, self._bad = np.split(self._bad, [np.searchsorted(self._bad, start + chunk.data.num_rows)])
            if len(here):
                self._take(start, chunk, here)

    def _take(self, start: int, chunk: sourcing.Chunk, some: Rows) -> None:
        taken = chunk.data.take(pa.array(some - start))
        schema = taken.schema.append(pa.field("", pa.int64()))
        self._taken.append(pa.RecordBatch.from_arrays([*taken.columns, pa.array(some)], schema=schema))
        lines = None if chunk.lines is None else chunk.lines[some - start]
        self._places.append(_Place(start, chunk.offset, chunk.part, chunk.group, len(some), lines))
        self._rows += len(some)
        if self._rows >= _BATCH_ROWS:
            self._write()

    def _write(self) -> None:
        """Write what was taken, in one batch: a batch of a few rows costs more than they do."""
        if not self._taken:
            return
        batch = pa.concat_batches(self._taken)
        self._taken.clear()
        self._rows = 0
        if self._most is None:
            self._most = shutil.disk_usage(self._folder).free // SHARE_OF_DISK
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by close
        if self._writer is None:
            self._writer = pa.ipc.new_stream(self._file, batch.schema, options=_OPTIONS)
        self._writer.write_batch(batch)
        if self._file.tell() > self._most:
            self.give_up()


def _bad(place: _Place, part: pa.RecordBatch, own: Rows, some: Rows) -> target.Bad:
    at = np.searchsorted(own, some)
    held = part.select(list(range(part.num_columns - 1)))
    held = held if len(some) == len(own) else held.take(pa.array(at))
    lines = None if place.lines is None else place.lines[at]
    return target.Bad(some, held, place.part, place.group, some - place.start + place.offset, lines)

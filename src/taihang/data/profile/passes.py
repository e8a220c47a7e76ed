"""Passes: what the two passes over a table gather, over a part of it or merged over all of them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from taihang.core import ids, job
from taihang.data.profile import correlation, flat, profile, relations, sampling, second, tally
from taihang.engines.sources import faults, folder, limits
from taihang.engines.sources import source as sources

_HASH_BYTES = 48 << 20
_CHUNKS = 3  # batches of the usual size that are measured at once


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A source, or one file of it under its name; `salt` tells its rows from those of other parts."""

    source: sources.Source
    salt: int = 0


def parts(source: sources.Source) -> list[Part]:
    """The files of a folder, in its order; another source is one part."""
    names = [name for name, _, _ in source.parts()] if isinstance(source, folder.Folder) else []
    if not isinstance(source, folder.Folder) or len(names) < 2:
        return [Part(source)]
    # By name: a file is sampled alike whichever others stand before it.
    return [Part(source.only([name]), int(ids.digest(name.encode())[:16], 16)) for name in names]


class First:
    """Sums over all rows that were read."""

    def __init__(self, columns: tuple[sources.Column, ...], salt: int = 0) -> None:
        self.flat = flat.Flat(columns)
        wide = max(len(self.flat.names), 1)
        self.limit = max(4096, min(1 << 22, _HASH_BYTES // 8 // wide))
        most = max(64, min(4096, 400_000 // wide))
        k = 4096 if wide <= 500 else 256
        self.tallies = [tally.Tally(kind, self.limit, k, most) for kind in self.flat.types]
        self.sample = sampling.Sample(max(200, min(20_000, 2_000_000 // wide)), salt)
        numbers = [n for n, t in zip(self.flat.names, self.tallies, strict=True) if t.kind == "number"]
        self.compared = numbers[: correlation.MOST]
        self.correlation = correlation.Correlation(len(self.compared))
        self.rows = 0
        self.span = 0
        """How many row numbers the part takes: unreadable rows count where their number is known."""
        self.faults = faults.Faults()

    def read(self, source: sources.Source, threads: int, progress: job.Progress) -> None:
        """Add all rows of a source."""
        total = source.rows or 0
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            for chunk in _ahead(pool, source.chunks(rows=_rows(len(source.columns)))):
                batch = self.flat.batch(chunk.data)
                waiting = [pool.submit(t.update, batch.column(i)) for i, t in enumerate(self.tallies)]
                self.sample.update(batch, self.rows)
                if len(self.compared) > 1:
                    columns = [tally.as_floats(batch.column(name)) for name in self.compared]
                    self.correlation.update(np.column_stack(columns))
                for one in waiting:
                    one.result()
                self.rows += chunk.data.num_rows
                self.span = chunk.start + chunk.data.num_rows
                progress.update("data.profile:stage.first", self.rows, max(total, self.rows))
        self.span = source.rows if source.rows is not None else self.span
        self.faults = source.faults

    def merge(self, other: First) -> None:
        """Add another's sums, of rows that come after these."""
        for mine, its in zip(self.tallies, other.tallies, strict=True):
            mine.merge(its)
        self.sample.merge(other.sample)
        self.correlation.merge(other.correlation)
        self.rows += other.rows
        self.span += other.span
        self.faults.merge(other.faults)


class Again:
    """What is counted exactly once the first pass is known."""

    def __init__(
        self,
        names: flat.Flat,
        columns: Sequence[profile.Column],
        tops: Mapping[str, pa.Array | None],
        candidates: relations.Confirmed,
    ) -> None:
        self.flat = names
        self.seconds = {column.name: second.Second(column, tops[column.name]) for column in columns}
        self.candidates = candidates
        self.rows = 0
        counted = {name for name, one in self.seconds.items() if one.wanted}
        self.needed = counted | candidates.columns

    def read(self, source: sources.Source, threads: int, progress: job.Progress) -> None:
        """Count over all rows of a source."""
        if not self.needed:
            return
        total = source.rows or 0
        origins = dict(zip(self.flat.names, self.flat.sources, strict=True))
        counted = {name: one for name, one in self.seconds.items() if one.wanted}
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            wanted = sorted({origins[name] for name in self.needed})
            for chunk in _ahead(pool, source.chunks(wanted, _rows(len(wanted)))):
                batch = self.flat.batch(chunk.data, self.needed)
                arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
                waiting = [pool.submit(one.update, arrays[name], chunk.start) for name, one in counted.items()]
                if self.candidates.columns:
                    self.candidates.update(batch)
                for one in waiting:
                    one.result()
                self.rows += chunk.data.num_rows
                progress.update("data.profile:stage.second", self.rows, max(total, self.rows))

    def merge(self, other: Again, start: int) -> None:
        """Add another's counts; its first row is row `start`."""
        for name, one in self.seconds.items():
            one.merge(other.seconds[name], start)
        self.candidates.merge(other.candidates)
        self.rows += other.rows


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What a second pass over a part needs to know."""

    columns: tuple[profile.Column, ...]
    tops: Mapping[str, pa.Array | None]
    decides: Sequence[tuple[str, str]]
    keys: Sequence[tuple[str, str]]
    limit: int
    threads: int | None

    def started(self, columns: tuple[sources.Column, ...]) -> Again:
        """Nothing counted yet."""
        candidates = relations.Confirmed(self.decides, self.keys, self.limit)
        return Again(flat.Flat(columns), self.columns, self.tops, candidates)


def first(threads: int | None, part: Part) -> First:
    """The first pass over one part, in whatever process."""
    made = First(part.source.columns, part.salt)
    with lean():
        made.read(part.source, _threads(threads), job.Silent())
    return made


def again(asked: Asked, part: Part) -> Again:
    """The second pass over one part, in whatever process."""
    made = asked.started(part.source.columns)
    with lean():
        made.read(part.source, _threads(asked.threads), job.Silent())
    return made


def _threads(given: int | None) -> int:
    return given or min(os.cpu_count() or 1, 8)


@contextlib.contextmanager
def lean() -> Iterator[None]:
    """Arrow's usual allocator keeps freed memory per thread, here some 100 MB of it; the system's gives it back."""
    usual = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(usual)


def _rows(columns: int) -> int:
    """Rows of a chunk: a column's sums cost a hundred calls each time, however few the rows."""
    return _CHUNKS * limits.batch_rows(columns)


def _ahead(pool: concurrent.futures.Executor, chunks: Iterator[sources.Chunk]) -> Iterator[sources.Chunk]:
    """Chunks, the next one being read while one is measured."""
    waiting = pool.submit(next, chunks, None)
    while (chunk := waiting.result()) is not None:
        waiting = pool.submit(next, chunks, None)
        yield chunk

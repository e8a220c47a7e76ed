"""Profiling: one pass over all rows, and a second where exact counts need what the first has found."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import datetime
import os
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from taihang.core import asset as assets
from taihang.core import i18n, job
from taihang.data.profile import (
    correlation,
    distinct,
    flat,
    meanings,
    profile,
    relations,
    sampling,
    second,
    tally,
)
from taihang.engines.sources import source as sources

_HASH_BYTES = 48 << 20
_LEAST_CORRELATION = 0.3


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """A profile, and the hashes of each column's values by which tables are compared."""

    profile: profile.Profile
    sketches: Mapping[str, distinct.Distinct]


def profile_of(
    source: sources.Source,
    *,
    threads: int | None = None,
    progress: job.Progress | None = None,
    now: datetime.datetime | None = None,
    owner: str = "",
) -> profile.Profile:
    """Measure a table. Memory is bounded whatever its size; see `measure` for what is raised."""
    return measure(source, threads=threads, progress=progress, now=now, owner=owner).profile


def measure(
    source: sources.Source,
    *,
    threads: int | None = None,
    progress: job.Progress | None = None,
    now: datetime.datetime | None = None,
    owner: str = "",
) -> Measured:
    """Measure a table, and keep what comparing it with others needs.

    Raises errors.UserError for a source that cannot be read as a table, errors.Failure for one that
    vanishes midway.
    """
    with _lean():
        return _Run(source, threads or min(os.cpu_count() or 1, 8), progress or job.Silent(), now, owner).measured()


@contextlib.contextmanager
def _lean() -> Iterator[None]:
    """Arrow's usual allocator keeps freed memory per thread, here some 100 MB of it; the system's gives it back."""
    usual = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(usual)


def _ahead(pool: concurrent.futures.Executor, chunks: Iterator[sources.Chunk]) -> Iterator[sources.Chunk]:
    """Chunks, the next one being read while one is measured."""
    waiting = pool.submit(next, chunks, None)
    while (chunk := waiting.result()) is not None:
        waiting = pool.submit(next, chunks, None)
        yield chunk


class _Run:
    def __init__(
        self,
        source: sources.Source,
        threads: int,
        progress: job.Progress,
        now: datetime.datetime | None,
        owner: str,
    ) -> None:
        self.source = source
        self.threads = threads
        self.progress = progress
        self.now = now or datetime.datetime.now(tz=datetime.UTC)
        self.owner = owner
        self.flat = flat.Flat(source.columns)
        wide = max(len(self.flat.names), 1)
        limit = max(4096, min(1 << 22, _HASH_BYTES // 8 // wide))
        most = max(64, min(4096, 400_000 // wide))
        k = 4096 if wide <= 500 else 256
        self.tallies = [tally.Tally(kind, limit, k, most) for kind in self.flat.types]
        self.limit = limit
        self.sample = sampling.Sample(max(200, min(20_000, 2_000_000 // wide)))
        self.numbers = [n for n, t in zip(self.flat.names, self.tallies, strict=True) if t.kind == "number"]
        self.compared = self.numbers[: correlation.MOST]
        self.correlation = correlation.Correlation(len(self.compared))
        self.rows = 0

    def measured(self) -> Measured:
        sha256, size = self.source.digest()
        with concurrent.futures.ThreadPoolExecutor(self.threads) as pool:
            self._first(pool)
            faults, lost = tuple(self.source.faults.listed), self.source.faults.rows_lost
            sample, _ = self.sample.rows()
            columns = [
                meanings.described(self._counted(t, t.column(name, original)), sample)
                for t, name, original in zip(self.tallies, self.flat.names, self.flat.originals, strict=True)
            ]
            keys = self._keys(columns)
            coded = relations.codes(sample, self.flat.names) if sample is not None else {}
            alone = [key.columns[0] for key in keys]
            candidates = relations.Confirmed(
                relations.dependencies(coded), relations.pairs(coded, alone) if not keys else (), self.limit
            )
            columns = self._second(pool, columns, candidates)
            keys = self._keys(columns)
        made = profile.Profile(
            asset=assets.Asset(kind="table", name=self.source.name, sha256=sha256, size=size, owner=self.owner),
            source=self.source.kind,
            created=self.now,
            rows=self.rows,
            rows_lost=lost,
            sampled=sample.num_rows if sample is not None else 0,
            columns=tuple(meanings.masked(column) for column in columns),
            correlations=self._correlations(sample),
            keys=(*keys, *(() if keys else candidates.keys)),
            dependencies=candidates.dependencies,
            freshness=self._freshness(),
            personal=meanings.personal(columns),
            faults=faults,
            limits=self._limits(columns),
        )
        sketches = {name: t.distinct for name, t in zip(self.flat.names, self.tallies, strict=True)}
        return Measured(made, sketches)

    def _first(self, pool: concurrent.futures.Executor) -> None:
        total = self.source.rows or 0
        for chunk in _ahead(pool, self.source.chunks()):
            batch = self.flat.batch(chunk.data)
            waiting = [pool.submit(t.update, batch.column(i)) for i, t in enumerate(self.tallies)]
            self.sample.update(batch, self.rows)
            if len(self.compared) > 1:
                columns = [tally.as_floats(batch.column(name)) for name in self.compared]
                self.correlation.update(np.column_stack(columns))
            for one in waiting:
                one.result()
            self.rows += chunk.data.num_rows
            self.progress.update("data.profile:stage.first", self.rows, max(total, self.rows))

    def _second(
        self, pool: concurrent.futures.Executor, columns: list[profile.Column], candidates: relations.Confirmed
    ) -> list[profile.Column]:
        seconds = {
            column.name: second.Second(column, t.frequent.top(tally.TOP)[0])
            for column, t in zip(columns, self.tallies, strict=True)
        }
        counted = {name: one for name, one in seconds.items() if one.wanted}
        needed = set(counted) | candidates.columns
        done = 0
        if needed and self.rows:
            origins = dict(zip(self.flat.names, self.flat.sources, strict=True))
            read = {origins[name] for name in needed}
            for chunk in _ahead(pool, self.source.chunks(sorted(read))):
                batch = self.flat.batch(chunk.data, needed)
                arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
                waiting = [pool.submit(one.update, arrays[name], chunk.start) for name, one in counted.items()]
                if candidates.columns:
                    candidates.update(batch)
                for one in waiting:
                    one.result()
                done += chunk.data.num_rows
                self.progress.update("data.profile:stage.second", done, max(self.rows, done))
        return [seconds[column.name].value() for column in columns]

    def _keys(self, columns: list[profile.Column]) -> tuple[profile.Key, ...]:
        # As many different hashes as rows: the values differ in every row, whatever hashes may collide.
        return tuple(
            profile.Key(columns=(c.name,))
            for c in columns
            if self.rows and not c.nulls and c.distinct is not None and c.distinct == profile.Distinct(count=self.rows)
        )

    def _counted(self, t: tally.Tally, column: profile.Column) -> profile.Column:
        grown = t.growing and t.kind in {"number", "time"} and column.rows > column.nulls
        if not grown or column.distinct is None or not column.distinct.error:
            return column
        return column.model_copy(update={"distinct": profile.Distinct(count=column.rows - column.nulls)})

    def _correlations(self, sample: pa.Table | None) -> tuple[profile.Correlation, ...]:
        if len(self.compared) < 2 or sample is None:
            return ()
        pearson, counts = self.correlation.pearson()
        floats = {name: tally.as_floats(sample.column(name).combine_chunks()) for name in self.compared}
        found = []
        for i, a in enumerate(self.compared):
            for j, b in enumerate(self.compared[:i]):
                rank = _spearman(floats[a], floats[b])
                strongest = max(abs(float(pearson[i, j])), abs(rank) if rank is not None else 0.0)
                if np.isfinite(pearson[i, j]) and strongest >= _LEAST_CORRELATION:
                    found.append(
                        profile.Correlation(
                            a=b, b=a, pearson=float(pearson[i, j]), spearman=rank, rows=int(counts[i, j])
                        )
                    )
        return tuple(sorted(found, key=lambda one: -abs(one.pearson)))

    def _freshness(self) -> tuple[profile.Freshness, ...]:
        found = []
        for name, one in zip(self.flat.names, self.tallies, strict=True):
            if one.kind == "time" and one.moments.count:
                age = self.now.timestamp() - one.moments.high
                found.append(profile.Freshness(column=name, newest=str(one.high), age_s=age))
        return tuple(sorted(found, key=lambda one: one.age_s))

    def _limits(self, columns: list[profile.Column]) -> tuple[i18n.Text, ...]:
        told = []
        sampled = min(self.sample.limit, self.rows)
        if sampled < self.rows:
            told.append(i18n.Message(key="data.profile:limit.sampled", values={"rows": sampled}))
        about = [c.name for c in columns if c.distinct is not None and c.distinct.error]
        if about:
            names = ", ".join(about[:20])
            worst = max(c.distinct.error for c in columns if c.distinct is not None)
            values = {"columns": names, "error": f"{100 * worst:.2f}"}
            told.append(i18n.Message(key="data.profile:limit.distinct", values=values))
        if any(c.mentions or (c.semantic is not None and c.semantic.pii) for c in columns):
            told.append(i18n.Message(key="data.profile:limit.personal"))
        if len(self.numbers) > len(self.compared):
            counts = {"count": len(self.compared), "total": len(self.numbers)}
            told.append(i18n.Message(key="data.profile:limit.correlation", values=counts))
        if len(columns) > relations.MOST_COLUMNS:
            counts = {"count": relations.MOST_COLUMNS, "total": len(columns)}
            told.append(i18n.Message(key="data.profile:limit.relations", values=counts))
        return tuple(one.both() for one in told)


def _spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    there = np.isfinite(a) & np.isfinite(b)
    if there.sum() < 10:
        return None
    x, y = second.ranks(a[there]), second.ranks(b[there])
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else None

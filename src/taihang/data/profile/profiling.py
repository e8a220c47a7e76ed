"""Profiling: one pass over all rows, and a second where exact counts need what the first has found."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from taihang.core import asset as assets
from taihang.core import i18n, job
from taihang.data.profile import distinct, meanings, passes, profile, relations, second, tally
from taihang.engines.sources import source as sources
from taihang.engines.tasks import local, tasks

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
    place: tasks.Tasks | None = None,
) -> profile.Profile:
    """Measure a table. Memory is bounded whatever its size; see `measure` for what is raised."""
    return measure(source, threads=threads, progress=progress, now=now, owner=owner, place=place).profile


def measure(
    source: sources.Source,
    *,
    threads: int | None = None,
    progress: job.Progress | None = None,
    now: datetime.datetime | None = None,
    owner: str = "",
    place: tasks.Tasks | None = None,
) -> Measured:
    """Measure a table, and keep what comparing it with others needs.

    The files of a folder are measured one by one at `place`, here unless told, and merged in their order: the
    same wherever they were measured. Raises errors.UserError for a source that cannot be read as a table,
    errors.Failure for one that vanishes midway.
    """
    with passes.lean():
        return _Run(source, threads, progress or job.Silent(), now, owner, place or local.Local()).measured()


class _Run:
    def __init__(  # noqa: PLR0917 - what measure was given
        self,
        source: sources.Source,
        threads: int | None,
        progress: job.Progress,
        now: datetime.datetime | None,
        owner: str,
        place: tasks.Tasks,
    ) -> None:
        self.source = source
        self.place = place
        self.threads = threads or place.threads
        self.progress = progress
        self.now = now or datetime.datetime.now(tz=datetime.UTC)
        self.owner = owner
        self.parts = passes.parts(source)
        # The whole starts empty, so that one part and many are added up in one way.
        self.sums = passes.First(source.columns)

    def measured(self) -> Measured:
        sha256, size = self.source.digest()
        starts = self._first()
        sums = self.sums
        names, sample = sums.flat.names, sums.sample.rows()
        columns = [
            meanings.described(self._counted(t, t.column(name, original)), sample)
            for t, name, original in zip(sums.tallies, names, sums.flat.originals, strict=True)
        ]
        keys = self._keys(columns)
        coded = relations.codes(sample, names) if sample is not None else {}
        alone = [key.columns[0] for key in keys]
        counted = self._second(
            passes.Asked(
                columns=tuple(columns),
                tops={name: t.frequent.top(tally.TOP)[0] for name, t in zip(names, sums.tallies, strict=True)},
                decides=relations.dependencies(coded),
                keys=relations.pairs(coded, alone) if not keys else (),
                limit=sums.limit,
                threads=self.threads,
            ),
            starts,
        )
        columns = [counted.seconds[column.name].value() for column in columns]
        keys = self._keys(columns)
        made = profile.Profile(
            asset=assets.Asset(kind="table", name=self.source.name, sha256=sha256, size=size, owner=self.owner),
            source=self.source.kind,
            created=self.now,
            rows=sums.rows,
            rows_lost=sums.faults.rows_lost,
            sampled=sample.num_rows if sample is not None else 0,
            columns=tuple(meanings.masked(column) for column in columns),
            correlations=self._correlations(sample),
            keys=(*keys, *(() if keys else counted.candidates.keys)),
            dependencies=counted.candidates.dependencies,
            freshness=self._freshness(),
            personal=meanings.personal(columns),
            faults=tuple(sums.faults.listed),
            limits=self._limits(columns),
        )
        return Measured(made, {name: t.distinct for name, t in zip(names, sums.tallies, strict=True)})

    def _first(self) -> list[int]:
        """Sum up all parts; returns the number of each part's first row."""
        threads = self.threads or min(os.cpu_count() or 1, 8)
        if len(self.parts) == 1:
            with passes.lean():
                self.sums.read(self.source, threads, self.progress)
            return [0]
        self.sums.faults.merge(self.source.faults)
        starts, total = [], self.source.rows or 0
        for made in self.place.map(passes.first, self.threads, self.parts):
            starts.append(self.sums.span)
            self.sums.merge(made)
            self.progress.update("data.profile:stage.first", self.sums.rows, max(total, self.sums.rows))
        return starts

    def _second(self, asked: passes.Asked, starts: list[int]) -> passes.Again:
        counted = asked.started(self.source.columns)
        if not counted.needed or not self.sums.rows:
            return counted
        if len(self.parts) == 1:
            threads = self.threads or min(os.cpu_count() or 1, 8)
            with passes.lean():
                counted.read(self.source, threads, self.progress)
            return counted
        for start, made in zip(starts, self.place.map(passes.again, asked, self.parts), strict=True):
            counted.merge(made, start)
            self.progress.update("data.profile:stage.second", counted.rows, max(self.sums.rows, counted.rows))
        return counted

    def _keys(self, columns: list[profile.Column]) -> tuple[profile.Key, ...]:
        # As many different hashes as rows: the values differ in every row, whatever hashes may collide.
        return tuple(
            profile.Key(columns=(c.name,))
            for c in columns
            if self.sums.rows
            and not c.nulls
            and c.distinct is not None
            and c.distinct == profile.Distinct(count=self.sums.rows)
        )

    def _counted(self, t: tally.Tally, column: profile.Column) -> profile.Column:
        grown = t.growing and t.kind in {"number", "time"} and column.rows > column.nulls
        if not grown or column.distinct is None or not column.distinct.error:
            return column
        return column.model_copy(update={"distinct": profile.Distinct(count=column.rows - column.nulls)})

    def _correlations(self, sample: pa.Table | None) -> tuple[profile.Correlation, ...]:
        compared = self.sums.compared
        if len(compared) < 2 or sample is None:
            return ()
        pearson, counts = self.sums.correlation.pearson()
        ranked = [_Ranked(tally.as_floats(sample.column(name).combine_chunks())) for name in compared]
        found = []
        for i, a in enumerate(compared):
            for j, b in enumerate(compared[:i]):
                rank = _spearman(ranked[i], ranked[j])
                strongest = max(abs(float(pearson[i, j])), abs(rank) if rank is not None else 0.0)
                if np.isfinite(pearson[i, j]) and strongest >= _LEAST_CORRELATION:
                    found.append(
                        profile.Correlation(
                            a=b, b=a, pearson=float(pearson[i, j]), spearman=rank, rows=int(counts[i, j])
                        )
                    )
        # Coefficients that differ in rounding alone are ties, and ties go by name: parts and whole list alike.
        return tuple(sorted(found, key=lambda one: (-round(abs(one.pearson), 9), one.a, one.b)))

    def _freshness(self) -> tuple[profile.Freshness, ...]:
        found = []
        for name, one in zip(self.sums.flat.names, self.sums.tallies, strict=True):
            if one.kind == "time" and one.moments.count:
                age = self.now.timestamp() - one.moments.high
                found.append(profile.Freshness(column=name, newest=str(one.high), age_s=age))
        return tuple(sorted(found, key=lambda one: one.age_s))

    def _limits(self, columns: list[profile.Column]) -> tuple[i18n.Text, ...]:
        told = []
        sampled = min(self.sums.sample.limit, self.sums.rows)
        if sampled < self.sums.rows:
            told.append(i18n.Message(key="data.profile:limit.sampled", values={"rows": sampled}))
        about = [c.name for c in columns if c.distinct is not None and c.distinct.error]
        if about:
            names = ", ".join(about[:20])
            worst = max(c.distinct.error for c in columns if c.distinct is not None)
            values = {"columns": names, "error": f"{100 * worst:.2f}"}
            told.append(i18n.Message(key="data.profile:limit.distinct", values=values))
        if any(c.mentions or (c.semantic is not None and c.semantic.pii) for c in columns):
            told.append(i18n.Message(key="data.profile:limit.personal"))
        numbers = sum(t.kind == "number" for t in self.sums.tallies)
        if numbers > len(self.sums.compared):
            counts = {"count": len(self.sums.compared), "total": numbers}
            told.append(i18n.Message(key="data.profile:limit.correlation", values=counts))
        if len(columns) > relations.MOST_COLUMNS:
            counts = {"count": relations.MOST_COLUMNS, "total": len(columns)}
            told.append(i18n.Message(key="data.profile:limit.relations", values=counts))
        return tuple(one.both() for one in told)


class _Ranked:
    """A column of the sample, and its ranks where it is whole: most pairs need no others."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.there = np.isfinite(values)
        self._ranks = second.ranks(values) if self.there.all() else None

    def ranks(self, shared: np.ndarray) -> np.ndarray:
        """Ranks among the rows that a pair shares."""
        return self._ranks if self._ranks is not None and shared.all() else second.ranks(self.values[shared])


def _spearman(a: _Ranked, b: _Ranked) -> float | None:
    shared = a.there & b.there
    if shared.sum() < 10:
        return None
    x, y = a.ranks(shared), b.ranks(shared)
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else None

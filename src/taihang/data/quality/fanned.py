"""Fanned: a plan run over the files of folders one by one, wherever tasks run, and merged to the same answer.

Row conditions, keys, parts of totals, and foreign keys and reconciliations with another table are judged file by
file. What looks at a whole table at once (dependencies, anonymity, medians, distinct counts) is run here.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from taihang.core import job
from taihang.data.quality import assessment, local, parted, passes, piles, planning, sets, target
from taihang.engines import tables
from taihang.engines.sources import faults, folder
from taihang.engines.sources import source as sourcing
from taihang.engines.tasks import tasks
from taihang.rules import kinds, rulebook


@dataclasses.dataclass(frozen=True)
class _Shared:
    """What every piece needs: the book, the tables beside the one that is cut, which one that is, and its share."""

    book: rulebook.Rulebook
    targets: Mapping[str, target.Target]
    name: str
    limits: tables.Settings


@dataclasses.dataclass(frozen=True)
class _Judged:
    """What one file gave; rows count from its first one."""

    scanned: passes.Scanned
    keys: Mapping[str, parted.Heap]
    related: Mapping[str, passes.Rows]
    totals: Mapping[int, pa.Table]
    faults: faults.Faults


def assess(
    book: rulebook.Rulebook,
    targets: Mapping[str, target.Target],
    *,
    place: tasks.Tasks,
    as_of: datetime.datetime | None = None,
    progress: job.Progress | None = None,
    limits: tables.Settings | None = None,
) -> assessment.Assessment:
    """Judge a book as `assessment.assess` does, each file of a folder at `place`. Raises as it and `place` do."""
    given = limits or tables.Settings.current()
    with assessment.planned(book, targets, given) as (engine, plan, held):
        # What a piece may use is told from here; where it puts what does not fit, each machine says itself.
        there = given.model_copy(update={"threads": place.threads or given.threads, "spill": None})
        runner = Fanned(book, targets, engine, plan, held, place, there, progress or job.Silent())
        found = assessment.judged(book, targets, plan, runner, as_of)
        return dataclasses.replace(found, targets=runner.targets)


class Fanned:
    """Runs a plan, files of folders as pieces."""

    def __init__(  # noqa: PLR0917 - what a run needs
        self,
        book: rulebook.Rulebook,
        targets: Mapping[str, target.Target],
        engine: tables.Engine,
        plan: planning.Plan,
        held: Path,
        place: tasks.Tasks,
        limits: tables.Settings,
        progress: job.Progress,
    ) -> None:
        self.book, self.engine, self.plan, self.held = book, engine, plan, held
        self.place, self.limits, self.progress = place, limits, progress
        self.whole = local.Local(book, targets, engine, plan, held)
        self.targets = self.whole.targets
        self.parts: dict[int, list[pa.Table]] = {}

    def table(self, name: str) -> passes.Found:
        """Judge each file, then merge in the order of the files."""
        source = self.targets[name].source
        pieces = [source.only([part]) for part, _, _ in source.parts()] if isinstance(source, folder.Folder) else []
        if len(pieces) < 2:
            return self.whole.table(name)
        found = self._fanned(name, source, pieces)
        if source.uneven and source.faults.lost:
            # As in `local`: what one pass cannot read is left out by all, or their rows would not be the same.
            self.targets[name] = target.Target(name, source, whole=True)
            self.parts = {n: parts for n, parts in self.parts.items() if self.plan.totals[n].table != name}
            found = self._fanned(name, source, pieces)
        self.whole.met[name] = source.faults
        return found

    def _fanned(self, name: str, source: sourcing.Source, pieces: Sequence[folder.Folder]) -> passes.Found:
        met = source.opening
        shared = _Shared(self.book, self.targets, name, self.limits)
        stacks = {sql: piles.Pile(self.held) for sql in _uniques(self.plan, self.targets, name)}
        gathered = _Gathered(len(self.plan.tests.get(name, [])))
        try:
            for done, made in enumerate(self.place.map(_judge, shared, pieces), 1):
                gathered.add(made, stacks)
                for number, table in made.totals.items():
                    self.parts.setdefault(number, []).append(table)
                met.merge(made.faults)
                self.progress.update("data.quality:stage.files", done, len(pieces))
            found = self._related(name, gathered)
            for sql, (rules, exact) in _uniques(self.plan, self.targets, name).items():
                rows = stacks[sql].repeated()
                if len(rows) and not exact:
                    rows = self._compared(name, rules[0], rows, pieces, gathered.starts)
                found.update(dict.fromkeys(rules, rows))
        finally:
            for pile in stacks.values():
                pile.close()
        source.faults = met  # not those of a pass that read less
        wanted = {s.test for s in self.plan.steps if s.compiled.rule.table == name and s.check is None}
        return passes.Found(gathered.scanned(wanted), found)

    def totals(self) -> list[Any]:
        """Totals merged of their parts; those that cannot be are run here."""
        anew = [n for n in range(len(self.plan.totals)) if n not in self.parts]
        values = dict(zip(anew, self.whole.totalled([self.plan.totals[n] for n in anew]), strict=True))
        merged = {n: parted.merged(self.plan.totals[n].function, own) for n, own in self.parts.items()}
        return [merged[n] if n in merged else values[n] for n in range(len(self.plan.totals))]

    def _related(self, name: str, gathered: _Gathered) -> dict[str, passes.Rows]:
        found = {rule: np.concatenate(parts) for rule, parts in gathered.related.items()}
        for step in (s for s in self.plan.steps if s.compiled.rule.table == name):
            if step.check is not None and parted.whole(step.check, name):
                found[step.compiled.rule.id] = self.whole.related(step, step.check)
        return found

    def _compared(
        self, name: str, rule: str, rows: passes.Rows, pieces: Sequence[folder.Folder], starts: Sequence[int]
    ) -> passes.Rows:
        """The rows among some with equal hashes that really are equal; only their files are read."""
        on, compiled = self.targets[name], self.book.compiled(rule)
        edges = np.searchsorted(rows, [*starts, np.iinfo(np.int64).max])
        parts, here, shifts, at = [], [], [], 0
        for n, piece in enumerate(pieces):
            own = rows[edges[n] : edges[n + 1]]
            if len(own):
                count = (starts[n + 1] if n + 1 < len(starts) else int(rows[-1]) + 1) - starts[n]
                parts += [part for part, _, _ in piece.parts()]
                here.append(own - starts[n] + at)
                shifts.append((at, starts[n], count))
                at += count
        assert isinstance(on.source, folder.Folder)
        one = dataclasses.replace(on, source=on.source.only(frozenset(parts)))
        check = compiled.rule.check
        assert isinstance(check, kinds.Unique)
        with one.shown(self.engine, "t", check.columns, only=np.concatenate(here)):
            found = passes.positions(self.engine, str(sets.query(compiled, on.row_column)))
        back = [found[slice(*np.searchsorted(found, [a, a + n]))] - a + start for a, start, n in shifts]
        return np.concatenate(back)


class _Gathered:
    """What the files gave so far, in their order."""

    def __init__(self, tests: int) -> None:
        self.starts: list[int] = []
        self.related: dict[str, list[passes.Rows]] = {}
        self._tests, self._scans, self._total = tests, list[passes.Scanned](), 0

    def add(self, made: _Judged, stacks: Mapping[str, piles.Pile]) -> None:
        """Add a file, whose rows come after those of the others."""
        start = self._total
        self.starts.append(start)
        self._scans.append(made.scanned)
        for sql, heap in made.keys.items():
            stacks[sql].add(heap.keys(), heap.rows() + start)
        for rule, rows in made.related.items():
            self.related.setdefault(rule, []).append(rows + start)
        self._total += made.scanned.total

    def scanned(self, wanted: Collection[int]) -> passes.Scanned:
        """The scan of the whole, with rows of the conditions that are asked for them."""
        return passes.merged(self._scans, self._tests, wanted)


def _uniques(plan: planning.Plan, targets: Mapping[str, target.Target], name: str) -> dict[str, tuple[list[str], bool]]:
    """Keys of a table as SQL, with the rules that want each unique, and whether equal keys are equal values."""
    found: dict[str, tuple[list[str], bool]] = {}
    for step in plan.steps:
        if step.compiled.rule.table == name and isinstance(step.check, kinds.Unique):
            key, exact = sets.key(step.check.columns, targets[name].source.schema)
            sql = f"CASE WHEN {sets.judges(step.compiled, step.check.columns)} THEN {key} END"
            found.setdefault(sql, ([], exact))[0].append(step.compiled.rule.id)
    return found


def _judge(shared: _Shared, piece: folder.Folder) -> _Judged:
    """One file, in whatever process."""
    name = shared.name
    one = {**shared.targets, name: dataclasses.replace(shared.targets[name], source=piece)}
    limits = shared.limits.model_copy(update={"spill": tables.Settings.current().spill})
    with assessment.planned(shared.book, one, limits) as (engine, plan, held):
        runner = local.Local(shared.book, one, engine, plan, held)
        heaps = {sql: parted.Heap() for sql in _uniques(plan, one, name)}
        try:
            scanned = passes.scanned(engine, one[name], plan, {sql: (sql, h) for sql, h in heaps.items()})  # type: ignore[misc]
        except tables.QueryError as error:
            raise runner.culprit(name, error) from None
        met = piece.faults
        related = {
            step.compiled.rule.id: runner.related(step, step.check)
            for step in plan.steps
            if step.compiled.rule.table == name
            and isinstance(step.check, (kinds.ForeignKey, kinds.Reconcile))
            and not parted.whole(step.check, name)
        }
        numbers = [n for n, t in enumerate(plan.totals) if t.table == name and t.function in parted.MERGED]
        values = parted.values(engine, one[name], [plan.totals[n] for n in numbers])
        return _Judged(scanned, heaps, related, dict(zip(numbers, values, strict=True)), met)

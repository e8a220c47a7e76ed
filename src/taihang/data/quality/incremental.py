"""Incremental: only new and changed files are read; what the others gave is kept, and merged to the same answer.

Kept for each file, in a state folder: counts and bad rows of each row condition, and parts of totals. For
uniqueness, an exact index of keys. A foreign key or a reconciliation keeps its bad rows and is run for new
files against the other table, or anew when that one changed or is the table itself. Dependencies, medians,
deviations and distinct counts keep nothing and are run anew. The state is written file by file, so a run that was
killed goes on where it was.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from taihang.core import errors, ids, job
from taihang.data.quality import assessment, keeping, local, parted, passes, planning, sets, target
from taihang.data.quality import keys as indexing
from taihang.engines import tables
from taihang.engines.sources import faults
from taihang.rules import kinds, rulebook

_FORM = 4
_FEW_KEYS = 1 << 22


@dataclasses.dataclass(frozen=True)
class Reused:
    """Files of a table that were read now, and those of which what was kept was used again."""

    read: tuple[str, ...]
    kept: tuple[str, ...]


def assess(
    book: rulebook.Rulebook,
    targets: Mapping[str, target.Target],
    *,
    state: Path,
    as_of: datetime.datetime | None = None,
    limits: tables.Settings | None = None,
    progress: job.Progress | None = None,
) -> tuple[assessment.Assessment, Mapping[str, Reused]]:
    """Judge a book as `assessment.assess` does, reading only files that are new or changed since the last time.

    A file is taken for unchanged while its size, time of change and inode are, and its hash where it was changed less
    than two seconds before it was read. `state` is a folder of this
    book's and these tables' own; another book, schema or version of the engine starts anew, and so does a state of
    which something is gone or damaged. Raises as
    `assessment.assess` does, and errors.Failure when the state cannot be written. `progress` is told how many files
    were read.
    """
    with assessment.planned(book, targets, limits) as (engine, plan, folder), _locked(state):
        for anew in (False, True):
            try:
                runner = Incremental(book, targets, engine, plan, folder, state, progress or job.Silent(), anew=anew)
                found = assessment.judged(book, targets, plan, runner, as_of)
                break
            except indexing.Damaged as error:
                # Once: what was written a moment ago and cannot be read is the disk's doing.
                if anew:
                    raise errors.Failure("data.quality:state.write", path=state, reason=error) from error
        return dataclasses.replace(found, targets=runner.targets), runner.reused


class Incremental:
    """Runs a plan over what changed."""

    def __init__(  # noqa: PLR0917 - what a run needs
        self,
        book: rulebook.Rulebook,
        targets: Mapping[str, target.Target],
        engine: tables.Engine,
        plan: planning.Plan,
        folder: Path,
        state: Path,
        progress: job.Progress,
        *,
        anew: bool = False,
    ) -> None:
        self.progress = progress
        self.book, self.engine, self.plan, self.folder = book, engine, plan, folder
        self.whole = local.Local(book, targets, engine, plan, folder)
        self.targets = self.whole.targets
        schemas = {name: str(on.source.schema) for name, on in sorted(targets.items())}
        mark = ids.digest_json([_FORM, book.sha256, duckdb.__version__, schemas, [t.sql for t in plan.totals]])
        self.kept = keeping.State(state, mark)
        if anew:
            self.kept.forget()
        self.parts = {name: parted.parts(on) for name, on in targets.items()}
        self.changed: dict[str, bool] = {}
        self.reused: dict[str, Reused] = {}
        self.news: dict[str, list[keeping.Part]] = {}
        for name in targets:
            self._look(name)

    def table(self, name: str) -> passes.Found:
        """Read new files, then merge."""
        found = self._table(name)
        source = self.targets[name].source
        if source.uneven and self._lost(name).lost and not self.targets[name].whole:
            # As in `local`: what one pass cannot read is left out by all, or their rows would not be the same.
            self.targets[name] = target.Target(name, source, whole=True)
            self.news[name] = self.kept.again(name)
            self.reused[name] = Reused(*self._shares(name))
            found = self._table(name)
        source.faults = self.whole.met[name] = self._lost(name)
        return found

    def _lost(self, name: str) -> faults.Faults:
        """What was met in all parts, those that are not read now included."""
        parts = self.kept.alive(name)
        # The part without a name is the whole source, with what was met while it was opened.
        found = faults.Faults() if any(not p.name for p in parts) else self.targets[name].source.opening
        for part in parts:
            found.merge(faults.Faults.of(part.lost))
        return found

    def _table(self, name: str) -> passes.Found:
        on, uniques = self.targets[name], self._uniques(name)
        gone = self.kept.gone(name)
        indexes = {sql: indexing.Index(self.kept.folder, f"keys-{ids.digest_json([name, sql])[:16]}",
                                       self.kept.runs(name, sql)) for sql in uniques}  # fmt: skip
        # Keys of files that are gone stay until the answer is without them.
        alive = {p.id for p in self.kept.alive(name)} | gone
        news = {sql: _News() for sql in indexes}
        for number, part in enumerate(self.news[name]):
            self.progress.update("data.quality:stage.files", number, len(self.news[name]))
            found = self._read(name, on, part, uniques)
            for sql, (keys, places) in found.items():
                news[sql].add(part.id, keys)
                indexes[sql].add(keys, places, alive)
                self.kept.set_runs(name, sql, indexes[sql].names)
            # Written down part by part: whoever is killed here goes on with the next one.
            self.kept.done(name, part)
        scanned = self._merged(name)
        rows: dict[str, passes.Rows] = {}
        for sql, rules in uniques.items():
            touched = self._touched(name, indexes[sql], news[sql], gone)
            bad = self._unique(name, sql, rules[0], indexes[sql], touched)
            rows.update(dict.fromkeys(rules, bad))
        rows.update(self._related(name))
        self.kept.settle(name, self._merging(name))
        return passes.Found(scanned, rows)

    def totals(self) -> list[Any]:
        """Totals merged of their parts; those that cannot be are run anew."""
        found: list[Any] = [None] * len(self.plan.totals)
        anew = []
        for number, one in enumerate(self.plan.totals):
            if one.function not in parted.MERGED or one.table not in self.changed:
                anew.append(number)
                continue
            found[number] = parted.merged(one.function, self.kept.totals(one.table, number))
        values = self.whole.totalled([self.plan.totals[n] for n in anew])
        for number, value in zip(anew, values, strict=True):
            found[number] = value
        return found

    def _look(self, name: str) -> None:
        """What of a table is new, and what is gone."""
        fresh = self.kept.look(name, self.parts[name])
        self.news[name] = fresh
        gone = bool(self.kept.gone(name))
        self.changed[name] = bool(fresh) or gone
        self.reused[name] = Reused(*self._shares(name))
        if any(p.whole and faults.Faults.of(p.lost).lost for p in self.kept.alive(name)):
            self.targets[name] = dataclasses.replace(self.targets[name], whole=True)

    def _shares(self, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        news = tuple(p.name for p in self.news[name])
        return news, tuple(p.name for p in self.kept.alive(name) if p.name not in set(news))

    def _uniques(self, name: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for step in self.plan.steps:
            if step.compiled.rule.table == name and isinstance(step.check, kinds.Unique):
                key, _ = sets.key(step.check.columns, self.targets[name].source.schema)
                sql = f"CASE WHEN {sets.judges(step.compiled, step.check.columns)} THEN {key} END"
                found.setdefault(sql, []).append(step.compiled.rule.id)
        return found

    def _read(
        self, name: str, on: target.Target, part: keeping.Part, uniques: Mapping[str, Sequence[str]]
    ) -> dict[str, tuple[indexing.Keys, indexing.Places]]:
        one = parted.only(on, part.name)
        stacks = {sql: (sql, parted.Heap()) for sql in uniques}
        try:
            scanned = passes.scanned(self.engine, one, self.plan, stacks)  # type: ignore[arg-type]
        except tables.QueryError as error:
            raise self.whole.culprit(name, error) from None
        part.lost, part.whole = one.source.faults.told(), on.whole
        numbers = self._merging(name)
        values = parted.values(self.engine, one, [self.plan.totals[n] for n in numbers])
        self.kept.put(name, part, scanned, dict(zip(numbers, values, strict=True)))
        return {sql: (heap.keys(), indexing.places(part.id, heap.rows())) for sql, (_, heap) in stacks.items()}

    def _merging(self, name: str) -> list[int]:
        return [n for n, t in enumerate(self.plan.totals) if t.table == name and t.function in parted.MERGED]

    def _merged(self, name: str) -> passes.Scanned:
        wanted = {s.test for s in self.plan.steps if s.compiled.rule.table == name and s.check is None}
        return passes.merged(self.kept.scans(name), len(self.plan.tests.get(name, [])), wanted)

    def _positions(self, name: str, places: indexing.Places) -> passes.Rows:
        return np.sort(self._standing(name, places))

    def _standing(self, name: str, places: indexing.Places) -> passes.Rows:
        """The position in the table of each place."""
        starts = self.kept.starts(name)
        offsets = np.zeros(max(starts, default=0) + 1, np.int64)
        offsets[list(starts)] = list(starts.values())
        found: passes.Rows = offsets[indexing.part_of(places)] + indexing.row_of(places)
        return found

    def _touched(self, name: str, index: indexing.Index, news: _News, gone: set[int]) -> indexing.Keys | None:
        """The keys that were added or taken away; None where they are so many that all are looked at."""
        parts = self.kept.alive(name)
        unread = {p.id for p in parts if p.fresh} - news.parts
        if sum(p.rows for p in parts if p.id in unread) > _FEW_KEYS:
            return None
        return indexing.different(np.concatenate([index.of_parts(gone), index.of_parts(unread), *news.keys]))

    def _unique(
        self, name: str, sql: str, rule: str, index: indexing.Index, touched: indexing.Keys | None
    ) -> passes.Rows:
        """Rows whose key repeats: looked up anew for the keys that were added or taken away."""
        alive = {p.id for p in self.kept.alive(name)}
        keys, places = self.kept.repeats(name, sql)
        if touched is None:
            kept = np.zeros(len(keys), np.bool_)
            found_keys, found_places = index.repeats(alive)
        elif not len(touched):
            return self._positions(name, places)
        else:
            kept = ~np.isin(keys, touched) & indexing.within(places, alive)
            found_keys, found_places = indexing.repeated(*index.with_keys(touched, alive))
        check = self.book.compiled(rule).rule.check
        assert isinstance(check, kinds.Unique)
        if len(found_places) and not sets.key(check.columns, self.targets[name].source.schema)[1]:
            wanted = self._positions(name, found_places)
            parts = set(indexing.part_of(found_places).tolist())
            exact = self._compared(name, rule, wanted, parts)
            same = np.isin(self._standing(name, found_places), exact)
            found_keys, found_places = found_keys[same], found_places[same]
        keys, places = np.concatenate([keys[kept], found_keys]), np.concatenate([places[kept], found_places])
        self.kept.set_repeats(name, sql, keys, places)
        return self._positions(name, places)

    def _compared(self, name: str, rule: str, rows: passes.Rows, parts: set[int]) -> passes.Rows:
        """The rows among some with equal hashes that really are equal; only their files are read."""
        compiled = self.book.compiled(rule)
        check = compiled.rule.check
        assert isinstance(check, kinds.Unique)
        on = self.targets[name]
        names = [p.name for p in self.kept.alive(name) if p.id in parts]
        starts, total = self.kept.starts(name), 0
        shift: list[tuple[int, int, int]] = []
        for part in (p for p in self.kept.alive(name) if p.id in parts):
            shift.append((starts[part.id], part.rows, total))
            total += part.rows
        here = np.concatenate([rows[slice(*np.searchsorted(rows, [a, a + n]))] - a + b for a, n, b in shift])
        one = parted.only(on, *names)
        with one.shown(self.engine, "t", check.columns, only=here):
            found = passes.positions(self.engine, str(sets.query(compiled, on.row_column)))
        return np.concatenate([found[slice(*np.searchsorted(found, [b, b + n]))] - b + a for a, n, b in shift])

    def _related(self, name: str) -> dict[str, passes.Rows]:
        found: dict[str, passes.Rows] = {}
        for step in (s for s in self.plan.steps if s.compiled.rule.table == name):
            check, rule = step.check, step.compiled.rule.id
            if check is not None and parted.whole(check, name):
                found[rule] = self.whole.related(step, check)
            elif isinstance(check, (kinds.ForeignKey, kinds.Reconcile)):
                found[rule] = self._beside(name, step, check)
        return found

    def _beside(self, name: str, step: planning.Step, check: kinds.ForeignKey | kinds.Reconcile) -> passes.Rows:
        """Bad rows of the files that are new; of all when the other table is another than it was."""
        rule, on = step.compiled.rule.id, self.targets[name]
        other = self.kept.mark(check.other, self.parts[check.other])
        for part in self.kept.alive(name):
            if self.kept.related(name, part, rule, other) is None:
                one = {**self.targets, name: parted.only(on, part.name)}
                runner = local.Local(self.book, one, self.engine, self.plan, self.folder)
                self.kept.set_related(name, part, rule, other, runner.related(step, check))
        starts = self.kept.starts(name)
        rows = [(self.kept.related(name, p, rule, other), starts[p.id]) for p in self.kept.alive(name)]
        return np.concatenate([np.zeros(0, np.int64), *(r + at for r, at in rows if r is not None)])


class _News:
    """Keys of the parts that were read now, while they are few: to look for them in the index reads all of it."""

    def __init__(self) -> None:
        self.parts: set[int] = set()
        self.keys: list[indexing.Keys] = []
        self._left = _FEW_KEYS

    def add(self, part: int, keys: indexing.Keys) -> None:
        self._left -= len(keys)
        if self._left < 0:
            self.parts.clear()
            self.keys.clear()
            return
        self.parts.add(part)
        self.keys.append(keys)


@contextlib.contextmanager
def _locked(state: Path) -> Iterator[None]:
    """One run at a time keeps a state."""
    import fcntl  # noqa: PLC0415 - where there is none, nobody can run twice at once either

    try:
        state.mkdir(parents=True, exist_ok=True)
        with (state / "lock").open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise errors.Conflict("data.quality:state.busy", path=state) from None
            yield
    except OSError as error:
        raise errors.Failure("data.quality:state.write", path=state, reason=error.strerror or error) from error

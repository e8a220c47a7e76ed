"""Spanned: the one scan of a large table in spans, each written down when it is judged: who is killed goes on there."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from taihang.core import errors, ids, job
from taihang.data.quality import parted, passes, planning, target
from taihang.engines import stages
from taihang.engines.sources import faults, folder, memory, parquet
from taihang.engines.sources import source as sources
from taihang.rules import rulebook

KEPT_FOR_S = 14 * 24 * 3600
_MAIN = ("taihang.data.quality", "taihang.engines.sources", "taihang.engines.tables")


class Unfinished:
    """What was judged of the large tables of one run, in a folder of its own below `place` until the run is over.

    Nothing is kept of a table of fewer than two spans, of one that is no file, and of one that was changed so
    lately that it could change again under the same mark.
    """

    def __init__(self, place: Path, book: rulebook.Rulebook, targets: Mapping[str, target.Target]) -> None:
        self._place = place
        self.spans = {name: _spans(on) for name, on in targets.items()}
        self._key: dict[str, Any] = {}
        if any(self.spans.values()):
            marks = {name: _marks(on) for name, on in targets.items()}
            schemas = {name: str(on.source.schema) for name, on in targets.items()}
            self._key = {"book": book.sha256, "marks": marks, "schemas": schemas, "duckdb": duckdb.__version__,
                         "code": stages.code_version(*_MAIN), "rows": parted.SPAN_ROWS}  # fmt: skip
        self._folder = place / ids.digest_json(self._key)[:32]
        self._stages = stages.Stages(self._folder)

    def holds(self, on: target.Target, plan: planning.Plan) -> bool:
        """Whether some of a table was judged by a run that did not end."""
        return any(self._stages.holds(*self._named(on, plan, span)) for span, _ in self.spans[on.name])

    def scanned(
        self, on: target.Target, plan: planning.Plan, scan: Callable[[target.Target], passes.Scanned]
    ) -> tuple[passes.Scanned, faults.Faults]:
        """A table's scan, made span by span where that was not done before, and what was met in it."""
        found: list[passes.Scanned] = []
        met, first = on.source.opening, 0
        for span, source in self.spans[on.name]:
            piece = dataclasses.replace(on, source=source, first=first)

            def make(piece: target.Target = piece) -> stages.Tables:
                return _written(scan(piece), piece)

            made, lost = _read(self._kept(*self._named(on, plan, span), make))
            found.append(made)
            met.merge(lost)
            first += made.total
        wanted = {s.test for s in plan.steps if s.compiled.rule.table == on.name and s.check is None}
        return passes.merged(found, len(plan.tests.get(on.name, [])), wanted), met

    def end(self) -> None:
        """The run is over: nothing need be kept, nor what was left by one that nobody took up again."""
        shutil.rmtree(self._folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            for one in self._place.iterdir():
                if time.time() - one.stat().st_mtime > KEPT_FOR_S:
                    shutil.rmtree(one, ignore_errors=True)

    def _kept(self, name: str, key: Mapping[str, Any], make: Callable[[], stages.Tables]) -> stages.Tables:
        made: list[stages.Tables] = []

        def once() -> stages.Tables:
            made.append(make())
            return made[0]

        try:
            return self._stages.tables(name, key, once)
        except (errors.Failure, OSError):
            # Where nothing can be written down the run goes on without.
            if not made:
                raise
            return made[0]

    def _named(self, on: target.Target, plan: planning.Plan, span: str) -> tuple[str, dict[str, Any]]:
        steps = [s for s in plan.steps if s.compiled.rule.table == on.name]
        filters = {str(s.test): s.compiled.filter.sql for s in steps if s.compiled.filter is not None}
        tests = [plan.tests.get(on.name, []), filters]
        return "span", {**self._key, "table": on.name, "span": span, "tests": tests, "whole": on.whole}


@dataclasses.dataclass(frozen=True)
class Shifted:
    """Progress of a span, told as that of the whole."""

    of: job.Progress
    first: int
    total: int

    def update(self, stage: str, done: float, total: float) -> None:
        """As of the whole."""
        self.of.update(stage, self.first + done, max(self.total, self.first + done))


def _spans(on: target.Target) -> list[tuple[str, sources.Source]]:
    """The spans of a table's source, or none where they would not pay or cannot be had."""
    source, most = on.source, parted.SPAN_ROWS
    found: list[tuple[str, sources.Source]] = []
    if type(source) is parquet.Parquet and (source.rows or 0) > 2 * most:
        found = [(name, source.only(groups)) for name, groups in source.spans(most)]
    elif isinstance(source, folder.Folder) and source.columnar and (source.rows or 0) > 2 * most:
        found = [(f"{files[0]} {len(files)}", source.only(frozenset(files))) for files in _shares(source, most)]
    else:
        return []
    return found if all(memory.sure(mark) for mark in _marks(on)) else []


def _shares(source: folder.Folder, rows: int) -> Iterator[list[str]]:
    """Files that follow one another, at least `rows` rows together but for the last."""
    held, count = [], 0
    for name, _, own in source.parts():
        held.append(name)
        count += own or 0
        if count >= rows:
            yield held
            held, count = [], 0
    if held:
        yield held


def _marks(on: target.Target) -> list[list[int]]:
    source = on.source
    if isinstance(source, folder.Folder):
        return [memory.marked(path) for _, path, _ in source.parts()]
    path = getattr(source, "path", None)
    return [memory.marked(path)] if isinstance(path, Path) and path.is_file() else []


def _written(made: passes.Scanned, on: target.Target) -> stages.Tables:
    through = {str(n): count for n, count in made.through.items()}
    says = {"total": made.total, "true": made.true, "unknown": made.unknown, "through": through,
            "faults": on.source.faults.told()}  # fmt: skip
    numbers = sorted(made.rows)
    rows = np.concatenate([np.zeros(0, np.int64), *(made.rows[n] - on.first for n in numbers)])
    sizes = pa.table({"test": pa.array(numbers, pa.int64()), "rows": [len(made.rows[n]) for n in numbers]})
    return {"says": pa.table({"json": [json.dumps(says)]}), "sizes": sizes, "rows": pa.table({"row": rows})}


def _read(tables: stages.Tables) -> tuple[passes.Scanned, faults.Faults]:
    says = json.loads(tables["says"].column(0)[0].as_py())
    rows, ends = tables["rows"].column(0).to_numpy(), np.cumsum(tables["sizes"].column(1).to_numpy())
    parts = np.split(rows, ends[:-1].astype(np.int64)) if len(ends) else []
    found = dict(zip(tables["sizes"].column(0).to_pylist(), parts, strict=True))
    through = {int(n): count for n, count in says["through"].items()}
    return passes.Scanned(says["total"], found, says["true"], says["unknown"], through), faults.Faults.of(
        says["faults"]
    )

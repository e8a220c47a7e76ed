"""Sweep: how PostgreSQL is looked through: in one scan the rows that break something, in another what is counted.

The first scan gives nothing for a row that keeps all rules, and groups the rest by what they break. The second
counts, adds up, and hands out for each uniqueness rule one 64-bit key a row: those are sorted here, which takes a
fifth of what grouping all rows there does; the few that repeat are compared there by value. Tables are taken
a piece of blocks at a time, so neither side holds more than a piece.
"""

# Every part was made by SQLGlot from checked trees, or stands here.
# ruff: noqa: S608
from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from taihang.data.quality import passes, piles, planning, sets
from taihang.data.quality.pushdown import inside, pushed, statements
from taihang.engines.databases import postgresql as databases
from taihang.rules import kinds, rulebook

_PIECE = 1 << 15  # blocks
_MOST_KEYS, _MOST_COMPARED = 64_000_000, 100_000
_NONE = np.uint64(1 << 63)
_PLACE = np.dtype([("block", ">u4"), ("at", ">u2")])
_NOTHING = "'\\x8000000000000000'::bytea"


@dataclasses.dataclass
class _Key:
    """A key that several rules want to be unique, of the rows for which `judged` is TRUE."""

    sql: str
    judged: str
    exact: bool
    rules: list[planning.Step]
    pile: piles.Pile
    known: int = 0
    wanted: int = 0


class Sweep(pushed.Pushed):
    """Runs a plan on PostgreSQL."""

    def __init__(
        self, book: rulebook.Rulebook, plan: planning.Plan, on: databases.Postgresql, writer: statements.Statements
    ) -> None:
        super().__init__(book, plan, on, writer)
        self.on: databases.Postgresql = on
        self._unique: dict[str, passes.Rows] = {}
        self._totals: dict[int, Any] = {}

    def totals(self) -> list[Any]:
        """Totals; those of tables that were counted in one piece are known."""
        if len(self._totals) < len(self.plan.totals):
            return super().totals()
        return [self._totals[n] for n in range(len(self.plan.totals))]

    def _ready(self, step: planning.Step) -> passes.Rows | None:
        return self._unique.get(step.compiled.rule.id)

    def _scanned(self, name: str, steps: Sequence[planning.Step]) -> passes.Scanned:
        tests = self.plan.tests.get(name, [])
        by_test = {s.test: s for s in steps}
        rows = sorted({s.test for s in steps if s.check is None})
        judged = [n for n in range(len(tests)) if n not in set(rows)]
        filters = {s.test: s.compiled.filter for s in steps if s.check is None and s.compiled.filter is not None}
        found = passes.Scanned(0, {}, [0] * len(tests), [0] * len(tests), dict.fromkeys(filters, 0))
        blocks = self.on.blocks(self.writer.shown[name].origin)
        pieces = [f"ctid >= '({at},0)' AND ctid < '({at + _PIECE},0)'" for at in range(0, max(blocks, 1), _PIECE)]
        if len(pieces) < 2 or self.on.version < 140000:  # which read all blocks for some
            pieces = ["TRUE"]
        else:
            pieces[-1] = pieces[-1].partition(" AND ")[0]
        counted = [self.writer.condition(name, tests[n], by_test[n].compiled) for n in judged]
        counted += [self.writer.condition(name, f.sql, by_test[n].compiled) for n, f in filters.items()]
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="taihang-")))
            keys = self._keys(name, steps, folder, stack)
            found.rows = self._bad(name, rows, by_test, pieces, found)
            counts = self._counted(name, counted, keys, pieces)
            found.total, *more = counts.tolist()
            for n, value in zip([*judged, *filters], more, strict=True):
                if n in filters:
                    found.through[n] = value
                else:
                    found.true[n] = value
            for key in keys:
                self._repeated(name, key)
        return found

    def _bad(
        self, name: str, rows: Sequence[int], by_test: dict[int, planning.Step], pieces: Sequence[str],
        found: passes.Scanned,
    ) -> dict[int, passes.Rows]:  # fmt: skip
        """Rows that break something, by the letters of what; counts go into `found`."""
        parts: dict[int, list[passes.Rows]] = {n: [np.zeros(0, np.int64)] for n in rows}
        if rows:
            sqls = [self.plan.tests[name][n] for n in rows]
            letters = [self.writer.condition(name, q, by_test[n].compiled) for n, q in zip(rows, sqls, strict=True)]
            odd = self.writer.shown[name].odd.keys()
            plain = [
                self.writer.condition(name, q, by_test[n].compiled, raw=True) if odd & statements.columns(q) else letter
                for n, q, letter in zip(rows, sqls, letters, strict=True)
            ]
            for piece in pieces:
                for mask, count, places in self.on.answers(self.writer.broken(name, letters, plain, sqls, piece)):
                    here = _positions(places)
                    for n, letter in zip(rows, mask, strict=True):
                        found.true[n] += count if letter == statements.TRUE else 0
                        found.unknown[n] += count if letter == statements.UNKNOWN else 0
                        if letter == statements.TRUE:
                            parts[n].append(here)
        return {n: np.sort(np.concatenate(some)) for n, some in parts.items()}

    def _counted(
        self, name: str, counted: Sequence[str], keys: Sequence[_Key], pieces: Sequence[str]
    ) -> npt.NDArray[np.int64]:
        """How many rows there are and fulfil each condition; keys go onto their piles."""
        select = ["count(*)", *(f"count(*) FILTER (WHERE {c})" for c in counted)]
        keyed = [f"count(*) FILTER (WHERE {k.judged})" for k in keys]
        keyed += ["string_agg(tidsend(ctid), ''::bytea)"] if keys else []
        keyed += [f"string_agg(coalesce(int8send(CASE WHEN {k.judged} THEN {k.sql} END), {_NOTHING}), ''::bytea)"
                  for k in keys]  # fmt: skip
        totals, made = self._totals_of(name) if len(pieces) == 1 else ([], [])
        found = np.zeros(len(select), np.int64)
        for piece in pieces:
            origin = f"{self.writer.shown[name].origin} WHERE {piece}"
            (row,) = self.on.answers(f"SELECT {', '.join([*select, *keyed, *totals])} FROM {origin}")
            found += np.array(row[: len(select)], np.int64)
            judged, sent = row[len(select) :][: len(keys)], row[len(select) + len(keys) :][: len(keys) + 1]
            places = _positions(sent[0]) if keys else np.zeros(0, np.int64)
            for key, count, values in zip(keys, judged, sent[1:], strict=False):
                # Read on the way as what it is: eight bytes, the highest first.
                some = np.frombuffer(values or b"", ">u8").astype(np.uint64)
                there = some != _NONE
                key.pile.add(some[there], places[there])
                key.known, key.wanted = key.known + int(np.count_nonzero(there)), key.wanted + count
            self._totals.update(pushed.finished(made, row[len(select) + len(keyed) :]))
        return found

    def _keys(self, name: str, steps: Sequence[planning.Step], folder: Path, stack: contextlib.ExitStack) -> list[_Key]:
        found: dict[str, _Key] = {}
        if self.on.version < 140000 or self.on.estimated(self.writer.shown[name].origin) > _MOST_KEYS:
            return []
        for step in steps:
            check = step.check
            if isinstance(check, kinds.Unique):
                made = self.writer.key(name, check.columns)
                judged = self.writer.condition(name, sets.judges(step.compiled, check.columns), step.compiled)
                if made is not None:
                    mark = f"{made[0]} {judged}"
                    if mark not in found:
                        found[mark] = _Key(made[0], judged, made[1], [], piles.Pile(folder))
                        stack.callback(found[mark].pile.close)
                    found[mark].rules.append(step)
        return list(found.values())

    def _repeated(self, name: str, key: _Key) -> None:
        """Rows whose key repeats; those whose hash does are compared there."""
        if key.known != key.wanted:
            return  # a key that looks like none: left to the database
        rows = key.pile.repeated()
        if len(rows) and not key.exact:
            if len(rows) > _MOST_COMPARED:
                return
            (row,) = self.on.answers(self.writer.same(key.rules[0].compiled, [inside.ctid(at) for at in rows.tolist()]))
            rows = np.sort(_positions(row[0]))
        self._unique.update(dict.fromkeys((s.compiled.rule.id for s in key.rules), rows))


def _positions(sent: bytes | None) -> passes.Rows:
    """Places as the database sends them: four bytes of block, two of place in it."""
    found = np.frombuffer(sent or b"", _PLACE)
    return inside.numbered(found["block"].astype(np.int64), found["at"].astype(np.int64))

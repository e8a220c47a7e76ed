"""Plan: what each rule needs of which table, bound to its columns before the first row is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from taihang.core import errors, i18n
from taihang.data.quality import sets, target
from taihang.engines import tables
from taihang.rules import kinds, predicate, rulebook, scan, template

# What a message may name beside the rule's parameters.
NAMES = ("rows", "judged", "share", "table", "value", "other", "newest", "age_s", "as_of")


@dataclasses.dataclass(frozen=True)
class Total:
    """One number over a table: its SQL, the columns that it reads, and what it is made of."""

    table: str
    sql: str
    columns: tuple[str, ...]
    function: str
    column: str
    only: predicate.Expression | None
    rule: str


@dataclasses.dataclass(frozen=True)
class Step:
    """One rule ready to be judged. `test` numbers its condition in the scan of its table.

    A row rule's condition is TRUE for a bad row; a set rule's for a row that it judges. `totals` are
    numbers of the plan's totals.
    """

    compiled: rulebook.Compiled
    test: int
    totals: tuple[int, ...] = ()

    @property
    def check(self) -> kinds.Kind | None:
        """Its set kind, if it has one."""
        return self.compiled.rule.check if self.compiled.rule.about_sets else None


@dataclasses.dataclass
class Plan:
    """Steps in the rulebook's order, the conditions of each table's one scan, and all totals.

    `columns` are what a table's conditions and keys need.
    """

    steps: list[Step]
    tests: dict[str, list[str]]
    columns: dict[str, set[str]]
    totals: list[Total]

    def read(self, name: str) -> set[str]:
        """All columns of a table that some pass reads."""
        found = set(self.columns.get(name, ())).union(*(t.columns for t in self.totals if t.table == name))
        for step in (s for s in self.steps if s.check is not None):
            rule, check = step.compiled.rule, step.check
            assert check is not None
            found.update(sets.own(check) if rule.table == name else ())
            found.update(sets.others(check) if name in sets.tables_beside(check) else ())
        return found


def plan(book: rulebook.Rulebook, targets: Mapping[str, target.Target], engine: tables.Engine) -> Plan:
    """Plan a book over targets. Raises errors.UserError, with the place in the book, for a rule that cannot run."""
    made = Plan([], {}, {}, [])
    parts: dict[str, list[scan.Test]] = {}
    for compiled in book.rules:
        rule = compiled.rule
        for name in (rule.table, *sets.tables_beside(rule.check)):
            if name not in targets:
                known = ", ".join(targets)
                where = compiled.place("table" if name == rule.table else "check")
                raise errors.UserError("data.quality:rule.table", where=where, table=name, known=known)
        if rule.timed or rule.by or rule.measures or rule.follow or rule.needs or rule.per not in {None, "rule"}:
            raise errors.UserError("data.quality:rule.terms", where=compiled.place(), rule=rule.id)
        own = targets[rule.table].source.schema.names
        for part in (compiled.where, compiled.filter):
            if part is not None:
                part.check_columns(own, rule.table)
        for language in i18n.LANGUAGES:
            places = compiled.places.under("message", language)
            template.check_names(getattr(rule.message, language), {*NAMES, *rule.parameters}, places)
        parts.setdefault(rule.table, []).append(scan.Test(compiled.where, compiled.filter))
        _check_columns(compiled, targets)
        made.steps.append(_step(compiled, made))
    for name, used in made.columns.items():
        targets[name].check(sorted(used))
    for name, tests in parts.items():
        scan.check(engine, targets[name].source.schema, tests)
    for step in made.steps:
        sets.bind(engine, step.compiled, targets, [made.totals[n].sql for n in step.totals])
    return made


def _step(compiled: rulebook.Compiled, made: Plan) -> Step:
    rule = compiled.rule
    check = rule.check if rule.about_sets else None
    used = made.columns.setdefault(rule.table, set())
    used.update(compiled.where.columns, *([compiled.filter.columns] if compiled.filter else []))
    if check is None:
        return Step(compiled, _number(made, rule.table, scan.Test(compiled.where, compiled.filter).sql))
    keys = sets.keys(check)
    used.update(keys)
    test = _number(made, rule.table, sets.judges(compiled, keys))
    return Step(compiled, test, _totals(compiled, check, made))


def _totals(compiled: rulebook.Compiled, check: kinds.Kind, made: Plan) -> tuple[int, ...]:
    table, only = compiled.rule.table, compiled.filter

    def add(table: str, function: str, column: str, only: predicate.Expression | None) -> int:
        sql = sets.total(function, column, only.sql if only else None)
        columns = (column, *(only.columns if only else ()))
        made.totals.append(Total(table, sql, columns, function, column, only, compiled.rule.id))
        return len(made.totals) - 1

    if isinstance(check, kinds.Freshness):
        return (add(table, "max", check.column, only),)
    if isinstance(check, kinds.Aggregate):
        return (add(table, check.function, check.column, only),)
    if isinstance(check, kinds.AggregateEquals):
        other = check.other_column or check.column
        return (add(table, check.function, check.column, only), add(check.other, check.function, other, None))
    return ()


def _number(made: Plan, table: str, sql: str) -> int:
    known = made.tests.setdefault(table, [])
    if sql not in known:
        known.append(sql)
    return known.index(sql)


def _check_columns(compiled: rulebook.Compiled, targets: Mapping[str, target.Target]) -> None:
    rule = compiled.rule
    check = rule.check
    if check is None or not rule.about_sets:
        return
    wanted = [(rule.table, name) for name in sets.own(check)]
    wanted += [(table, name) for table in sets.tables_beside(check) for name in sets.others(check)]
    for table, name in wanted:
        known = targets[table].source.schema.names
        if name not in known:
            raise errors.UserError(
                "rules:sql.column", where=compiled.place("check"), column=name, table=table, known=", ".join(known)
            )

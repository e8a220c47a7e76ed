"""Plan: which rules are judged on which tables, checked in full before the first row is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from taihang.core import errors, finding, i18n
from taihang.engines import tables as engines
from taihang.rules import findings, rulebook, scan, template
from taihang.rules import table as tabling

_Number = Callable[[str, scan.Test], int]


@dataclasses.dataclass(frozen=True)
class Step:
    """One rule ready to be judged: its groups, and the numbers of its tests in the tables' scans.

    `timed`: judged by runs in time. `second_by` are the columns of the second half's table that
    match `by`, a None where it has no such column.
    """

    compiled: rulebook.Compiled
    by: tuple[str, ...]
    timed: bool
    test: int
    second_table: str | None = None
    second_test: int | None = None
    second_by: tuple[str | None, ...] = ()


@dataclasses.dataclass(frozen=True)
class Plan:
    """Steps in the rulebook's order, one list of tests per table, and the rules left out with the reason."""

    steps: tuple[Step, ...]
    tests: Mapping[str, tuple[scan.Test, ...]]
    left_out: tuple[finding.NotJudged, ...]


def plan(
    book: rulebook.Rulebook,
    tables: Mapping[str, tabling.Table],
    capabilities: Mapping[str, i18n.Text | None],
    engine: engines.Engine,
) -> Plan:
    """Plan a rulebook over tables.

    `capabilities`: None for what is there, else the reason why it is not; one that is not named is
    not there. Raises errors.UserError for a rule that cannot run on its table.
    """
    for name, table in tables.items():
        table.check(name)
    tests: dict[str, list[scan.Test]] = {}
    numbers: dict[tuple[str, str], int] = {}
    steps: list[Step] = []
    left_out: list[finding.NotJudged] = []

    def number(table: str, test: scan.Test) -> int:
        known = tests.setdefault(table, [])
        if (table, test.sql) not in numbers:
            numbers[table, test.sql] = len(known)
            known.append(test)
        return numbers[table, test.sql]

    for compiled in book.rules:
        reason = _absent(book, compiled, tables, capabilities)
        if reason is not None:
            left_out.append(reason)
            continue
        steps.append(_step(book, compiled, tables, number))
    for name, wanted in tests.items():
        scan.check(engine, tables[name].data.schema, wanted)
        measures = [m for s in steps if s.compiled.rule.table == name for m in s.compiled.measures.values()]
        scan.bind(engine, tables[name].data.schema, measures)
    return Plan(tuple(steps), {name: tuple(found) for name, found in tests.items()}, tuple(left_out))


def not_judged(compiled: rulebook.Compiled, code: str, reason: i18n.Text) -> finding.NotJudged:
    """A rule on which no verdict is given."""
    rule = compiled.rule
    return finding.NotJudged(subject="rule", rule=rule.id, title=rule.title, reason=reason, code=code)


def _absent(
    book: rulebook.Rulebook,
    compiled: rulebook.Compiled,
    tables: Mapping[str, tabling.Table],
    capabilities: Mapping[str, i18n.Text | None],
) -> finding.NotJudged | None:
    """The first thing that the rule, or one that it refers to, lacks."""
    at = compiled
    while True:
        for need in at.rule.needs:
            reason = capabilities.get(need)
            if need not in capabilities:
                reason = i18n.Message(key="rules:not_judged.need", values={"need": need}).both()
            if reason is not None:
                return not_judged(compiled, "need", reason)
        follow = at.rule.follow
        named = [at.rule.table, *([follow.table] if follow and follow.table else [])]
        for name in named:
            if name not in tables:
                values = {"table": name, "known": ", ".join(tables) or "-"}
                return not_judged(compiled, "table", i18n.Message(key="rules:not_judged.table", values=values).both())
        if follow is None or follow.rule is None:
            return None
        at = book.compiled(follow.rule)


def _step(
    book: rulebook.Rulebook, compiled: rulebook.Compiled, tables: Mapping[str, tabling.Table], number: _Number
) -> Step:
    rule, table = compiled.rule, tables[compiled.rule.table]
    if rule.about_sets or rule.tolerate is not None:
        # Whoever judges by this plan would pass over what it does not know.
        raise errors.UserError("rules:kind.assess", where=compiled.place("check"), rule=rule.id)
    by = rule.by if rule.by is not None else table.keys
    for part in (compiled.where, compiled.filter, *compiled.measures.values()):
        if part is not None:
            part.check_columns(table.columns, rule.table)
    _check_names(by, rule.table, table, compiled, "by")
    if rule.confidence is not None:
        _check_names((rule.confidence,), rule.table, table, compiled, "confidence")
    for language in i18n.LANGUAGES:
        names = findings.names(compiled, by)
        template.check_names(getattr(rule.message, language), names, compiled.places.under("message", language))
    timed = table.timed and rule.per in {None, "run"}
    if rule.timed and not table.timed:
        raise errors.UserError("rules:table.no_time", where=compiled.place("table"), table=rule.table)
    test = scan.Test(compiled.where, compiled.filter, timed)
    step = Step(compiled, by, timed, number(rule.table, test))
    return _with_second(step, book, tables, number) if rule.follow else step


def _with_second(step: Step, book: rulebook.Rulebook, tables: Mapping[str, tabling.Table], number: _Number) -> Step:
    compiled = step.compiled
    follow = compiled.rule.follow
    assert follow is not None
    which = "followed_by" if compiled.rule.followed_by else "not_followed_by"
    if follow.rule is not None:
        target = book.compiled(follow.rule)
        name = target.rule.table
        own = target.rule.by if target.rule.by is not None else tables[name].keys
        if not tables[name].timed or target.rule.per not in {None, "run"}:
            raise errors.UserError("rules:table.no_time", where=compiled.place(which, "rule"), table=name)
        matched = tuple(column if column in own else None for column in step.by)
        return dataclasses.replace(step, second_table=name, second_by=matched)
    name = follow.table or compiled.rule.table
    table = tables[name]
    if not table.timed:
        raise errors.UserError("rules:table.no_time", where=compiled.place(which, "table"), table=name)
    assert compiled.follow is not None
    for part in (compiled.follow, compiled.follow_filter):
        if part is not None:
            part.check_columns(table.columns, name)
    if follow.by is not None:
        _check_names(follow.by, name, table, compiled, which, "by")
        if len(follow.by) > len(step.by):
            raise errors.UserError("rules:rule.by", where=compiled.place(which, "by"), by=", ".join(step.by) or "-")
        matched = (*follow.by, *([None] * (len(step.by) - len(follow.by))))
    else:
        matched = tuple(column if column in table.columns else None for column in step.by)
    test = scan.Test(compiled.follow, compiled.follow_filter, timed=True)
    return dataclasses.replace(step, second_table=name, second_test=number(name, test), second_by=matched)


def _check_names(
    names: tuple[str, ...], table: str, data: tabling.Table, compiled: rulebook.Compiled, *path: str
) -> None:
    for n, name in enumerate(names):
        if name not in data.columns:
            where = compiled.place(*path, n)
            known = ", ".join(data.columns)
            raise errors.UserError("rules:sql.column", where=where, column=name, table=table, known=known)

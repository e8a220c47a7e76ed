"""Judge: a rulebook over tables gives findings, what could not be judged, and where to look again."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from taihang.core import finding as found
from taihang.core import i18n
from taihang.engines import tables as engines
from taihang.rules import findings, occurrence, planning, rulebook, scan, scores, sequence, spans, timeline
from taihang.rules import judgement as judged
from taihang.rules import rule as ruling
from taihang.rules import table as tabling

Judgement = judged.Judgement
Suspect = judged.Suspect
Counts = judged.Counts


def judge(
    book: rulebook.Rulebook,
    tables: Mapping[str, tabling.Table],
    capabilities: Mapping[str, i18n.Text | None] | None = None,
    limits: engines.Settings | None = None,
    engine: engines.Engine | None = None,
) -> judged.Judgement:
    """Judge every rule of a book, each table read once.

    `capabilities`: name → None when it is there, or the reason why it is not; a rule that needs one
    that is absent is not judged. Raises errors.UserError for a rule that cannot run on its table:
    that is never a pass. The same input gives the same judgement. An open `engine` is used and left open, for who
    judges often.
    """
    with engines.Engine(limits) if engine is None else contextlib.nullcontext(engine) as opened:
        return planned(book, tables, planning.plan(book, tables, capabilities or {}, opened), opened)


def planned(
    book: rulebook.Rulebook, tables: Mapping[str, tabling.Table], plan: planning.Plan, engine: engines.Engine
) -> judged.Judgement:
    """As `judge`, by a plan that was made of this book over tables of these names and schemas."""
    return _Judge(book, tables, plan, engine).judgement()


def check(
    book: rulebook.Rulebook,
    tables: Mapping[str, tabling.Table],
    capabilities: Mapping[str, i18n.Text | None] | None = None,
) -> tuple[found.NotJudged, ...]:
    """Check that a book can be judged on tables of these schemas, rows or none; returns what will be left out.

    Raises as `judge` does.
    """
    with engines.Engine() as engine:
        return planning.plan(book, tables, capabilities or {}, engine).left_out


class _Judge:
    def __init__(
        self,
        book: rulebook.Rulebook,
        tables: Mapping[str, tabling.Table],
        plan: planning.Plan,
        engine: engines.Engine,
    ) -> None:
        self.book, self.tables, self.plan, self.engine = book, tables, plan, engine
        self.steps = {step.compiled.rule.id: step for step in plan.steps}
        self.scans = {name: _scanned(engine, tables[name], tests) for name, tests in plan.tests.items()}
        self.layouts: dict[tuple[str, tuple[str, ...]], timeline.Layout] = {}
        self.last: tuple[object, timeline.Line] | None = None
        self.spans: dict[str, list[spans.Span]] = {}

    def judgement(self) -> judged.Judgement:
        told: list[found.Finding] = []
        not_judged = {n.rule: n for n in self.plan.left_out}
        suspects: list[judged.Suspect] = []
        passed: list[str] = []
        counts: dict[str, judged.Counts] = {}
        for step in self.plan.steps:
            rule = step.compiled.rule
            own = self._counts(step)
            if own.judged == 0:
                code = "rows" if own.rows == 0 else "unknown"
                reason = i18n.Message(key=f"rules:not_judged.{code}", values={"table": rule.table}).both()
                not_judged[rule.id] = planning.not_judged(step.compiled, code, reason)
                continue
            cases = self._timed_cases(step) if step.timed else self._row_cases(step)
            table = self.tables[rule.table]
            some = findings.tell(self.book, step.compiled, step.by, table, cases, engine=self.engine)
            told.extend(some)
            suspects.extend(self._suspects(step))
            if not some:
                passed.append(rule.id)
            counts[rule.id] = self._summed(step, own, cases)
        order = [c.rule.id for c in self.book.rules]
        return judged.Judgement(
            findings=tuple(told),
            not_judged=tuple(not_judged[name] for name in order if name in not_judged),
            suspects=tuple(suspects),
            passed=tuple(passed),
            counts=counts,
            scorecard=scores.scores(self.book, counts),
            rows={name: self._violating(self.steps[name]) for name in order if name in counts},
        )

    def _violating(self, step: planning.Step) -> findings.Rows:
        return self.scans[step.compiled.rule.table].violating(step.test)

    def _row_cases(self, step: planning.Step) -> list[findings.Case]:
        rows = self._violating(step)
        if not len(rows):
            return []
        rule, table = step.compiled.rule, self.tables[step.compiled.rule.table]
        per = _per(rule)
        if per == "rule":
            return [findings.Case((), rows)]
        group, keys = tabling.groups(table.data.select(list(step.by)).take(rows), step.by)
        order = np.argsort(group, kind="stable")
        if per == "row":
            # Cases are made for those only that are told one by one: there may be millions.
            told, rest = np.split(order, [findings.MOST_FINDINGS])
            cases = [findings.Case(keys[group[n]], rows[n : n + 1], row=int(rows[n])) for n in told.tolist()]
            return [*cases, findings.Case((), np.sort(rows[rest]), several=len(rest))] if len(rest) else cases
        edges = np.searchsorted(group[order], np.arange(len(keys) + 1))
        cases = [findings.Case(key, rows[order[edges[n] : edges[n + 1]]]) for n, key in enumerate(keys)]
        return findings.folded(cases)

    def _timed_cases(self, step: planning.Step) -> list[findings.Case]:
        rule = step.compiled.rule
        at = self._layout(rule.table, step.by)
        rows = _Finder(at, self.scans[rule.table], step.test)
        second = None
        if rule.followed_by is not None:
            name, test, by = self._second(step)
            second = name, _Finder(self._layout(name, by), self.scans[name], test)
        cases = []
        for span in spans.cooled(self._spans(rule.id), rule.cooldown):
            after = None
            if second is not None and span.second is not None:
                after = second[0], self.tables[second[0]], second[1].rows(*span.second)
            own = rows.rows(span.group, span.start, span.end)
            cases.append(findings.Case(at.keys[span.group], own, span, after))
        return findings.folded(cases)

    def _suspects(self, step: planning.Step) -> list[judged.Suspect]:
        if not step.timed:
            return []
        rule = step.compiled.rule
        keys = self._layout(rule.table, step.by).keys
        return [
            judged.Suspect(
                rule=rule.id,
                table=rule.table,
                keys=dict(zip(step.by, keys[span.group], strict=True)),
                start_s=span.look[0],
                end_s=span.look[1],
                why="seen" if span.certain else "unsure",
            )
            for span in self._spans(rule.id)
        ]

    def _spans(self, name: str) -> list[spans.Span]:
        """The spans of a time rule; those of the rules it refers to are made first, the last of the chain first."""
        chain = [name]
        while (follow := self.steps[chain[-1]].compiled.rule.follow) is not None and follow.rule is not None:
            if follow.rule in self.spans:
                break
            chain.append(follow.rule)
        for one in reversed(chain):
            if one not in self.spans:
                self.spans[one] = self._made(self.steps[one])
        return self.spans[name]

    def _made(self, step: planning.Step) -> list[spans.Span]:
        rule = step.compiled.rule
        gap = ruling.longest_gap(rule.sustained, rule.max_gap)
        raw = self._line(rule.table, step.test, step.by)
        line = timeline.bridged(raw, gap)
        if rule.at_least is not None and rule.within is not None:
            return spans.repeated(line, rule.sustained, rule.at_least, rule.within)
        first = occurrence.occurrences(line, rule.sustained)
        follow = rule.follow
        if follow is None or rule.within is None:
            return spans.lasting(first, rule.sustained)
        signal, groups = self._signal(step, follow)
        own, wanted = sequence.extents(line), rule.not_followed_by is not None
        return sequence.followed(first, own, signal, groups, within=rule.within, anchor=follow.anchor, wanted=wanted)

    def _second(self, step: planning.Step) -> tuple[str, int, tuple[str, ...]]:
        """Table, test and group columns of the second half."""
        follow = step.compiled.rule.follow
        assert follow is not None and step.second_table is not None
        if follow.rule is not None:
            target = self.steps[follow.rule]
            return step.second_table, target.test, target.by
        assert step.second_test is not None
        return step.second_table, step.second_test, tuple(c for c in step.second_by if c is not None)

    def _signal(self, step: planning.Step, follow: ruling.Follow) -> tuple[sequence.Signal, list[int]]:
        name, test, by = self._second(step)
        raw = self._line(name, test, by)
        if follow.rule is not None:
            rule = self.steps[follow.rule].compiled.rule
            line = timeline.bridged(raw, ruling.longest_gap(rule.sustained, rule.max_gap))
            found_spans = self.spans[follow.rule]
        else:
            line = timeline.bridged(raw, ruling.longest_gap(follow.sustained, follow.max_gap))
            found_spans = spans.lasting(occurrence.occurrences(line, follow.sustained), follow.sustained)
        return sequence.signal(line, found_spans), self._matched(step, name, by)

    def _matched(self, step: planning.Step, name: str, by: tuple[str, ...]) -> list[int]:
        """For each group of the first half, the second's group with the same keys, or -1."""
        theirs = self._layout(name, by).keys
        places = [by.index(c) if c is not None and c in by else None for c in step.second_by]
        known = {tuple(key[p] for p in places if p is not None): n for n, key in enumerate(theirs)}
        ours = self._layout(step.compiled.rule.table, step.by).keys
        return [known.get(tuple(k for k, p in zip(key, places, strict=True) if p is not None), -1) for key in ours]

    def _layout(self, name: str, by: tuple[str, ...]) -> timeline.Layout:
        if (name, by) not in self.layouts:
            self.layouts[name, by] = timeline.layout(name, self.tables[name], by)
        return self.layouts[name, by]

    def _line(self, name: str, test: int, by: tuple[str, ...]) -> timeline.Line:
        # Counting and judging a rule ask for the same line one after the other; more is not kept.
        if self.last is None or self.last[0] != (name, test, by):
            scanned = self.scans[name]
            at = self._layout(name, by)
            line = timeline.line(at, scanned.total, scanned.violating(test), scanned.undecided(test))
            self.last = (name, test, by), line
        return self.last[1]

    def _counts(self, step: planning.Step) -> judged.Counts:
        rule = step.compiled.rule
        scanned = self.scans[rule.table]
        violated, unknown = len(self._violating(step)), len(scanned.undecided(step.test))
        judged_rows = scanned.filtered[step.test] - unknown
        seconds = None
        if step.timed:
            line = self._line(rule.table, step.test, step.by)
            known = line.value != timeline.UNKNOWN
            seconds = float((line.end - line.start)[known].sum())
            judged_rows = judged_rows if seconds > 0 else 0
        return judged.Counts(rule.id, rule.table, scanned.total, judged_rows, violated, unknown, 0, 0, 0, 0, seconds)

    def _summed(self, step: planning.Step, own: judged.Counts, cases: Sequence[findings.Case]) -> judged.Counts:
        certain = [c for c in cases if c.certain]
        rule = step.compiled.rule
        groups, violated = 1, int(bool(certain))
        if step.timed:
            groups = len(self._layout(rule.table, step.by).keys)
            violated = len({s.group for s in self._spans(rule.id) if s.certain})
        elif _per(rule) != "rule":
            table = self.tables[rule.table].data.select(list(step.by))
            groups = len(tabling.groups(table, step.by)[1])
            violated = len(tabling.groups(table.take(self._violating(step)), step.by)[1])
        seconds = None if own.seconds_judged is None else _covered(self._spans(rule.id))
        return dataclasses.replace(
            own,
            groups=groups,
            groups_violated=violated,
            findings=sum(c.several or 1 for c in certain),
            insufficient=sum(c.several or 1 for c in cases if not c.certain),
            seconds_violated=seconds,
        )


def _scanned(engine: engines.Engine, table: tabling.Table, tests: Sequence[scan.Test]) -> scan.Scan:
    try:
        return scan.scan(engine, table.data, tests)
    except engines.QueryError as error:
        raise scan.culprit(engine, table.data, tests, error) from None


def _per(rule: ruling.Rule) -> ruling.Per:
    """What a rule that is not judged in time gives one finding for."""
    return rule.per or ("group" if rule.by else "rule")


class _Finder:
    """Finds the rows behind spans."""

    def __init__(self, at: timeline.Layout, scanned: scan.Scan, test: int) -> None:
        self.at = at
        self.true = np.zeros(scanned.total, bool)
        self.true[scanned.violating(test)] = True

    def rows(self, group: int, start: float, end: float) -> findings.Rows:
        """Positions, ascending, of a group's true rows that meet [start, end)."""
        at = self.at
        here = at.slice(group)
        if not at.overlapping:
            first = here.start + int(np.searchsorted(at.end[here], start, side="right"))
            last = here.start + int(np.searchsorted(at.start[here], end, side="left"))
            here = slice(first, max(first, last))
        rows = at.order[here][(at.start[here] < end) & (at.end[here] > start)]
        return np.sort(rows[self.true[rows]])


def _covered(found_spans: Sequence[spans.Span]) -> float:
    """Seconds covered by certain spans of all groups; overlaps within a group count once."""
    total, group, reached = 0.0, -1, -np.inf
    for span in sorted((s for s in found_spans if s.certain), key=lambda s: (s.group, s.start)):
        if span.group != group:
            group, reached = span.group, -np.inf
        total += max(0.0, span.end - max(span.start, reached))
        reached = max(reached, span.end)
    return total

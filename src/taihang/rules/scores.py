"""Scores: what the rules of each dimension say together, each number with the SQL that made it."""

# Only expressions that `predicate` made from a checked tree are put into SQL.
# ruff: noqa: S608
from __future__ import annotations

from collections.abc import Iterable, Mapping

from taihang.core import scorecard, words
from taihang.engines import tables
from taihang.rules import duration, judgement, rulebook, scan


def scores(book: rulebook.Rulebook, counts: Mapping[str, judgement.Counts]) -> scorecard.Scorecard:
    """Per dimension the compliance of rows and of observed time, then each rule's own share.

    A dimension's compliance is 1 - Σ wᵢ violatedᵢ / Σ wᵢ judgedᵢ over its judged rules, wᵢ the
    rule's weight: rules that judged more count for more. Rules that were not judged stand as unknown;
    rules of level info tell of events and take no part.
    """
    dimensions = dict.fromkeys(c.rule.dimension for c in book.rules)
    found: list[scorecard.Score] = []
    for dimension in dimensions:
        rules = [c for c in book.rules if c.rule.dimension == dimension]
        found.extend(_dimension(dimension, rules, counts))
        found.extend(_rule(dimension, compiled, counts.get(compiled.rule.id)) for compiled in rules)
    return scorecard.Scorecard(scores=tuple(found))


def query(compiled: rulebook.Compiled) -> str:
    """SQL that counts a rule's judged, violated and unknown rows on a table of that name."""
    where = f" WHERE {compiled.filter.sql}" if compiled.filter else ""
    condition = f"({compiled.where.sql})"
    return (
        f"SELECT count(*) FILTER (WHERE {condition} IS NOT NULL) AS judged, "
        f"count(*) FILTER (WHERE {condition}) AS violated, count(*) FILTER (WHERE {condition} IS NULL) AS unknown "
        f"FROM {tables.quoted(compiled.rule.table)}{where}"
    )


def _dimension(
    dimension: str, rules: Iterable[rulebook.Compiled], counts: Mapping[str, judgement.Counts]
) -> Iterable[scorecard.Score]:
    told = [c for c in rules if c.rule.level is not words.Level.info]
    judged = [(c, counts[c.rule.id]) for c in told if c.rule.id in counts]
    timed = [(c, n) for c, n in judged if n.seconds_judged is not None]
    plain = [(c, n) for c, n in judged if n.seconds_judged is None]
    if told and not judged:
        yield scorecard.Score(dimension=dimension, metric="compliance", value=None, standing="unknown")
    if plain:
        whole = sum(c.rule.weight * n.judged for c, n in plain)
        bad = sum(c.rule.weight * n.violated for c, n in plain)
        parts = " UNION ALL ".join(f"SELECT {c.rule.weight} AS w, * FROM ({query(c)})" for c, _ in plain)
        sql = f"SELECT 1 - sum(w * violated) / sum(w * judged) FROM ({parts})"
        yield scorecard.Score(
            dimension=dimension, metric="rows.compliance", value=_share(whole, bad), unit="share of rows", query=sql
        )
    if timed:
        whole = sum(c.rule.weight * (n.seconds_judged or 0) for c, n in timed)
        bad = sum(c.rule.weight * (n.seconds_violated or 0) for c, n in timed)
        sql = "; ".join(f"{c.rule.weight} * ({_timed_query(c)})" for c, _ in timed)
        yield scorecard.Score(
            dimension=dimension, metric="time.compliance", value=_share(whole, bad), unit="share of seconds", query=sql
        )


def _rule(dimension: str, compiled: rulebook.Compiled, counts: judgement.Counts | None) -> scorecard.Score:
    metric = f"rule.{compiled.rule.id}"
    if counts is None:
        return scorecard.Score(
            dimension=dimension, metric=metric, value=None, standing="unknown", query=query(compiled)
        )
    passed = _passed(compiled, counts)
    if counts.seconds_judged is not None:
        value = _share(counts.seconds_judged, counts.seconds_violated or 0)
        unit, sql = "share of seconds", _timed_query(compiled)
    else:
        value, unit, sql = _share(counts.judged, counts.violated), "share of rows", query(compiled)
    return scorecard.Score(
        dimension=dimension, metric=metric, value=value, unit=unit, passed=passed, query=sql,
        standing="unknown" if value is None else "checked",
    )  # fmt: skip


def _passed(compiled: rulebook.Compiled, counts: judgement.Counts) -> bool | None:
    """False with a violation; True without one when all was judged; None when it stays open.

    Time that nobody saw leaves a rule open, however clean the rest. A rule of level info tells of
    events: there is nothing to pass.
    """
    if compiled.rule.level is words.Level.info:
        return None
    if counts.findings:
        return False
    unseen = counts.seconds_judged is not None and counts.unknown > 0
    return None if counts.insufficient or unseen else True


def _timed_query(compiled: rulebook.Compiled) -> str:
    rule = compiled.rule
    value = scan.Test(compiled.where, compiled.filter, timed=True).sql
    terms = [
        f"{name}={duration.text(term) if isinstance(term, float) else term}"
        for name in ("sustained", "max_gap", "at_least", "within", "cooldown")
        if (term := getattr(rule, name))
    ]
    by = ", ".join(tables.quoted(name) for name in rule.by or ())
    order = f"{by}, start_s" if by else "start_s"
    sql = f"SELECT start_s, end_s, {value} AS value FROM {tables.quoted(rule.table)} ORDER BY {order}"
    return f"{sql} /* then the time terms: {', '.join(terms) or 'none'} */"


def _share(whole: float, bad: float) -> float | None:
    return round(max(0.0, 1 - bad / whole), 9) if whole else None

"""Verdicts: outcomes put into the words of a report: findings, what was not judged, and the scorecard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from taihang.core import evidence, finding, i18n, scorecard
from taihang.core import rule as core
from taihang.data.quality import assessment
from taihang.rules import template

DIMENSIONS = ("completeness", "uniqueness", "validity", "accuracy", "consistency", "timeliness")
MOST_ROWS = 10_000


def findings(
    found: assessment.Assessment, assets: Mapping[str, str], files: Mapping[str, evidence.Digest]
) -> tuple[finding.Finding, ...]:
    """One finding for each broken rule; `assets` are the tables' hashes, `files` those of their exported bad rows."""
    return tuple(
        _finding(found, outcome, assets[outcome.compiled.rule.table], files.get(outcome.compiled.rule.table))
        for outcome in found.outcomes
        if outcome.judged and outcome.broken
    )


def not_judged(found: assessment.Assessment) -> tuple[finding.NotJudged, ...]:
    """Rules none of whose rows could be decided."""
    told = []
    for outcome in found.outcomes:
        if not outcome.judged:
            rule, code = outcome.compiled.rule, "rows" if outcome.total == 0 else "unknown"
            reason = i18n.Message(key=f"rules:not_judged.{code}", values={"table": rule.table}).both()
            told.append(finding.NotJudged(subject="rule", rule=rule.id, title=rule.title, reason=reason, code=code))
    return tuple(told)


def scores(found: assessment.Assessment) -> scorecard.Scorecard:
    """Per dimension 1 - Σ wᵢ badᵢ / Σ wᵢ judgedᵢ over its judged rules, wᵢ the rule's weight; then each rule's share.

    A rule about a whole table judges all of its rows at once. A dimension without a judged rule is unknown.
    """
    names = dict.fromkeys((*DIMENSIONS, *(o.compiled.rule.dimension for o in found.outcomes)))
    return scorecard.Scorecard(scores=tuple(score for name in names for score in _dimension(name, found.outcomes)))


def _dimension(name: str, outcomes: Sequence[assessment.Outcome]) -> Iterable[scorecard.Score]:
    own = [o for o in outcomes if o.compiled.rule.dimension == name]
    judged = [o for o in own if o.judged]
    whole = sum(o.compiled.rule.weight * o.judged for o in judged)
    bad = sum(o.compiled.rule.weight * o.violated for o in judged)
    said = " + ".join(f"{o.compiled.rule.weight:g}·{o.violated}/{o.judged} ({o.compiled.rule.id})" for o in judged)
    yield scorecard.Score(
        dimension=name,
        metric="rows.compliance",
        value=_share(whole, bad),
        unit="share of rows",
        passed=not any(o.broken for o in judged) if judged else None,
        standing="checked" if judged else "unknown",
        query=f"1 - Σ weight·bad / Σ weight·judged: {said}" if judged else "",
    )
    for outcome in own:
        yield _rule(name, outcome)


def _rule(name: str, outcome: assessment.Outcome) -> scorecard.Score:
    rule, known = outcome.compiled.rule, outcome.judged > 0
    threshold = None
    if rule.tolerate is not None and known:
        count, rate = rule.tolerate.count, rule.tolerate.rate
        threshold = 1 - (rate if rate is not None else min(1.0, (count or 0) / outcome.judged))
    return scorecard.Score(
        dimension=name,
        metric=f"rule.{rule.id}",
        value=_share(outcome.judged, outcome.violated),
        unit="share of rows",
        threshold=threshold,
        passed=not outcome.broken if known else None,
        standing="checked" if known else "unknown",
        query=outcome.sql,
    )


def _finding(
    found: assessment.Assessment, outcome: assessment.Outcome, asset: str, file: evidence.Digest | None
) -> finding.Finding:
    rule, book = outcome.compiled.rule, found.book
    counted = {} if outcome.whole else {"rows": len(outcome.rows), "judged": outcome.judged}
    share = {} if outcome.whole else {"share": len(outcome.rows) / outcome.judged}
    measured = {**counted, **share, **outcome.measured}
    values = {**rule.parameters, "table": rule.table, **measured}
    told = {n: template.fill(getattr(rule.message, n), values, n) for n in i18n.LANGUAGES}
    proof = evidence.Rows(
        asset=asset,
        table=rule.table,
        rows=tuple(outcome.rows[:MOST_ROWS].tolist()),
        total=outcome.total if outcome.whole else len(outcome.rows),
        digest=None if outcome.whole else file,
    )
    return finding.Finding(
        rule=core.RuleRef(
            id=rule.id,
            title=rule.title,
            level=rule.level,
            dimension=rule.dimension,
            rulebook=book.id,
            rulebook_version=book.version,
            rulebook_sha256=book.sha256,
            clause=rule.clause,
        ),
        verdict="violated",
        level=rule.level,
        place=finding.Place(table=rule.table),
        message=i18n.Text(zh=told["zh"], en=told["en"]),
        measured=measured,
        evidence=(proof,),
    )


def _share(whole: float, bad: float) -> float | None:
    return round(max(0.0, 1 - bad / whole), 9) if whole else None

"""Verdicts: outcomes put into the words of a report: findings, what was not judged, and the scorecard."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from taihang.core import evidence, finding, i18n, scorecard, words
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


def not_judged(
    found: assessment.Assessment, cut: Collection[str] = (), first: Collection[str] = ()
) -> tuple[finding.NotJudged, ...]:
    """Rules none of whose rows could be decided; `cut` tables were only sampled, `first` rules lack a last run."""
    told = []
    for outcome in found.outcomes:
        if not outcome.judged:
            rule, code = outcome.compiled.rule, "rows" if outcome.total == 0 else "unknown"
            key = f"rules:not_judged.{code}"
            if rule.id in first:
                key, code = "data.quality:not_judged.first", "first_run"
            elif outcome.whole and rule.table in cut:
                key, code = "data.quality:not_judged.sample", "sample"
            reason = i18n.Message(key=key, values={"table": rule.table}).both()
            told.append(finding.NotJudged(subject="rule", rule=rule.id, title=rule.title, reason=reason, code=code))
    return tuple(told)


def scores(found: assessment.Assessment, cut: Collection[str] = ()) -> scorecard.Scorecard:
    """Per dimension 1 - Σ wᵢ badᵢ / Σ wᵢ judgedᵢ over its judged rules, wᵢ the rule's weight; then each rule's share.

    A rule about a whole table judges all of its rows at once. A dimension without a judged rule is unknown.
    Rules of level info tell of events and take no part.
    On a table of `cut`, of which only a sample was read, a rule may fail and never passes.
    """
    names = dict.fromkeys((*DIMENSIONS, *(o.compiled.rule.dimension for o in found.outcomes)))
    each = (score for name in names for score in _dimension(name, found.outcomes, cut))
    return scorecard.Scorecard(scores=tuple(each))


def _dimension(name: str, outcomes: Sequence[assessment.Outcome], cut: Collection[str]) -> Iterable[scorecard.Score]:
    own = [o for o in outcomes if o.compiled.rule.dimension == name]
    judged = [o for o in own if o.judged and o.compiled.rule.level is not words.Level.info]
    whole = sum(o.compiled.rule.weight * o.judged for o in judged)
    bad = sum(o.compiled.rule.weight * o.violated for o in judged)
    said = " + ".join(f"{o.compiled.rule.weight:g}·{o.violated}/{o.judged} ({o.compiled.rule.id})" for o in judged)
    yield scorecard.Score(
        dimension=name,
        metric="rows.compliance",
        value=_share(whole, bad),
        unit="share of rows",
        passed=_passed(judged, cut),
        standing="checked" if judged else "unknown",
        query=f"1 - Σ weight·bad / Σ weight·judged: {said}" if judged else "",
    )
    for outcome in own:
        yield _rule(name, outcome, cut)


def _passed(judged: Sequence[assessment.Outcome], cut: Collection[str]) -> bool | None:
    if any(o.broken for o in judged):
        return False
    return True if judged and not any(o.compiled.rule.table in cut for o in judged) else None


def _rule(name: str, outcome: assessment.Outcome, cut: Collection[str]) -> scorecard.Score:
    rule, known = outcome.compiled.rule, outcome.judged > 0
    threshold = None
    if rule.tolerate is not None and rule.tolerate.change is None and known:
        count, rate = rule.tolerate.count, rule.tolerate.rate
        threshold = 1 - (rate if rate is not None else min(1.0, (count or 0) / outcome.judged))
    return scorecard.Score(
        dimension=name,
        metric=f"rule.{rule.id}",
        value=_share(outcome.judged, outcome.violated),
        unit="share of rows",
        threshold=threshold,
        passed=_passed([outcome] if known else [], cut),
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

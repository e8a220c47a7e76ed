"""Advice: a rulebook may let a model's word count only together with what a detector measured."""

from __future__ import annotations

from taihang.core import errors, scorecard, words
from taihang.rules import rulebook
from taihang.use.video.observe import tables

NEEDS = {"statements": "vlm", "activities": "temporal"}
"""Tables that hold a model's word, and what a rule about each must need."""


def check(book: rulebook.Rulebook) -> None:
    """Refuse rules that act on a model's word alone. Raises errors.UserError for the first.

    Such a rule needs the model (`NEEDS`); above the level `info` its predicate names one of the detector's columns;
    and it stands in a dimension of its own, so that no measured score moves by what a model says.
    """
    measured = {compiled.rule.dimension for compiled in book.rules if compiled.rule.table not in NEEDS}
    for compiled in book.rules:
        rule = compiled.rule
        if rule.table not in NEEDS:
            continue
        if (need := NEEDS[rule.table]) not in rule.needs:
            key = "use.video:vlm.rule_needs" if need == "vlm" else "use.video:temporal.rule_needs"
            raise errors.UserError(key, rule=rule.id)
        if rule.level != words.Level.info and not set(compiled.where.columns) & set(tables.AGREEING):
            columns = ", ".join(tables.AGREEING)
            raise errors.UserError("use.video:vlm.rule_alone", rule=rule.id, level=rule.level, columns=columns)
        if rule.dimension in measured:
            raise errors.UserError("use.video:vlm.rule_dimension", rule=rule.id, dimension=rule.dimension)


def attested(card: scorecard.Scorecard, book: rulebook.Rulebook) -> scorecard.Scorecard:
    """The scorecard with what rests on a model's word marked so: somebody says it, no machine measured it."""
    said = {compiled.rule.dimension for compiled in book.rules if compiled.rule.table in NEEDS}
    scores = (
        one.model_copy(update={"standing": "attested"})
        if one.dimension in said and one.standing == "checked" and one.value is not None
        else one
        for one in card.scores
    )
    return card.model_copy(update={"scores": tuple(scores)})

"""Finding: one rule's verdict on one place."""

from __future__ import annotations

import math
from typing import Any, Literal

import pydantic

from taihang.core import evidence as proof
from taihang.core import i18n, ids, words
from taihang.core import rule as rules

Verdict = Literal["violated", "insufficient"]


class Confidence(words.Word):
    """A probability in [0, 1] that the verdict is right, and how it was calibrated.

    `value` is None when nothing calibrated it: then "not calibrated" is shown, never a raw score.
    """

    value: float | None = pydantic.Field(default=None, ge=0, le=1)
    method: str | None = None

    @pydantic.model_validator(mode="after")
    def _calibrated_or_nothing(self) -> Confidence:
        if (self.value is None) != (self.method is None):
            raise ValueError("a confidence needs both a value and the method that calibrated it")
        return self


class Place(words.Word):
    """Where: a group (such as a zone or a track), a time span in seconds, or rows; all optional."""

    table: str
    keys: dict[str, words.Scalar] = {}
    start_s: float | None = None
    end_s: float | None = None


class Finding(words.Word):
    """A verdict with what was measured and the evidence for it.

    `insufficient` says that the rule suspects a violation which was not observed well enough.
    """

    rule: rules.RuleRef
    verdict: Verdict
    level: words.Level
    place: Place
    message: i18n.Text
    measured: dict[str, words.Scalar] = {}
    confidence: Confidence = Confidence()
    evidence: tuple[proof.Evidence, ...] = ()

    @property
    def id(self) -> str:
        """Equal for equal verdicts of equal rules on equal places; NaN counts as no value."""
        place = _finite(self.place.model_dump(mode="json"))
        return ids.content_id("finding", [self.rule.model_dump(mode="json"), self.verdict, place])


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


class NotJudged(words.Word):
    """A rule, or a span, on which no verdict was given, and why."""

    subject: Literal["rule", "span"]
    rule: str | None = None
    title: i18n.Text | None = None
    reason: i18n.Text
    code: str
    start_s: float | None = None
    end_s: float | None = None

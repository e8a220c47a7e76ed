"""Report: everything one walk says about one asset, before it is written in any form."""

from __future__ import annotations

import math
from typing import Literal

import pydantic

from taihang.core import asset as assets
from taihang.core import finding as verdicts
from taihang.core import i18n, words
from taihang.core import scorecard as scores
from taihang.report import sections as parts


class Report(words.Word):
    """What was found in an asset, what was not judged, and what made the verdicts.

    Findings are kept in the order in which every form numbers them: violations before
    insufficient evidence, the gravest level first, then by rule, by time and by id. `limits` say
    what the parts that took part cannot see. A report on a synthetic asset is synthetic. The readable form of a
    `certificate` is no draft: it was signed elsewhere, has no findings of its own and no line to sign on.
    """

    form: Literal["report", "certificate"] = "report"
    title: i18n.Text
    created: pydantic.AwareDatetime
    synthetic: bool = False
    asset: assets.Asset
    findings: tuple[verdicts.Finding, ...] = ()
    scorecard: scores.Scorecard = scores.Scorecard()
    produced_by: tuple[words.Producer, ...] = ()
    not_judged: tuple[verdicts.NotJudged, ...] = ()
    limits: tuple[i18n.Text, ...] = ()
    sections: tuple[parts.Section, ...] = ()

    @pydantic.field_validator("findings")
    @classmethod
    def _ordered(cls, value: tuple[verdicts.Finding, ...]) -> tuple[verdicts.Finding, ...]:
        return tuple(sorted(value, key=_place_in_order))

    @pydantic.model_validator(mode="after")
    def _says_synthetic(self) -> Report:
        if self.asset.synthetic and not self.synthetic:
            raise ValueError("a report on a synthetic asset must say synthetic=True")
        return self


def _place_in_order(found: verdicts.Finding) -> tuple[bool, int, str, float, str]:
    start = found.place.start_s
    known = start is not None and math.isfinite(start)
    return (
        found.verdict == "insufficient",
        -found.level.rank,
        found.rule.id,
        start if start is not None and known else math.inf,
        found.id,
    )

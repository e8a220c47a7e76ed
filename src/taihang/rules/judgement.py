"""Judgement: what judging a rulebook over tables says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from taihang.core import finding, scorecard, words


@dataclasses.dataclass(frozen=True, slots=True)
class Suspect:
    """A span of one group that another, denser look may settle or bear out.

    `why`: `unsure` where unknown spans keep the verdict open, `seen` where the rule was seen violated.
    """

    rule: str
    table: str
    keys: Mapping[str, words.Scalar]
    start_s: float
    end_s: float
    why: Literal["unsure", "seen"]


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """How much one rule judged. Rows outside its filter are in `rows` only.

    `judged` rows were decided one way or the other, `violated` of them fulfil the predicate (whether
    or not its time terms are), `unknown` could not be told. The seconds are None without time.
    """

    rule: str
    table: str
    rows: int
    judged: int
    violated: int
    unknown: int
    groups: int
    groups_violated: int
    findings: int
    insufficient: int
    seconds_judged: float | None = None
    seconds_violated: float | None = None


@dataclasses.dataclass(frozen=True)
class Judgement:
    """Findings in the rulebook's order, then by group and time; and all that was not found.

    `passed` are the ids of rules that judged something and found nothing. `rows` holds, for each
    judged rule, the positions of every row that fulfils its predicate, ascending.
    """

    findings: tuple[finding.Finding, ...]
    not_judged: tuple[finding.NotJudged, ...]
    suspects: tuple[Suspect, ...]
    passed: tuple[str, ...]
    counts: Mapping[str, Counts]
    scorecard: scorecard.Scorecard
    rows: Mapping[str, npt.NDArray[np.int64]]

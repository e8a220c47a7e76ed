"""Scorecard: findings and metrics summed per dimension, each number with the query that made it."""

from __future__ import annotations

from typing import Literal

from taihang.core import words

Standing = Literal["checked", "attested", "unknown"]


class Score(words.Word):
    """One number: `standing` tells a machine-checked value from an attested and an unknown one."""

    dimension: str
    metric: str
    value: float | None
    unit: str = ""
    threshold: float | None = None
    passed: bool | None = None
    standing: Standing = "checked"
    query: str = ""


class Scorecard(words.Word):
    """Scores in the order in which they are shown."""

    scores: tuple[Score, ...] = ()

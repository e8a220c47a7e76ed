"""Paths: who may judge a segment, what that costs, how long it takes, and how often it is expected to be wrong."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

import pydantic

from taihang.core import words

Name = Literal["edge", "small", "large", "human"]
NAMES: tuple[Name, ...] = ("edge", "small", "large", "human")
_Share = Annotated[float, pydantic.Field(gt=0, lt=1)]


class Path(words.Word):
    """One way to a verdict.

    `cost` of a segment in any one unit; `latency_s` until the answer is usually there; `easy`, `hard`: the expected
    share of wrong verdicts on the easiest and on the hardest segments. The defaults of the last two are assumptions
    until a site measured its models.
    """

    name: Name
    cost: Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]
    latency_s: Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]
    easy: _Share
    hard: _Share

    def wrong(self, difficulty: float) -> float:
        """Expected share of wrong verdicts at a difficulty in [0, 1]."""
        return self.easy + (self.hard - self.easy) * difficulty


DEFAULT = (
    Path(name="edge", cost=0, latency_s=0.5, easy=0.02, hard=0.5),
    Path(name="small", cost=1, latency_s=3, easy=0.015, hard=0.25),
    Path(name="large", cost=10, latency_s=15, easy=0.01, hard=0.08),
    Path(name="human", cost=100, latency_s=600, easy=0.005, hard=0.03),
)


class Policy(words.Word):
    """How segments are shared out.

    `paths` from the edge up, each dearer and better than the one before (at least the edge, which costs nothing).
    `stakes`: what a wrong verdict costs at each level, by the rules in play; `price`: what one unit of `cost` is worth
    in the same unit. `must`: from this level on a segment whose score reaches the class's bound leaves the edge,
    whatever the budget says. `latency_s`: paths that take longer are not chosen, but for such a segment.
    `audit`: share of all segments drawn for audit. `temperature`: how sharply weights follow the losses.
    """

    paths: tuple[Path, ...] = DEFAULT
    stakes: dict[words.Level, Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]] = {
        words.Level.red: 100.0,
        words.Level.orange: 30.0,
        words.Level.yellow: 10.0,
        words.Level.blue: 3.0,
        words.Level.info: 1.0,
    }
    price: Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)] = 0.05
    must: words.Level = words.Level.orange
    latency_s: Annotated[float, pydantic.Field(gt=0)] = 60.0
    audit: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.01
    temperature: Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)] = 1.0

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> Policy:
        names = [path.name for path in self.paths]
        if names != sorted(names, key=NAMES.index) or len(set(names)) != len(names) or names[:1] != ["edge"]:
            raise ValueError("paths begin with edge and go up: small, large, human")
        if self.paths[0].cost:
            raise ValueError("the edge costs nothing: it looks at every segment anyway")
        for one, other in itertools.pairwise(self.paths):
            if not (other.cost > one.cost and other.easy <= one.easy and other.hard < one.hard):
                raise ValueError(f"{other.name} must cost more than {one.name} and be wrong less often")
            if other.hard - other.easy > one.hard - one.easy:
                raise ValueError(f"{other.name} may not suffer more from hard segments than {one.name}")
        if set(self.stakes) != set(words.Level):
            raise ValueError("stakes name every level")
        worth = [self.stakes[level] for level in words.Level]
        if worth != sorted(worth, reverse=True):
            raise ValueError("graver levels have higher stakes")
        return self

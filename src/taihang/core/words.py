"""Types that the words share: hashes, plain values, levels."""

from __future__ import annotations

import enum
from typing import Annotated

import pydantic

Sha256 = Annotated[str, pydantic.StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Slug = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
Scalar = str | int | float | bool | None


class Word(pydantic.BaseModel):
    """Base of the words: frozen, nothing unknown accepted, no NaN in JSON."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


@enum.unique
class Level(enum.StrEnum):
    """How grave a finding is: the four national warning levels, and `info` below them."""

    red = "red"
    orange = "orange"
    yellow = "yellow"
    blue = "blue"
    info = "info"

    @property
    def rank(self) -> int:
        """4 for red down to 0 for info."""
        return 4 - list(Level).index(self)

    def reaches(self, floor: Level) -> bool:
        """True when this level is `floor` or graver."""
        return self.rank >= floor.rank


class Producer(Word):
    """Software, model or rulebook that took part in a result."""

    name: str
    version: str
    sha256: Sha256 | None = None

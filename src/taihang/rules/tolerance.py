"""Tolerance: how many bad rows are no finding yet."""

from __future__ import annotations

from typing import Annotated

import pydantic
import pydantic_core


class Tolerate(pydantic.BaseModel):
    """How many bad rows are no finding: up to `count`, or up to a share of the judged rows."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    count: Annotated[int, pydantic.Field(ge=0)] | None = None
    """So many rows."""
    rate: Annotated[float, pydantic.Field(ge=0, lt=1)] | None = None
    """So large a share of the judged rows, such as 0.01."""
    change: Annotated[float, pydantic.Field(ge=0, lt=1)] | None = None
    """So much more of the judged rows than in the last run; without a last run nothing is tolerated."""

    @pydantic.model_validator(mode="after")
    def _one(self) -> Tolerate:
        if sum(given is not None for given in (self.count, self.rate, self.change)) != 1:
            raise pydantic_core.PydanticCustomError("tolerate_one", "needs one of count, rate and change")
        return self

    def allows(self, bad: int, judged: int, last: float | None = None) -> bool:
        """True when so many bad rows of so many judged are tolerated; `last` is their share in the last run."""
        if self.change is not None:
            return last is not None and bad <= (last + self.change) * judged
        return bad <= self.count if self.count is not None else bad <= (self.rate or 0.0) * judged

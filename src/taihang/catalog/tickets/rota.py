"""Rota: people who take turns, by day or by week."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Annotated, Literal, Self

import pydantic
import pydantic_core

from taihang.catalog.tickets import hours

Person = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=200)]
_LONGEST_DAYS = 100 * 366


class Rota(hours.Part):
    """Turns that pass on at the wall clock's hour of `starts`, whatever the season does to the clocks."""

    people: Annotated[tuple[Person, ...], pydantic.Field(min_length=1, max_length=500)]
    """Who takes turns, in order; the first one's begins at `starts`."""
    turn: Literal["day", "week"] = "week"
    """How long a turn is."""
    starts: datetime.datetime
    """When the first turn begins, as local time without a zone."""
    zone: hours.Zone = "Asia/Shanghai"
    """The time zone of `starts`."""
    skip: Literal["nothing", "holidays"] = "nothing"
    """With `holidays`, days on which the calendar has no work pass no turn on (day by day only)."""

    @pydantic.model_validator(mode="after")
    def _local(self) -> Self:
        if self.starts.tzinfo is not None:
            raise pydantic_core.PydanticCustomError("rota_local", "a local time without a zone; give `zone` beside it")
        if self.skip == "holidays" and self.turn != "day":
            raise pydantic_core.PydanticCustomError("rota_skip", "skip: holidays goes with turn: day only")
        return self

    def on(self, moment: datetime.datetime, calendar: hours.Calendar) -> str:
        """Whose turn it is. Before the first turn it is the turn that would have been."""
        local = moment.astimezone(zoneinfo.ZoneInfo(self.zone)).replace(tzinfo=None)
        passed = local - self.starts
        if self.turn == "week":
            turns = passed // datetime.timedelta(days=7)
        elif self.skip == "nothing":
            turns = passed // datetime.timedelta(days=1)
        else:
            turns = self._working(passed // datetime.timedelta(days=1), calendar)
        return self.people[turns % len(self.people)]

    def _working(self, days: int, calendar: hours.Calendar) -> int:
        """Working days among the first `days` turns: on a day off, the last working day's turn goes on."""
        first = self.starts.date()
        count = sum(calendar.works(first + datetime.timedelta(days=n)) for n in range(1, min(days, _LONGEST_DAYS) + 1))
        return count if days >= 0 else 0

"""Hours: when people work, and when a span that counts only those hours is over."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Annotated, Literal, Self

import pydantic
import pydantic_core

from taihang.rules import duration

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_DAYS = 4000


class Part(pydantic.BaseModel):
    """Base of what a policy file holds: frozen, nothing unknown accepted."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _zone(name: object) -> str:
    try:
        zoneinfo.ZoneInfo(str(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise pydantic_core.PydanticCustomError("zone", "a time zone such as Asia/Shanghai") from None
    return str(name)


def _span(text: object) -> tuple[datetime.time, datetime.time]:
    start, dash, end = str(text).partition("-")
    try:
        found = datetime.time.fromisoformat(start.strip()), datetime.time.fromisoformat(end.strip())
    except ValueError:
        found = datetime.time(), datetime.time()
    if not dash or found[0] >= found[1] or any(t.tzinfo for t in found):
        raise pydantic_core.PydanticCustomError("hours", "hours of one day such as 09:00-17:30")
    return found


Zone = Annotated[str, pydantic.BeforeValidator(_zone)]
Span = Annotated[tuple[datetime.time, datetime.time], pydantic.BeforeValidator(_span)]


class Calendar(Part):
    """Working days and hours of one place."""

    zone: Zone = "Asia/Shanghai"
    """The time zone in which days and hours are meant."""
    days: Annotated[tuple[Day, ...], pydantic.Field(min_length=1)] = ("mon", "tue", "wed", "thu", "fri")
    """Days of the week on which people work."""
    hours: Annotated[tuple[Span, ...], pydantic.Field(min_length=1, max_length=8)] = (
        (datetime.time(9), datetime.time(12)),
        (datetime.time(13, 30), datetime.time(18)),
    )
    """Working hours of each such day, in order."""
    holidays: Annotated[frozenset[datetime.date], pydantic.Field(max_length=1000)] = frozenset()
    """Days on which nobody works."""
    workdays: Annotated[frozenset[datetime.date], pydantic.Field(max_length=1000)] = frozenset()
    """Days on which people work although the week says otherwise (调休)."""

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(one[1] > other[0] for one, other in zip(self.hours, self.hours[1:], strict=False)):
            raise pydantic_core.PydanticCustomError("hours_order", "hours that follow each other without overlap")
        return self

    def works(self, day: datetime.date) -> bool:
        """True for a day on which people work."""
        if day in self.workdays:
            return True
        return day not in self.holidays and _DAYS[day.weekday()] in self.days

    def after(self, start: datetime.datetime, seconds: float) -> datetime.datetime:
        """The moment at which `seconds` of working time have gone by since `start`, in UTC.

        Hours are counted as they really pass: a night in which clocks change is as long as it is.
        """
        zone = zoneinfo.ZoneInfo(self.zone)
        day = start.astimezone(zone).date()
        left = seconds
        for _ in range(_MOST_DAYS):
            for opens, closes in self.hours if self.works(day) else ():
                begin = max(_utc(day, opens, zone), start.astimezone(datetime.UTC))
                end = _utc(day, closes, zone)
                here = (end - begin).total_seconds()
                if here > 0:
                    if left <= here:
                        return begin + datetime.timedelta(seconds=left)
                    left -= here
            day += datetime.timedelta(days=1)
        return _utc(day, self.hours[-1][1], zone)


class Due(Part):
    """How long somebody has."""

    within: duration.Duration
    """The span, such as 4h; a day is 24 hours of it, also where only working hours count."""
    counting: Literal["all", "working"] = "all"
    """Whether all hours count, or the calendar's working hours."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _short(cls, given: object) -> object:
        return {"within": given} if isinstance(given, str) else given

    def at(self, start: datetime.datetime, calendar: Calendar) -> datetime.datetime:
        """When it ends, in UTC."""
        if self.counting == "working":
            return calendar.after(start, self.within)
        return start.astimezone(datetime.UTC) + datetime.timedelta(seconds=self.within)


def _utc(day: datetime.date, at: datetime.time, zone: datetime.tzinfo) -> datetime.datetime:
    return datetime.datetime.combine(day, at, zone).astimezone(datetime.UTC)

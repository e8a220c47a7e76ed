"""Days: what kind of day a date is: a weekday, a public holiday, or a weekend day that is worked.

China's days come from `chinesecalendar`, which follows the State Council's yearly notices, make-up
work days included. A file adds what it lacks: the next year's notice, or a site's own shutdowns.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from taihang.core import errors

HOLIDAY, MAKE_UP = 7, 8
"""Codes beside those of weekdays, 0 (Monday) to 6."""
_SPAN = re.compile(r"(\d{4}-\d\d-\d\d)(?:/(\d{4}-\d\d-\d\d))?")
_LARGEST = 1 << 20
_LONGEST_SPAN = 366


@dataclasses.dataclass(frozen=True)
class Calendar:
    """Special days by date: a holiday's name, or None for a weekend day that is worked. `years` are those it knows.

    Years None: nothing but weekdays was asked for, so no year is missing.
    """

    name: str
    special: Mapping[datetime.date, str | None] = dataclasses.field(default_factory=dict)
    years: frozenset[int] | None = None

    def kind(self, day: datetime.date) -> int:
        """0 to 6 for a weekday from Monday on, else HOLIDAY or MAKE_UP."""
        if day in self.special:
            name = self.special[day]
            if name is not None:
                return HOLIDAY
            return MAKE_UP if day.weekday() >= 5 else day.weekday()
        return day.weekday()

    def works(self, day: datetime.date) -> bool:
        """True for a working day."""
        kind = self.kind(day)
        return kind < 5 or kind == MAKE_UP

    def holiday(self, day: datetime.date) -> str | None:
        """The holiday's name, if it is one."""
        return self.special.get(day)

    def lacks(self, dates: Iterable[datetime.date]) -> tuple[int, ...]:
        """Years of these dates that it does not know, ascending."""
        return () if self.years is None else tuple(sorted({d.year for d in dates} - self.years))


WEEKDAYS = Calendar("none")


def china() -> Calendar:
    """China's public holidays and make-up work days."""
    from chinese_calendar import constants  # noqa: PLC0415 - a table that only monitors need

    special: dict[datetime.date, str | None] = {day: str(name) for day, name in constants.holidays.items()}
    special |= dict.fromkeys(constants.workdays)
    # The notice for a year may free days of December before it, which does not make that year known.
    years = frozenset(day.year for day in special if day.month not in {1, 12})
    return Calendar("china", special, years)


def load(given: str) -> Calendar:
    """`china`, `none`, or a TOML file: `extends`, `years`, and `holidays` and `workdays` as days or spans `A/B`.

    Raises errors.UserError.
    """
    if given == "china":
        return china()
    if given == "none":
        return WEEKDAYS
    path = Path(given)
    try:
        with path.open("rb") as file:
            value = tomllib.loads(file.read(_LARGEST).decode())
    except FileNotFoundError:
        raise errors.UserError("data.quality.monitors:days.missing", path=given) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise errors.UserError("data.quality.monitors:days.file", path=path, reason=reason) from None
    unknown = sorted(set(value) - {"extends", "years", "holidays", "workdays"})
    if unknown:
        raise errors.UserError("data.quality.monitors:days.file", path=path, reason=unknown[0])
    base = load("none" if value.get("extends", "china") == "none" else "china")
    special = dict(base.special)
    own: set[int] = set()
    for day, name in _listed(value.get("holidays", ()), path):
        special[day] = name or "holiday"
        own.add(day.year)
    for day, _ in _listed(value.get("workdays", ()), path):
        special[day] = None
        own.add(day.year)
    declared = value.get("years", sorted(own))
    if not isinstance(declared, list) or not all(isinstance(y, int) and 1 <= y <= 9999 for y in declared):
        raise errors.UserError("data.quality.monitors:days.file", path=path, reason="years")
    years = None if base.years is None else base.years | frozenset(declared)
    return Calendar(path.name, special, years)


def _listed(given: object, path: Path) -> Iterable[tuple[datetime.date, str]]:
    """Days of a list of `2027-01-01`, `2027-02-05/2027-02-11`, or `{days = …, name = …}`."""
    if not isinstance(given, (list, tuple)):
        raise errors.UserError("data.quality.monitors:days.file", path=path, reason=str(given)[:100])
    for one in given:
        text, name = (one.get("days"), str(one.get("name", ""))) if isinstance(one, dict) else (one, "")
        found = _SPAN.fullmatch(str(text))
        try:
            first = datetime.date.fromisoformat(found[1]) if found else None
            last = datetime.date.fromisoformat(found[2] or found[1]) if found else None
        except ValueError:
            first = last = None
        if first is None or last is None or not 0 <= (last - first).days < _LONGEST_SPAN:
            raise errors.UserError("data.quality.monitors:days.day", path=path, day=str(text)[:100])
        for n in range((last - first).days + 1):
            yield first + datetime.timedelta(n), name

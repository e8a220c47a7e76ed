"""The present, given from outside so that a clock that jumps can be tried."""

from __future__ import annotations

import datetime
from collections.abc import Callable

Clock = Callable[[], datetime.datetime]
# How far a stored time may lie ahead of the clock before the clock must have jumped back.
SKEW = datetime.timedelta(minutes=5)


def now() -> datetime.datetime:
    """The machine's time, UTC."""
    return datetime.datetime.now(datetime.UTC)


def within(at: datetime.datetime, *, since: datetime.datetime, until: datetime.datetime) -> bool:
    """True when `at` lies in a validity that began at `since`; before it, the clock is not to be trusted: False."""
    return since - SKEW <= at < until

"""Tries: who guesses at secrets waits; each wrong one costs, right ones are free."""

from __future__ import annotations

import math

from taihang.app.api import faults
from taihang.trust.access import rates


class Tries:
    """So many wrong secrets a minute from one address."""

    def __init__(self, per_minute: int) -> None:
        self._per_s = per_minute / 60
        self._rate = rates.Memory(rates.Limit(per_minute, self._per_s))

    def check(self, where: str) -> None:
        """Nothing while tries are left. Raises faults.Limited (429)."""
        if self._rate.take(where, 0.0).left < 1:
            wait = math.ceil(1 / self._per_s)
            raise faults.Limited(429, "app.api:too_often", after=wait, after_s=wait)

    def wrong(self, where: str) -> None:
        """One try less."""
        self._rate.take(where)

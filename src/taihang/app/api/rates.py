"""Rates: token buckets, one a caller. Kept in memory: one process answers for the API."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_CALLERS = 50_000


class Rates:
    """`burst` calls at once, then `per_s` a second, for each name."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, cost: float = 1.0) -> float:
        """0.0 when the call may go on, else the seconds until it may; a refused call costs nothing."""
        now = self._clock()
        with self._lock:
            level, seen = self._buckets.pop(name, (self._burst, now))
            level = min(self._burst, level + max(0.0, now - seen) * self._per_s)
            wait = 0.0 if level >= cost else (cost - level) / self._per_s
            self._buckets[name] = (level - cost if wait == 0.0 else level, now)
            if len(self._buckets) > _MOST_CALLERS:
                self._buckets.popitem(last=False)
            return wait

    def wait(self, name: str) -> float:
        """Seconds until a call may go on, without making it."""
        now = self._clock()
        with self._lock:
            level, seen = self._buckets.get(name, (self._burst, now))
            level = min(self._burst, level + max(0.0, now - seen) * self._per_s)
            return 0.0 if level >= 1.0 else (1.0 - level) / self._per_s

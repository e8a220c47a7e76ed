"""Purse: a budget that fills by the hour, at most an hour's worth; what must go may overdraw it."""

from __future__ import annotations

import threading
import time


class Purse:
    """Cost units that may be spent; begins with what a minute gives. Threads may share it."""

    def __init__(self, per_hour: float) -> None:
        self._rate, self._held, self._at = per_hour / 3600, per_hour / 60, time.monotonic()
        self._lock = threading.Lock()

    def left(self) -> float:
        """What may be spent now; below 0 when it was overdrawn."""
        with self._lock:
            now = time.monotonic()
            self._held = min(self._rate * 3600, self._held + self._rate * (now - self._at))
            self._at = now
            return self._held

    def spend(self, cost: float) -> None:
        """It was spent."""
        with self._lock:
            self._held -= cost

    def resize(self, per_hour: float) -> None:
        """Another rate from now on."""
        self.left()
        with self._lock:
            self._rate = per_hour / 3600

"""Rates: a token bucket per principal and address; in memory for one process, in the store for several."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from taihang.engines.store import opening, schema

_MOST_KEYS = 100_000

buckets = sa.Table(
    "rate_buckets",
    schema.metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("level", sa.Float, nullable=False),
    sa.Column("at", schema.Utc, nullable=False),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """`burst` at once, and `per_s` a second in the long run."""

    burst: float
    per_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it may go on; how many are left; after how many whole seconds it may, when it may not."""

    allowed: bool
    left: int
    wait_s: int = 0


class Rate(Protocol):
    """What takes from a bucket."""

    def take(self, key: str, cost: float = 1.0) -> Verdict:
        """Take `cost` from the key's bucket, when there is so much."""


class Memory:
    """Buckets of this process; a bounded number of them, the longest unused goes first."""

    def __init__(self, limit: Limit, *, ticks: Callable[[], float] = time.monotonic, most: int = _MOST_KEYS) -> None:
        self._limit = limit
        self._ticks = ticks
        self._most = most
        self._lock = threading.Lock()
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, cost: float = 1.0) -> Verdict:
        """Take `cost` from the key's bucket, when there is so much."""
        now = self._ticks()
        with self._lock:
            level, at = self._levels.get(key, (self._limit.burst, now))
            level, verdict = _taken(self._limit, level, now - at, cost)
            self._levels[key] = (level, now)
            self._levels.move_to_end(key)
            if len(self._levels) > self._most:
                self._levels.popitem(last=False)
        return verdict


class Stored:
    """Buckets that all processes of a store share; keys are kept as hashes, for they may be addresses."""

    def __init__(
        self,
        store: opening.Store,
        limit: Limit,
        *,
        name: str,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self._store = store
        self._limit = limit
        self._name = name
        self._now = now

    def take(self, key: str, cost: float = 1.0) -> Verdict:
        """Take `cost` from the key's bucket, when there is so much."""
        kept, now = hashlib.sha256(f"{self._name}:{key}".encode("utf-8", "surrogatepass")).hexdigest(), self._now()
        with self._store.begin() as conn:
            make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
            conn.execute(make(buckets).values(key=kept, level=self._limit.burst, at=now).on_conflict_do_nothing())
            which = buckets.c.key == kept
            row = conn.execute(sa.select(buckets.c.level, buckets.c.at).where(which).with_for_update()).one()
            level, verdict = _taken(self._limit, row.level, (now - row.at).total_seconds(), cost)
            conn.execute(sa.update(buckets).where(which).values(level=level, at=now))
        return verdict

    def tidy(self) -> int:
        """Remove buckets that have long been full again; says how many."""
        full = datetime.timedelta(seconds=self._limit.burst / self._limit.per_s + 60)
        with self._store.begin() as conn:
            return conn.execute(sa.delete(buckets).where(buckets.c.at < self._now() - full)).rowcount


def _taken(limit: Limit, level: float, passed_s: float, cost: float) -> tuple[float, Verdict]:
    """The level afterwards and the verdict; a clock set back fills nothing, one set ahead no more than the burst."""
    level = min(limit.burst, level + max(0.0, passed_s) * limit.per_s)
    if cost <= level:
        return level - cost, Verdict(allowed=True, left=int(level - cost))
    return level, Verdict(allowed=False, left=0, wait_s=max(1, math.ceil((cost - level) / limit.per_s)))

"""Audit: whether the bound still holds in use, from segments drawn by lot whatever way they went.

The lot falls on each segment alike, so of the violations among those drawn the share that the edge had cleared is an
unbiased draw of the miss rate. Evidence against "at most `limit`" is kept as a mixture of likelihood ratios, a
non-negative supermartingale, so it may be looked at after every segment (Ville 1939; Waudby-Smith and Ramdas:
Estimating means of bounded random variables by betting, JRSS B 86(1), 2024).
"""

from __future__ import annotations

import dataclasses
import hashlib
import math

import numpy as np

_BETS = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Audit:
    """What was drawn so far: `violations` among the drawn segments, `missed` of them cleared by the edge."""

    limit: float
    delta: float = 0.05
    violations: int = 0
    missed: int = 0

    def noted(self, *, missed: bool) -> Audit:
        """This audit with one more drawn segment that held a violation."""
        return dataclasses.replace(self, violations=self.violations + 1, missed=self.missed + int(missed))

    @property
    def evidence(self) -> float:
        """How strongly the draws speak against the bound (an e-value): 1 says nothing, 1 / delta is the alarm."""
        return _evidence(self.missed, self.violations, self.limit)

    @property
    def broken(self) -> bool:
        """True when the bound cannot be relied on any more; while it holds, this ever comes with at most `delta`."""
        return self.evidence >= 1 / self.delta

    @property
    def upper(self) -> float:
        """What the miss rate is at most, at any time, with probability 1 - `delta`; 1 when little is known."""
        low, high = self.missed / self.violations if self.violations else 1.0, 1.0
        if _below(self.missed, self.violations, 1 - 1e-9) < 1 / self.delta:
            return 1.0
        for _ in range(40):
            middle = (low + high) / 2
            if _below(self.missed, self.violations, middle) >= 1 / self.delta:
                high = middle
            else:
                low = middle
        return high


def drawn(segment: str, share: float, secret: bytes) -> bool:
    """Whether the lot falls on a segment: the same each time for one id, and not to be foretold without the secret."""
    mac = hashlib.blake2b(segment.encode(), key=secret[:64], digest_size=8).digest()
    return int.from_bytes(mac) / 2**64 < share


def _evidence(missed: int, count: int, limit: float) -> float:
    """Mean likelihood ratio of rates above `limit` against `limit` itself."""
    rates = limit + (1 - limit) * (np.arange(_BETS) + 0.5) / _BETS
    return _mixture(missed, count, rates, limit)


def _below(missed: int, count: int, rate: float) -> float:
    """Mean likelihood ratio of rates below `rate` against `rate` itself."""
    return _mixture(missed, count, rate * (np.arange(_BETS) + 0.5) / _BETS, rate)


def _mixture(missed: int, count: int, rates: np.ndarray, against: float) -> float:
    logs = missed * (np.log(rates) - math.log(against)) + (count - missed) * (np.log1p(-rates) - math.log1p(-against))
    top = float(logs.max())
    return math.exp(min(700.0, top + math.log(float(np.exp(logs - top).mean()))))

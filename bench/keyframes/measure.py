"""Recall of known moments by chosen frames, and whether what was found has its context."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

HIT_S, CONTEXT_S = 1.0, 2.0


def measure(chosen: Sequence[float], moments: Sequence[float]) -> dict[str, float | int | None]:
    """`recall`: share of moments with a frame within a second. `context`: share of the moments found
    that have another frame within two seconds before and one within two seconds after."""
    times = sorted(chosen)
    found = context = 0
    for moment in moments:
        if not any(abs(time - moment) <= HIT_S + 1e-6 for time in times):
            continue
        found += 1
        before = bisect.bisect_left(times, moment - 1e-6)
        after = bisect.bisect_right(times, moment + 1e-6)
        is_before = before > 0 and moment - times[before - 1] <= CONTEXT_S + 1e-6
        is_after = after < len(times) and times[after] - moment <= CONTEXT_S + 1e-6
        context += is_before and is_after
    return {
        "n": len(moments),
        "found": found,
        "recall": found / len(moments) if moments else None,
        "context": context / found if found else None,
    }

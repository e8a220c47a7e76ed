"""Changes: rules whose verdict takes more than one total: what the last run gave, or two spreads of values."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from taihang.data.quality import assessment, history
from taihang.rules import kinds


def judged(
    found: assessment.Assessment, earlier: Sequence[history.Run]
) -> tuple[assessment.Assessment, frozenset[str]]:
    """The assessment with such rules decided, and the ids of those that had no last run to compare with.

    A `change` check without a last run is not judged; a tolerated `change` without one tolerates nothing.
    """
    runs = [run for run in earlier if run.at < found.as_of]
    outcomes, first = [], set()
    for outcome in found.outcomes:
        rule = outcome.compiled.rule
        last = history.last(runs, found.book.id, rule.id)
        if isinstance(rule.check, kinds.Change):
            value = outcome.measured.get("value")
            if last is None or last[0].value is None:
                outcome = dataclasses.replace(outcome, judged=0, broken=False)  # noqa: PLW2901
                first.add(rule.id)
            elif isinstance(value, (int, float)):
                measured = {**outcome.measured, "other": last[0].value}
                broken = rule.check.beyond(float(value), last[0].value)
                outcome = dataclasses.replace(outcome, broken=broken, measured=measured)  # noqa: PLW2901
            else:
                outcome = dataclasses.replace(outcome, broken=True)  # noqa: PLW2901
        elif isinstance(rule.check, kinds.Similar):
            outcome = _similar(outcome, rule.check)  # noqa: PLW2901
        elif rule.tolerate is not None and rule.tolerate.change is not None and not outcome.whole and outcome.judged:
            share = last[0].bad / last[0].judged if last is not None else None
            broken = bool(outcome.violated) and not rule.tolerate.allows(outcome.violated, outcome.judged, share)
            outcome = dataclasses.replace(outcome, broken=broken)  # noqa: PLW2901
        outcomes.append(outcome)
    return dataclasses.replace(found, outcomes=tuple(outcomes)), frozenset(first)


def _similar(outcome: assessment.Outcome, check: kinds.Similar) -> assessment.Outcome:
    """The total variation distance of two spreads: 0 for equal shares, 1 for no value in common."""
    spreads = [_shares(outcome.measured.get(name)) for name in ("value", "other")]
    own, other = spreads
    if not own or not other:
        # Without a value on one side there is nothing to compare.
        return dataclasses.replace(outcome, judged=0, broken=False, measured={})
    distance = sum(abs(own.get(v, 0) - other.get(v, 0)) for v in {*own, *other}) / 2
    measured = {"value": float(f"{distance:.9g}")}
    return dataclasses.replace(outcome, broken=distance > check.tolerance + 1e-12, measured=measured)


def _shares(given: object) -> dict[str, float]:
    counts = json.loads(given) if isinstance(given, str) else None
    total = sum(counts.values()) if counts else 0
    return {value: count / total for value, count in counts.items()} if counts and total else {}

"""Changes: rules that compare with the last run, judged once it is known."""

from __future__ import annotations

import dataclasses
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
        elif rule.tolerate is not None and rule.tolerate.change is not None and not outcome.whole and outcome.judged:
            share = last[0].bad / last[0].judged if last is not None else None
            broken = bool(outcome.violated) and not rule.tolerate.allows(outcome.violated, outcome.judged, share)
            outcome = dataclasses.replace(outcome, broken=broken)  # noqa: PLW2901
        outcomes.append(outcome)
    return dataclasses.replace(found, outcomes=tuple(outcomes)), frozenset(first)

"""Features: what monitors watch of a profile, of a scorecard, and of the change from one profile to the next."""

from __future__ import annotations

from taihang.core import scorecard
from taihang.data.profile import profile as profiles
from taihang.data.quality.monitors import drift, panel

Found = dict[str, tuple[panel.Monitor, float]]


def of_profile(one: profiles.Profile) -> Found:
    """Rows, and of each column: missing and different values, middle and ends, length, age."""
    made: Found = {}
    _put(made, "rows", "volume", one.rows, unit="rows")
    _put(made, "rows_lost", "volume", one.rows_lost, unit="rows", high_only=True)
    _put(made, "columns", "distribution", len(one.columns))
    for column in one.columns:
        if not column.rows:
            continue
        name, known = column.name, column.rows - column.nulls
        _put(made, f"nulls({name})", "completeness", column.nulls / column.rows, name)
        if column.distinct is not None and known:
            _put(made, f"distinct({name})", "distribution", column.distinct.count / known, name)
        if column.kind == "number" and column.numbers is not None:
            if column.numbers.mean is not None:
                _put(made, f"mean({name})", "distribution", column.numbers.mean, name)
            for share, value in column.numbers.quantiles.items():
                if share in {"0.05", "0.5", "0.95"}:
                    _put(made, f"q{share}({name})", "distribution", value, name)
        if column.kind == "text" and column.lengths is not None:
            _put(made, f"length({name})", "distribution", column.lengths.mean, name)
    for fresh in one.freshness:
        _put(made, f"age({fresh.column})", "freshness", fresh.age_s, fresh.column, unit="s", high_only=True)
    return made


def of_change(old: profiles.Profile, new: profiles.Profile) -> tuple[Found, tuple[drift.Drift, ...]]:
    """How far each column is from the version before, and the measures in full."""
    made: Found = {}
    found = drift.between(old, new)
    for one in found:
        if one.psi is not None:
            _put(made, f"psi({one.column})", "drift", one.psi, one.column, high_only=True)
        if one.js is not None:
            _put(made, f"js({one.column})", "drift", one.js, one.column, high_only=True)
    return made, found


def of_scores(card: scorecard.Scorecard) -> Found:
    """The failing share of each dimension and each rule that was judged: 1 minus its score."""
    made: Found = {}
    for score in card.scores:
        if score.value is None or score.standing != "checked" or not 0 <= score.value <= 1:
            continue
        name = f"failing({score.dimension})" if score.metric == "rows.compliance" else f"failing({score.metric})"
        _put(made, name, "score", 1 - score.value, high_only=True)
    return made


def _put(
    made: Found, name: str, kind: panel.Kind, value: float, column: str = "", *, unit: str = "", high_only: bool = False
) -> None:
    made[name] = panel.Monitor(name, kind, column, unit, high_only), float(value)

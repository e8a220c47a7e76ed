"""Calibrating: bounds and conformal sets from segments whose truth somebody told, from a table or a node's own answers.

A node without a bound sends every segment of a grave rule up; with the answers it has the calibration data. Once a
bound holds, only segments drawn by lot count: others were sent because of their score.
"""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from taihang.core import errors
from taihang.model.routing import bound, conformal
from taihang.use.video.cascade import link

COLUMNS = ("rule", "score", "violated", "group")
_MOST_ROWS = 5_000_000
_TRUE, _FALSE = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One segment: what the edge's score was, and what was true. `group`: what it belongs to, such as its event."""

    rule: str
    score: float
    violated: bool
    group: str


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """What calibration gave, by rule."""

    bounds: Mapping[str, bound.Bound] = dataclasses.field(default_factory=dict)
    sets: Mapping[str, conformal.Sets] = dataclasses.field(default_factory=dict)


def rows(path: Path) -> list[Row]:
    """Segments from a CSV file (columns rule, score, violated and perhaps group) or from a node's folder.

    Raises errors.UserError, naming file and line.
    """
    if path.is_dir():
        return _answered(path)
    found: list[Row] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            if not set(COLUMNS[:3]) <= set(table.fieldnames or ()):
                raise errors.UserError("use.video:edge.calibration", path=path, line=1, reason=", ".join(COLUMNS[:3]))
            for given in table:
                found.append(_row(given, path, table.line_num))
                if len(found) > _MOST_ROWS:
                    raise errors.UserError(
                        "use.video:edge.calibration", path=path, line=table.line_num, reason=f"> {_MOST_ROWS}"
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise errors.UserError("use.video:edge.calibration", path=path, line=1, reason=reason) from None
    return found


def learn(given: list[Row], *, limit: float, delta: float = 0.05, alpha: float = 0.1, events: bool = False) -> Known:
    """Bounds and sets by rule. Where a group is named, groups are the independent units; with `events` one is missed
    only when all of it is."""
    bounds: dict[str, bound.Bound] = {}
    sets: dict[str, conformal.Sets] = {}
    for rule in sorted({row.rule for row in given}):
        own = [row for row in given if row.rule == rule]
        true = [row for row in own if row.violated]
        groups = [row.group for row in true] if any(row.group for row in true) else None
        bounds[rule] = bound.learn([r.score for r in true], limit=limit, delta=delta, groups=groups, whole=events)
        sets[rule] = conformal.fit([r.score for r in own], [r.violated for r in own], alpha=alpha)
    return Known(bounds, sets)


def _row(given: Mapping[str, str | None], path: Path, line: int) -> Row:
    try:
        score = float(given["score"] or "")
    except ValueError:
        score = -1.0
    said = (given["violated"] or "").strip().lower()
    if not 0 <= score <= 1 or said not in _TRUE | _FALSE or not given["rule"]:
        raise errors.UserError("use.video:edge.calibration", path=path, line=line, reason="score 0–1, violated 0/1")
    return Row(str(given["rule"]), score, said in _TRUE, given.get("group") or "")


def _answered(folder: Path) -> list[Row]:
    kept = link.Sent(folder, 0.0)
    found = []
    for name, told in kept.answered.items():
        sent = kept.known[name]
        whole = bool(sent.get("drawn")) or not sent.get("bounded", True)
        score, violated = sent.get("score"), told.get("violated")
        if whole and isinstance(score, (int, float)) and isinstance(violated, bool) and 0 <= score <= 1:
            found.append(Row(str(sent.get("rule")), float(score), violated, ""))
    return found

"""A rule is passed only when all of it was judged."""

from __future__ import annotations

import pyarrow as pa
import pytest

from taihang.rules import judge, rulebook, table

BOOK = """
taihang: rules/1
id: b
version: "1"
title: {{zh: 甲, en: A}}
rules:
  - id: r
    title: {{zh: 甲, en: A}}
    message: {{zh: 甲, en: A}}
    level: {level}
    dimension: d
    table: t
    where: n > 3
    sustained: 1s
"""


@pytest.mark.parametrize(
    ("level", "seen", "high", "passed"),
    [
        ("red", True, False, True),
        ("red", False, False, None),
        ("red", True, True, False),
        ("red", False, True, False),
        ("info", True, True, None),
        ("info", True, False, None),
    ],
)
def test_unseen_time_leaves_a_rule_open(level: str, seen: bool, high: bool, passed: bool | None) -> None:
    rows = {
        "start_s": [0.0, 10.0, 20.0],
        "end_s": [10.0, 20.0, 30.0],
        "observed": [True, True, seen],
        "n": [9 if high else 0, 0, 0 if seen else None],
    }
    judged = judge.judge(rulebook.loads(BOOK.format(level=level)), {"t": table.Table(pa.table(rows))}, {})
    score = next(s for s in judged.scorecard.scores if s.metric == "rule.r")
    assert score.passed is passed

"""The published matrix of rules and engines, made of the cases and the known gaps."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.conformance import rule_cases

ENGINES = ("duckdb", "postgresql", "spark", "clickhouse")

_WHY = {
    "rounded": "round() of a floating-point number breaks ties differently",
    "float_as_text": "floating-point numbers are written differently",
    "days_between": "date_diff counts differently",
    "word_boundary": "word boundaries follow other letters",
    "cast_of_text": "texts are read as numbers by other grammars",
}
GAPS = {(engine, case): why for engine in ENGINES[1:] for case, why in _WHY.items()}
_HEAD = """# Conformance: the same rule on every engine · 一致性：同一规则在各引擎上

Each line is a rule judged on real engines (DuckDB, PostgreSQL 15, Spark 4 local, ClickHouse as chdb) over the same
rows, and compared row by row with a brute-force answer in plain Python: bad rows, rows that cannot be judged, totals.
`=` equal; `gap` the engine has no exact equal, and the rule is refused there with an error that says so.
每行是一条规则：在真实引擎上判定同样的数据，并与纯 Python 的逐行结果比较。`=` 完全一致；
`gap` 该引擎没有完全等价的写法，会报错拒绝，而不会给出不同的结果。

ClickHouse server shares the SQL of chdb; Trino has golden SQL only. Made by `python -m tests.conformance.matrix`.
"""


def _lines() -> Iterator[str]:
    yield f"| rule · 规则 | {' | '.join(ENGINES)} | |"
    yield "|---|" + "---|" * (len(ENGINES) + 1)
    for case in rule_cases.CASES:
        marks = ["gap" if (engine, case.id) in GAPS else "=" for engine in ENGINES]
        yield f"| {case.id.replace('_', ' ')} | {' | '.join(marks)} | {_WHY.get(case.id, '')} |"


def page() -> str:
    """The page as Markdown."""
    return _HEAD + "\n" + "\n".join(_lines()) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())

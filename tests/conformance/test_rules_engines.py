"""Every rule kind on every engine, against a brute-force answer in plain Python; the gaps are known and typed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlglot import exp

from taihang.core import errors
from taihang.data.quality import assessment
from taihang.data.quality.pushdown import dialects, inside, running, seen, statements
from taihang.engines import tables
from taihang.rules import rulebook
from tests.conformance import matrix, rule_cases, rule_engines

Outcomes = Callable[[str], dict[str, tuple[assessment.Outcome, list[int]]]]


def book(*cases: rule_cases.Case) -> rulebook.Rulebook:
    both = {"zh": "题", "en": "title"}
    rules = [{"id": case.id.replace("_", "-"), "table": "t", **case.rule} for case in cases]
    made = {"taihang": "rules/1", "id": "book", "version": "1", "title": both, "rules": rules}
    return rulebook.loads(json.dumps(made, ensure_ascii=False))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    """What an engine answers: all cases it can judge, in one run, made when first asked for."""
    made: dict[str, dict[str, tuple[assessment.Outcome, list[int]]]] = {}
    with ExitStack() as stack:

        def ask(engine: str) -> dict[str, tuple[assessment.Outcome, list[int]]]:
            if engine not in made:
                folder: Path = tmp_path_factory.mktemp(engine)
                patch = stack.enter_context(pytest.MonkeyPatch.context())
                patch.setenv("TAIHANG_SPARK_PARTITIONS", "1")
                patch.setenv("TAIHANG_SPARK_MASTER", "local[2]")
                both = {"t": rule_cases.table(), "u": rule_cases.other()}
                targets = stack.enter_context(rule_engines.targets(engine, folder, **both))
                cases = [c for c in rule_cases.CASES if (engine, c.id) not in matrix.GAPS]
                found = stack.enter_context(running.assess(book(*cases), targets, engine=running.usable(engine)))
                numbers = _numbers(engine, targets["t"].source)
                made[engine] = {
                    c.id: (o, sorted(numbers.get(row, row) for row in o.rows.tolist()))
                    for c, o in zip(cases, found.outcomes, strict=True)
                }
            return made[engine]

        yield ask


def _numbers(engine: str, source: Any) -> dict[int, int]:
    """The ids of rows by where they lie."""
    if engine != "postgresql":
        return {}
    with psycopg.connect(source.address) as conn:
        return {inside.position(place): n for place, n in conn.execute("SELECT ctid::text, id FROM t").fetchall()}


class Gap(Exception):
    """A rule that an engine says it has no equal for."""


@pytest.mark.parametrize("case", rule_cases.CASES, ids=lambda c: c.id)
@pytest.mark.parametrize("engine", rule_engines.NAMES)
def test_an_engine_answers_as_plain_python_does(
    engine: str, case: rule_cases.Case, outcomes: Outcomes, request: pytest.FixtureRequest
) -> None:
    if (engine, case.id) in matrix.GAPS:
        request.applymarker(pytest.mark.xfail(raises=Gap, strict=True, reason=matrix.GAPS[engine, case.id]))
        _translated(engine, case)
        return
    outcome, rows = outcomes(engine)[case.id]
    if case.value is None and case.broken is None:
        assert rows == sorted(case.bad)
        if not outcome.whole:
            assert (outcome.unknown, outcome.total) == (case.unknown, rule_cases.COUNT)
            assert outcome.judged + outcome.unknown <= rule_cases.COUNT
    elif case.broken is not None:
        assert outcome.broken is case.broken
    if case.value is not None:
        _same(outcome.measured["value"], case.value)


def _same(found: Any, wanted: Any) -> None:
    if isinstance(wanted, str):
        assert found == wanted
    else:
        assert math.isclose(float(found), float(wanted), rel_tol=1e-8)


def _writer(engine: str, stack: ExitStack) -> statements.Statements:
    both = {"t": rule_cases.SCHEMA, "u": rule_cases.OTHER_SCHEMA}
    shown = {
        name: seen.Seen(name, name, {c: exp.column(c, quoted=True) for c in schema.names}, ("row_at",), int, schema)
        for name, schema in both.items()
    }
    return statements.Statements(dialects.ALL[engine], stack.enter_context(tables.Engine()), shown)


def _translated(engine: str, case: rule_cases.Case) -> str:
    with ExitStack() as stack:
        compiled = book(case).rules[0]
        writer = _writer(engine, stack)
        try:
            if compiled.rule.about_sets:
                return writer.related(compiled)
            return writer.condition("t", compiled.where.sql, compiled)
        except errors.UserError as error:
            assert error.message.key == "data.quality:pushdown.refused"
            raise Gap from error


def test_the_published_matrix_is_the_one_that_is_tested() -> None:
    published = Path(__file__).resolve().parents[2] / "docs/conformance.md"
    assert published.read_text(encoding="utf-8") == matrix.page(), (
        "run: python -m tests.conformance.matrix > docs/conformance.md"
    )


@pytest.mark.parametrize("engine", sorted(dialects.ALL))
def test_no_value_of_a_rule_becomes_sql(engine: str) -> None:
    evil = "x'; DROP TABLE t; --\\' OR 1=1 /*"
    cases = [
        rule_cases.Case("a", {"check": {"kind": "in_set", "column": "s", "values": [evil, "\\"]}}, []),
        rule_cases.Case("b", {"check": {"kind": "range", "column": "s", "max": evil}}, []),
        rule_cases.Case("c", {"check": {"kind": "regex", "column": "s", "pattern": "'; DROP TABLE t; --\\\\'"}}, []),
        rule_cases.Case("d", {"where": "s = $evil", "parameters": {"evil": evil}, **_TOLD}, []),
        rule_cases.Case("e", {"where": "s LIKE '%''; DROP TABLE t; --\\'", **_TOLD}, []),
    ]
    for case in cases:
        sql = _translated(engine, case)
        parsed = _statements(sql, engine)
        assert len(parsed) == 1
        assert not list(parsed[0].find_all(exp.Drop, exp.Command))
        literals = [node.name for node in parsed[0].find_all(exp.Literal) if node.is_string]
        assert any("DROP" in text or "DROP" in text.replace("\\U00000020", " ") for text in literals) or "x{20}" in sql


def _statements(sql: str, engine: str) -> Sequence[Any]:
    import sqlglot

    return sqlglot.parse(f"SELECT {sql} AS v", dialect=dialects.ALL[engine].sql)


_TOLD = {
    "title": {"zh": "题", "en": "t"}, "message": {"zh": "题", "en": "t"}, "level": "yellow", "dimension": "validity",
}  # fmt: skip


def test_an_engine_that_there_is_not_is_named() -> None:
    with pytest.raises(errors.UserError, match="oracle"):
        running.usable("oracle")

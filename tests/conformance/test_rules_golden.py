"""The SQL that is sent to engines which no test can start: Trino, and a ClickHouse server."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlglot import exp

from taihang.core import errors
from taihang.data.quality.pushdown import dialects, running, seen, statements
from taihang.engines import tables
from tests.conformance import rule_cases, rule_engines
from tests.conformance.test_rules_engines import book

PLACE = ("key",)
GOLDEN = Path(__file__).with_name("golden")
SHOWN = ("not_blank", "in_set_float", "range_nan_and_infinity", "range_zoned", "range_text_by_bytes", "regex_han",
         "length_code_points", "castable_bigint", "semantic_bank-card", "divide_by_zero", "null_in_a_list",
         "decimal_arithmetic", "length_of_trimmed", "unique_float_nan_zero", "unique_together", "foreign_key",
         "dependency", "reconcile")  # fmt: skip


def written(engine: str) -> str:
    """The statements of some rules."""
    lines = []
    with ExitStack() as stack:
        both = {"t": rule_cases.SCHEMA, "u": rule_cases.OTHER_SCHEMA}
        shown = {
            name: seen.Seen(
                name, f"lake.{name}", {c: exp.column(c, quoted=True) for c in schema.names}, PLACE, int, schema
            )
            for name, schema in both.items()
        }
        writer = statements.Statements(dialects.ALL[engine], stack.enter_context(tables.Engine()), shown)
        for name in SHOWN:
            compiled = book(rule_cases.BY_ID[name]).rules[0]
            try:
                sql = (
                    writer.related(compiled)
                    if compiled.rule.about_sets
                    else writer.scan("t", [writer.condition("t", compiled.where.sql, compiled)], [])
                )
            except errors.UserError as error:
                sql = f"refused: {error.message.values['what']}"
            lines.append(f"-- {name}\n{sql}\n")
    return "\n".join(lines)


@pytest.mark.parametrize("engine", ["trino", "clickhouse"])
def test_statements_are_the_ones_that_were_read_and_approved(engine: str) -> None:
    assert written(engine) == (GOLDEN / f"{engine}.sql").read_text(encoding="utf-8")


def test_a_kind_without_a_plan_elsewhere_is_refused(tmp_path: Path) -> None:
    with rule_engines.targets("clickhouse", tmp_path, t=rule_cases.table(), u=rule_cases.other()) as targets:
        for check in (
            {"kind": "anonymity", "columns": ["k"], "k": 2},
            {"kind": "aggregate", "function": "balance", "column": "v", "min": 0},
        ):
            with (
                pytest.raises(errors.UserError, match="clickhouse has no exact equal"),
                running.assess(book(rule_cases.Case("r", {"check": check}, [])), targets, engine="clickhouse"),
            ):
                pass

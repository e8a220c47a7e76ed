"""Great Expectations' own test definitions, run through the importer on our engine, and compared.

    python bench/great_expectations.py --definitions CHECKOUT/tests/test_definitions --write docs/great-expectations.md

CHECKOUT is a checkout of its repository (Apache-2.0); none of its files is kept here. Each definition names a
table, an expectation and what its authors say must come out. The expectation goes through the importer into a rule,
the rule runs on the table, and these must agree: success; the values that are unexpected, as often as they
are; their rows; the total that was observed; and that an error is an error.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import json
import math
import re
from pathlib import Path
from typing import Any

import dateutil.parser
import pyarrow as pa

from taihang.core import errors, i18n
from taihang.data.quality import assessment, recheck, target
from taihang.data.quality.exchange import great_expectations as importer
from taihang.rules import rulebook

# The engines whose form of a test we take, the first that it is meant for; 0.x and 1.x names of one are the same.
ENGINES = ("postgresql", "sqlite", "spark", "pandas")


@dataclasses.dataclass(frozen=True)
class Case:
    """One test: where it stands, its table (with those beside it), the expectation, and what must come out."""

    place: str
    kind: str
    engine: str
    tables: dict[str, pa.Table]
    kwargs: dict[str, Any]
    out: dict[str, Any]
    error: bool
    tolerance: float


@dataclasses.dataclass(frozen=True)
class Result:
    """`verdict`: agrees, differs, or unmapped; `why` in one line."""

    case: Case
    verdict: str
    why: str = ""


def cases(folder: Path) -> tuple[list[Case], list[tuple[str, str]]]:
    """The tests that one of our engines is meant for, and the rest with the reason."""
    found: list[Case] = []
    left: list[tuple[str, str]] = []
    for file in sorted(folder.rglob("*.json")):
        given = json.loads(file.read_text(encoding="utf-8"))
        for number, data in enumerate(given["datasets"]):
            for test in data["tests"]:
                place = f"{file.stem}[{number}] {test['title']}"
                engine = _engine(data, test)
                if engine is None:
                    left.append((place, "for other engines alone, or put out of use"))
                    continue
                try:
                    tables = _tables(data, engine)
                except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
                    left.append((place, f"its table has no Arrow form: {str(error).splitlines()[0]}"))
                    continue
                kwargs = test["in"] if isinstance(test["in"], dict) else {}
                out = test.get("out") or {}
                found.append(
                    Case(
                        place,
                        given["expectation_type"],
                        engine,
                        tables,
                        kwargs,
                        out,
                        bool(test.get("error") or out.get("traceback_substring")),
                        float(test.get("tolerance") or 0.0),
                    )
                )
    return found, left


def _engine(data: dict[str, Any], test: dict[str, Any]) -> str | None:
    def names(*given: Any) -> set[str]:
        listed = [str(n) for one in given if one for n in (one if isinstance(one, list) else [one])]
        return {re.sub(r"_v\d_api$", "", n) for n in listed}

    only = [names(one.get("only_for")) for one in (data, test)]
    without = names(data.get("suppress_test_for"), test.get("suppress_test_for"))
    for engine in ENGINES:
        family = {engine, "sqlalchemy"} if engine in {"postgresql", "sqlite"} else {engine}
        if all(not one or one & family for one in only) and not without & family:
            return engine
    return None


def _tables(data: dict[str, Any], engine: str) -> dict[str, pa.Table]:
    given = data["data"]
    if isinstance(given, list):
        return {one.get("dataset_name", f"t{n}"): _table(one["data"], {}) for n, one in enumerate(given)}
    kinds = data.get("schemas", {}).get(engine, {})
    try:
        return {"t": _table(given, kinds)}
    except (pa.ArrowException, ValueError, TypeError):
        if "data_alt" not in data:
            raise
        return {"t": _table(data["data_alt"], kinds)}


def _table(columns: dict[str, list[Any]], kinds: dict[str, str]) -> pa.Table:
    return pa.table({name: _column(values, kinds.get(name, "").casefold()) for name, values in columns.items()})


_TYPES = (
    (("timestamp", "datetime"), pa.timestamp("us"), dateutil.parser.parse),
    (("date",), pa.date32(), lambda v: dateutil.parser.parse(v).date()),
    (("bigint", "long", "int"), pa.int64(), int),
    (("double", "float", "numeric", "decimal"), pa.float64(), float),
    (("bool",), pa.bool_(), bool),
    (("text", "str", "char"), pa.string(), str),
)


def _column(values: list[Any], kind: str) -> pa.Array:
    for words, wanted, made in _TYPES:
        if any(w in kind for w in words):
            given = [None if v is None else made(v) for v in values]
            zoned = any(isinstance(v, datetime.datetime) and v.tzinfo for v in given)
            return pa.array(given, pa.timestamp("us", "UTC") if zoned else wanted)
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # values of several types: text, as an SQL engine would hold them
        return pa.array([None if v is None else str(v) for v in values], pa.string())


def run(case: Case) -> Result:
    """The case on our engine."""
    name = next(iter(case.tables))
    suite = json.dumps({"name": "suite", "expectations": [{"type": case.kind, "kwargs": case.kwargs}]}, default=str)
    made = importer.load(suite.encode(), "suite.json", name)
    if not made.rules:
        reason = made.unmapped[0].reason
        refused = case.error and not reason.key.endswith(".kind")
        return Result(case, "agrees" if refused else "unmapped", reason.in_("en"))
    targets = {n: target.Target(n, recheck.Held(n, data)) for n, data in case.tables.items()}
    try:
        found = assessment.assess(rulebook.loads(made.text), targets, as_of=datetime.datetime.now(tz=datetime.UTC))
    except errors.UserError as error:
        failed = case.error or (case.out.get("success") is False and "expect_column_to_exist" in case.kind)
        return Result(case, "agrees" if failed else "differs", f"an error: {error}"[:200])
    if case.error:
        return Result(case, "differs", "they raise an error, we judge")
    return _compared(case, found.outcomes[0])


def _compared(case: Case, outcome: assessment.Outcome) -> Result:
    out, table = case.out, next(iter(case.tables.values()))
    ours = not outcome.broken
    if "success" in out and out["success"] != ours:
        judged = "" if outcome.judged else ", no row was judged"
        return Result(case, "differs", f"success: theirs {out['success']}, ours {ours}{judged}")
    if not outcome.whole and isinstance(out.get("unexpected_index_list"), list):
        theirs = [i.get("pk_index") if isinstance(i, dict) else i for i in out["unexpected_index_list"]]
        if all(isinstance(i, int) for i in theirs) and sorted(theirs) != outcome.rows.tolist():
            return Result(case, "differs", f"rows: theirs {theirs}, ours {outcome.rows.tolist()}")
    column, theirs = case.kwargs.get("column"), out.get("unexpected_list")
    if not outcome.whole and isinstance(theirs, list) and column in table.schema.names:
        bad = table.column(column).take(pa.array(outcome.rows)).to_pylist()
        if collections.Counter(map(_plain, bad)) != collections.Counter(map(_plain, theirs)):
            return Result(case, "differs", f"values: theirs {theirs}, ours {bad}")
    value = out.get("observed_value", out.get("result", {}).get("observed_value") if "result" in out else None)
    if outcome.whole and isinstance(value, (int, float)) and not isinstance(value, bool):
        own = outcome.measured.get("value")
        if not isinstance(own, (int, float)) or not math.isclose(own, value, rel_tol=1e-6, abs_tol=case.tolerance):
            return Result(case, "differs", f"observed: theirs {value}, ours {own}")
    return Result(case, "agrees")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        return f"{float(value):.12g}"
    if isinstance(value, (datetime.date, datetime.datetime)):
        return dateutil.parser.parse(str(value)).isoformat()
    text = str(value)
    try:
        return dateutil.parser.parse(text).replace(tzinfo=None).isoformat() if re.search(r"\d{2}:\d{2}", text) else text
    except (ValueError, OverflowError):
        return text


# Why each that differs does: a piece of its place, and the reason.
_DIGITS = "they refuse the length of a whole number; here it is that of its decimal digits."
_WHOLE = "in the form for PostgreSQL the column is of whole numbers, and there is nothing to refuse."
_UNEQUAL = "pandas says that a text is unequal to a number; here comparing them is an error."
REASONS = {
    "coerced_types_true_false": "SQLite holds booleans as numbers and has a mean of them; here it is an error.",
    "positive_test__exact_min_and_max_sqlalchemy": "both bounds are the deviation itself to a double's last "
    "digit, and that digit here is another.",
    "values_are_integers": _DIGITS,
    "integer_length_1_postgres": _DIGITS,
    "error_on_string-to-int_comparisons": _WHOLE,
    "compare_number_to_text": _UNEQUAL,
    "test_conditional_expectation_fails": _UNEQUAL,
}


def page(results: list[Result], left: list[tuple[str, str]], revision: str) -> str:
    """The page: counts by expectation, each that differs with its reason, and what has no rule."""
    agreed = sum(r.verdict == "agrees" for r in results)
    differ = [r for r in results if r.verdict == "differs"]
    none, of = sum(r.verdict == "unmapped" for r in results), f" ({revision})" if revision else ""
    lines = [
        "# Great Expectations' own tests on our engine · 用它自己的测试检验导入与判定",
        "",
        f"Each test definition of its repository{of} names a table, an expectation and what must come out. The",
        "expectation goes through `taihang rules import` into a rule, the rule runs on the table, and compared are:",
        "success, the unexpected values and their rows, the observed total, and that an error is an error. None of its",
        "files is kept here. Made by",
        "`python bench/great_expectations.py --definitions … --write docs/great-expectations.md`.",
        "每个测试给出表、期望和应得结果；期望经导入成为规则并在表上运行，比较通过与否、坏值及其行、统计量，以及该报错时是否报错。",
        "",
        f"**{agreed + len(differ)} tests map to rules: {agreed} agree, {len(differ)} differ.** "
        f"{none} have no rule here, {len(left)} are meant for other engines alone.",
        "",
        "| expectation · 期望 | agree · 一致 | differ · 不同 | no rule · 无对应规则 |",
        "|---|---|---|---|",
    ]
    for kind in sorted({r.case.kind for r in results}):
        own = collections.Counter(r.verdict for r in results if r.case.kind == kind)
        lines.append(f"| {kind} | {own['agrees'] or ''} | {own['differs'] or ''} | {own['unmapped'] or ''} |")
    lines += ["", "## Each that differs · 逐条不同及原因", ""]
    for one in differ:
        reason = next((why for piece, why in REASONS.items() if piece in one.case.place), None)
        if reason is None:
            raise SystemExit(f"no reason is known: {one.case.place}: {one.why}")
        lines.append(f"- `{one.case.place}`: {reason}")
    lines += ["", "## What has no rule, and why · 没有对应规则的", ""]
    kinds = collections.Counter(r.case.kind for r in results if r.why.startswith("no rule corresponds"))
    lines.append("No rule is of the kind: " + ", ".join(f"{k} ({n})" for k, n in sorted(kinds.items())) + ".")
    other = collections.Counter(
        (r.case.kind, r.why) for r in results if r.verdict == "unmapped" and not r.why.startswith("no rule corresponds")
    )
    lines += ["", *(f"- {kind} ({n}): {why}" for (kind, why), n in sorted(other.items()))]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run all, print, and write the page when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--definitions", type=Path, required=True)
    parser.add_argument("--revision", default="", help="what the checkout is, such as 1.2.0")
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    i18n.use("en")
    found, left = cases(given.definitions)
    results = [run(case) for case in found]
    for one in (r for r in results if r.verdict == "differs"):
        print(f"{one.case.place} ({one.case.engine}): {one.why}")
    print(dict(collections.Counter(r.verdict for r in results)), f"other engines: {len(left)}")
    if given.write:
        given.write.write_text(page(results, left, given.revision), encoding="utf-8")


if __name__ == "__main__":
    main()

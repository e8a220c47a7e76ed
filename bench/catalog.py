"""The catalogue's finding list beside a bare SQLAlchemy query, and what recording costs.

Both read a page of 50 of the same rows, through the same index, in turns: the bare one is the statement that
somebody would write by hand, executed and fetched as rows, without cursor, filter or words around them. A ratio is
of the medians. `deep` is the page behind 4,000 findings, in both by the same condition on the index. `offset` is
the bare query with OFFSET in place of the cursor, on the last page. Statistics are fresh (ANALYZE).

    python bench/catalog.py [--store URL] [--findings 100000] [--rounds 200] [--json FILE]
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from taihang.catalog import catalogue, finding_list, tables, words
from taihang.core import asset, evidence, finding, i18n, ids, principal, rule
from taihang.core import words as core
from taihang.engines.store import opening
from taihang.report import document

_AT = tables.findings.c
_LEVELS = list(core.Level)
_BOOK = ids.digest(b"book")
_REPORTS = 10


def report(of: asset.Asset, first: int, count: int) -> document.Report:
    """Findings of 20 rules at five levels; their texts are as long as real ones."""
    made = []
    for n in range(first, first + count):
        title = i18n.Text(zh="人员在无支护区域停留", en="a person stays where nothing supports the roof")
        level = _LEVELS[n % 5]
        ref = rule.RuleRef(
            id=f"rule-{n % 20}", title=title, level=level, dimension="presence", rulebook="bench",
            rulebook_version="1", rulebook_sha256=_BOOK,
        )  # fmt: skip
        made.append(
            finding.Finding(
                rule=ref,
                verdict="violated",
                level=level,
                place=finding.Place(table="zones", keys={"zone": f"z{n % 7}"}, start_s=n / 10, end_s=n / 10 + 3),
                message=title,
                measured={"people": n % 4, "seconds": 3.0},
                evidence=(evidence.Span(asset=of.sha256, start_s=n / 10, end_s=n / 10 + 3, file=f"evidence/{n}.mp4"),),
            )
        )
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return document.Report(title=i18n.Text(zh="报告", en="report"), created=at, asset=of, findings=tuple(made))


def filled(store: opening.Store, count: int) -> tuple[catalogue.Catalogue, list[words.Version], float]:
    """A catalogue with so many findings; seconds that recording took."""
    store.create()
    known = catalogue.Catalogue(store, principal.Principal(name="bench", tenant=f"bench-{time.time_ns()}"))
    versions, took = [], 0.0
    for n in range(_REPORTS):
        of = asset.Asset(kind="video", name=f"{n}.mp4", sha256=ids.digest(str(n).encode()), size=1)
        versions.append(known.register(of))
        made = report(of, n * count // _REPORTS, count // _REPORTS)
        began = time.perf_counter()
        known.record(made, versions[-1].id, kind="inspect")
        took += time.perf_counter() - began
    with store.begin() as conn:
        conn.exec_driver_sql("ANALYZE")
    return known, versions, took


def deep(known: catalogue.Catalogue, where: words.Filter, pages: int) -> str | None:
    """The cursor behind so many pages of 500."""
    after = None
    for _ in range(pages):
        after = known.findings(where, after=after, limit=500).next or after
    return after


def timed(rounds: int, **reads: Callable[[], Any]) -> dict[str, list[float]]:
    """Seconds of each, in turns."""
    took: dict[str, list[float]] = {name: [] for name in reads}
    for _ in range(rounds):
        for name, read in reads.items():
            began = time.perf_counter()
            read()
            took[name].append(time.perf_counter() - began)
    return took


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--store", default="")
    ask.add_argument("--findings", type=int, default=100_000)
    ask.add_argument("--rounds", type=int, default=200)
    ask.add_argument("--json", type=Path)
    given = ask.parse_args()
    with tempfile.TemporaryDirectory(prefix="taihang-bench-") as folder:
        store = opening.open_store(given.store or f"sqlite:///{folder}/store.db")
        known, versions, took = filled(store, given.findings)
        result: dict[str, Any] = {
            "store": store.kind, "findings": given.findings, "recorded_per_s": round(given.findings / took), "lists": {}
        }  # fmt: skip
        tenant, columns = known.scope.tenant, [c for c in _AT if c.name not in {"likeness", "mark", "finish"}]
        falling = [c.desc() for c in (_AT.rank, _AT.recorded, _AT.version_id, _AT.id)]
        version = versions[3].id
        cases: dict[str, tuple[words.Filter, list[Any], list[Any]]] = {
            "all": (words.Filter(), [], falling),
            "level": (words.Filter(level=core.Level.red), [_AT.rank == 4], falling[1:]),
            "version": (
                words.Filter(version=version), [_AT.version_id == version], [*falling[:2], falling[3]],
            ),
            "rule": (words.Filter(rule="rule-7"), [_AT.rule == "rule-7"], falling),
            "open and orange": (
                words.Filter(state="open", level=core.Level.orange), [_AT.state == "open", _AT.rank == 3], falling[1:],
            ),
        }  # fmt: skip

        def bare(conditions: list[Any], order: list[Any], offset: int = 0) -> Any:
            with store.engine.connect().execution_options(read_only=True) as conn:
                asked = sa.select(*columns).where(_AT.tenant == tenant, *conditions).order_by(*order).limit(51)
                return conn.execute(asked.offset(offset) if offset else asked).all()

        def fetched(where: words.Filter, behind: str | None) -> Any:
            with store.engine.connect().execution_options(read_only=True) as conn:
                return conn.execute(finding_list.statement_of(known.scope, where, after=behind)).all()

        for name, (where, conditions, order) in cases.items():
            behind = deep(known, where, 8)
            reads: dict[str, Callable[[], Any]] = {
                "bare": lambda c=conditions, o=order: bare(c, o),
                "bare_deep": lambda w=where, b=behind: fetched(w, b),
                "list": lambda w=where: known.findings(w),
                "list_deep": lambda w=where, b=behind: known.findings(w, after=b),
            }
            if name == "all":
                reads["offset"] = lambda c=conditions, o=order: bare(c, o, given.findings - 60)
            timed(5, **reads)
            found = timed(given.rounds, **reads)
            base = statistics.median(found["bare"])
            result["lists"][name] = {
                "bare_ms": round(1000 * base, 3),
                "ratio": round(statistics.median(found["list"]) / base, 2),
                "ratio_deep": round(statistics.median(found["list_deep"]) / statistics.median(found["bare_deep"]), 2),
                **({"ratio_offset": round(statistics.median(found["offset"]) / base, 2)} if "offset" in found else {}),
            }
        store.close()
    text = json.dumps(result, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()

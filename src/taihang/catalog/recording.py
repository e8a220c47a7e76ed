"""Recording: a report and its findings are stored with the version that they speak about, once."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from typing import Any

import sqlalchemy as sa

from taihang.catalog import registering, tables, text, words
from taihang.core import errors, ids
from taihang.core import finding as verdicts
from taihang.core import words as core
from taihang.engines.store import scope as scoping
from taihang.report import document
from taihang.report import json as written
from taihang.trust.ledger import entry as entries
from taihang.trust.ledger import outbox

_BATCH = 1000
NO_START = 1e300  # sorts behind every moment


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """A report ready to be stored: made outside of a transaction, since many findings take their time."""

    report: document.Report
    sha256: str
    body: str
    counts: dict[str, int]
    findings: tuple[dict[str, Any], ...]


def prepare(report: document.Report) -> Prepared:
    """The rows of a report, but for what the version and the moment decide."""
    data = written.dump(report)
    body = json.loads(data)
    plain: list[dict[str, Any]] = body.pop("findings")
    rows = tuple(_finding(one, value) for one, value in zip(report.findings, plain, strict=True))
    return Prepared(report, ids.digest(data), _compact(body), counts(report), rows)


def record(
    conn: sa.Connection,
    scope: scoping.Scope,
    report: document.Report | Prepared,
    version_id: str,
    *,
    kind: str,
    job_id: str,
    folder: str,
    now: datetime.datetime,
) -> tuple[words.Told, bool]:
    """The stored report, and whether it is new.

    One job makes one report of a kind on a version: recorded again, even with another text, the first
    one stays. Without a job the text decides. Raises errors.NotFound, errors.UserError.
    """
    text.checked("kind", kind, 40, least=1)
    text.checked("job_id", job_id, 100)
    text.checked("folder", folder, 4000)
    version = registering.version_of(conn, scope, version_id)
    made = report if isinstance(report, Prepared) else prepare(report)
    if made.report.asset.sha256 != version.asset.sha256:
        raise errors.UserError("catalog:other_asset", id=version_id)
    report_id = ids.content_id("report", [version_id, kind, job_id or made.sha256])
    # Held until the end: a deletion waits, or has left nothing to record on.
    held = scope.select(tables.versions, tables.versions.c.mark).where(tables.versions.c.id == version_id)
    marked = conn.execute(held.with_for_update(read=True)).scalar_one_or_none()
    if marked is None:
        raise errors.NotFound("catalog:no_version", id=version_id)
    row = {
        "id": report_id, "version_id": version_id, "asset_id": version.asset_id, "kind": kind, "job_id": job_id,
        "sha256": made.sha256, "folder": folder, "made": made.report.created, "recorded": now,
        "counts": text.dumped(made.counts), "body": made.body, "mark": marked,
    }  # fmt: skip
    new = scope.insert_new(conn, tables.reports, [row]) == 1
    if new:
        shared = {
            "version_id": version.id, "asset_id": version.asset_id, "job_id": job_id, "recorded": now, "mark": marked,
        }  # fmt: skip
        scope.insert_new(conn, tables.scores, _scores(made.report, report_id))
        for at in range(0, len(made.findings), _BATCH):
            some = made.findings[at : at + _BATCH]
            scope.insert_new(conn, tables.findings, [{**one, **shared} for one in some])
            links = [{"report_id": report_id, "finding_id": r["id"], "version_id": version_id} for r in some]
            scope.insert_new(conn, tables.told, links)
        _decided(conn, scope.tenant, row, made.counts)
    return report_of(conn, scope, report_id), new


def _decided(conn: sa.Connection, tenant: str, row: dict[str, Any], levels: dict[str, int]) -> None:
    facts = {"report": row["id"], "version": row["version_id"], "verb": row["kind"], **levels}
    outbox.put(conn, tenant, entries.Entry.now("report", row["sha256"], facts=facts))


def counts(report: document.Report) -> dict[str, int]:
    """Violations per level, and `insufficient`."""
    made = dict.fromkeys((*(level.value for level in core.Level), "insufficient"), 0)
    for found in report.findings:
        made["insufficient" if found.verdict == "insufficient" else found.level.value] += 1
    return made


def report_of(conn: sa.Connection, scope: scoping.Scope, report_id: str) -> words.Told:
    """A report by its id. Raises errors.NotFound."""
    row = conn.execute(
        scope.select(tables.reports, *(c for c in tables.reports.c if c.name != "body")).where(
            tables.reports.c.id == report_id
        )
    ).one_or_none()
    if row is None:
        raise errors.NotFound("catalog:no_report", id=report_id)
    return told(row)


def told(row: sa.Row[Any]) -> words.Told:
    """A row of reports as a word."""
    names = set(words.Told.model_fields) - {"counts"}
    return words.Told(counts=json.loads(row.counts), **{n: getattr(row, n) for n in names})


def whole(conn: sa.Connection, scope: scoping.Scope, report_id: str) -> bytes:
    """The report as the JSON that was recorded, findings in its order. Raises errors.NotFound."""
    at = tables.reports.c
    body = conn.execute(scope.select(tables.reports, at.body).where(at.id == report_id)).scalar_one_or_none()
    if body is None:
        raise errors.NotFound("catalog:no_report", id=report_id)
    same = (tables.findings.c.id == tables.told.c.finding_id) & (
        tables.findings.c.version_id == tables.told.c.version_id
    )
    rows = conn.execute(
        scope.select(tables.told, tables.findings.c.id, tables.findings.c.body)
        .join(tables.findings, same & scope.of(tables.findings))
        .where(tables.told.c.report_id == report_id)
    )
    value = json.loads(body)
    value["findings"] = [{"id": row.id, **json.loads(row.body)} for row in rows]
    return written.dump(written.load(json.dumps(value).encode()))


def _scores(report: document.Report, report_id: str) -> list[dict[str, Any]]:
    return [
        {
            "report_id": report_id, "position": i, "dimension": text.cleaned(score.dimension, 200),
            "metric": text.cleaned(score.metric, 200), "value": _finite(score.value),
            "threshold": _finite(score.threshold), "passed": score.passed, "standing": score.standing,
        }
        for i, score in enumerate(report.scorecard.scores)
    ]  # fmt: skip


def _finding(found: verdicts.Finding, plain: dict[str, Any]) -> dict[str, Any]:
    start, end = _finite(found.place.start_s), _finite(found.place.end_s)
    start = NO_START if start is None else start
    rule = plain["rule"]
    return {
        "id": plain.pop("id"), "rule": rule["id"], "rulebook": text.cleaned(rule["rulebook"], 200),
        "dimension": text.cleaned(rule["dimension"], 200), "verdict": found.verdict, "rank": found.level.rank,
        "start": start, "finish": start if end is None else end,
        "likeness": ids.content_id("like", [rule["rulebook"], rule["id"], plain["place"]]), "state": "open",
        "revision": 1, "reason": "", "reviewer": "", "reviewed": None, "body": _compact(plain),
    }  # fmt: skip


def _compact(value: Any) -> str:
    """JSON that `written.dump` has made valid."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None

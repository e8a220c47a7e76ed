"""Assets and reports with as many findings as a test wants."""

from __future__ import annotations

import datetime

from taihang.core import asset, evidence, finding, i18n, ids, principal, rule, scorecard, words
from taihang.report import document

BOOK = ids.digest(b"book")
BEGAN = datetime.datetime(2026, 3, 1, 8, tzinfo=datetime.UTC)


def who(tenant: str = "mine", name: str = "li") -> principal.Principal:
    return principal.Principal(name=name, tenant=tenant, roles=("steward",))


def thing(name: str = "班次.csv", content: str = "1", kind: asset.Kind = "table") -> asset.Asset:
    return asset.Asset(
        kind=kind, name=name, sha256=ids.digest(content.encode()), size=len(content), media_type="text/csv"
    )


def ref(name: str = "shift-not-null", level: words.Level = words.Level.orange, book: str = BOOK) -> rule.RuleRef:
    return rule.RuleRef(
        id=name, title=i18n.Text(zh="班次不得为空", en="shift is given"), level=level, dimension="completeness",
        rulebook="shifts", rulebook_version="1.0", rulebook_sha256=book,
    )  # fmt: skip


def found(
    number: int,
    of: asset.Asset | None = None,
    *,
    rule_id: str = "shift-not-null",
    level: words.Level = words.Level.orange,
    verdict: finding.Verdict = "violated",
    book: str = BOOK,
) -> finding.Finding:
    return finding.Finding(
        rule=ref(rule_id, level, book),
        verdict=verdict,
        level=level,
        place=finding.Place(table="班次", keys={"row": number}, start_s=float(number)),
        message=i18n.Text(zh=f"第 {number} 行的班次为空", en=f"row {number} has no shift"),
        measured={"bad": 1},
        evidence=(evidence.Rows(asset=(of or thing()).sha256, table="班次", rows=(number,), total=1),),
    )


def report(
    of: asset.Asset,
    findings: tuple[finding.Finding, ...] = (),
    *,
    score: float = 0.9,
    not_judged: tuple[finding.NotJudged, ...] = (),
    book: str = BOOK,
    created: datetime.datetime = BEGAN,
) -> document.Report:
    return document.Report(
        title=i18n.Text(zh="质量报告", en="Quality report"),
        created=created,
        synthetic=of.synthetic,
        asset=of,
        findings=findings,
        scorecard=scorecard.Scorecard(
            scores=(
                scorecard.Score(dimension="completeness", metric="share", value=score, threshold=0.95, passed=False),
            )
        ),
        produced_by=(words.Producer(name="shifts", version="1.0", sha256=book),),
        not_judged=not_judged,
    )

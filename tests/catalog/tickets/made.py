"""Findings, subjects and policies for the tickets' tests."""

from __future__ import annotations

from taihang.catalog.tickets import policy, words
from taihang.core import evidence, finding, i18n, ids
from taihang.core import rule as core
from taihang.core import words as levels

BOOK = ids.digest(b"book 1")
POLICY = """
taihang: tickets/1
id: plant
version: "3"
title: {zh: 策略, en: policy}
due: {red: 4h, orange: 24h, yellow: {within: 8h, counting: working}}
domains: {dispatch: li}
rotas:
  night: {people: [ann, bo, cy], turn: week, starts: "2026-01-05T08:00:00", zone: Asia/Shanghai}
channels:
  ops: {kind: webhook, url: "https://hooks.example.com/x", secret: "env:HOOK"}
entries:
  - {id: toys, match: {assets: ["toy*"]}, ticket: false}
  - {id: places, match: {rules: ["gap-*"]}, group: place, owner: {rota: night}}
  - {id: whole, match: {tags: ["urgent"]}, group: asset, owner: {fixed: zoe}, notify: [ops], quarantine: true}
  - {id: rest, match: {level: blue}, owner: {asset: true, domain: true}, quarantine: true}
"""


def version(name: object) -> str:
    """A content hash."""
    return ids.digest(str(name).encode())


def subject(number: int = 1, asset: str = "orders", **more: object) -> words.Subject:
    """A version of an asset."""
    return words.Subject.model_validate(
        {"asset": asset, "version": version(f"{asset} {number}"), "number": number, **more}
    )


def found(
    rule: str = "no-null",
    level: str = "orange",
    *,
    rows: tuple[int, ...] = (3, 5),
    book: str = BOOK,
    keys: dict[str, str] | None = None,
    span: tuple[float, float] | None = None,
    verdict: finding.Verdict = "violated",
) -> finding.Finding:
    """A finding."""
    ref = core.RuleRef(
        id=rule,
        title=i18n.Text(zh=f"规则 {rule}", en=f"Rule {rule}"),
        level=levels.Level(level),
        dimension="completeness",
        rulebook="tables",
        rulebook_version="1",
        rulebook_sha256=book,
    )
    start, end = span or (None, None)
    proof = evidence.Rows(asset="0" * 64, table="orders", rows=rows, total=len(rows))
    return finding.Finding(
        rule=ref,
        verdict=verdict,
        level=levels.Level(level),
        place=finding.Place(table="orders", keys=dict(keys or {}), start_s=start, end_s=end),
        message=i18n.Text(zh="坏", en="bad"),
        evidence=() if span else (proof,),
    )


def rules(text: str = POLICY) -> policy.Loaded:
    """The policy."""
    return policy.loads(text.encode(), "plant.tickets.yaml")


def rerun(
    number: int, *, judged: int = 10, findings: tuple[finding.Finding, ...] = (), rule: str = "no-null"
) -> words.Rerun:
    """What re-running said."""
    book = levels.Producer(name="tables", version="1", sha256=BOOK)
    return words.Rerun(
        version=version(f"orders {number}"), number=number, judged={rule: judged}, findings=findings, rulebooks=(book,)
    )

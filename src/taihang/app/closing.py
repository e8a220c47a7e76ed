"""Closing: a fix is verified by running just its rules on the new version, and each later version is checked again."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from taihang.app import home, inspect
from taihang.catalog.tickets import desk, policy, words
from taihang.core import errors, finding, i18n, ids
from taihang.core import words as core
from taihang.data.quality import assessment, changes, history, recheck, target, verdicts
from taihang.engines.predict import loading
from taihang.rules import lock, rulebook
from taihang.use.video import story, walk

Path_ = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    """The version to judge: a table's or a video's sources, the rulebook, and what else decides the verdict.

    `number` orders versions where somebody counts them.
    """

    sources: tuple[str, ...]
    rules: Path_
    number: int | None = None
    as_of: datetime.datetime | None = None
    budget: str | float = "2%"
    detector: str = "builtin"


@dataclasses.dataclass(frozen=True, slots=True)
class Regression:
    """What an asset's suite says of a version: rules that hold, are broken, or were not judged; and their tickets."""

    version: str
    held: tuple[str, ...]
    broken: tuple[str, ...]
    unjudged: tuple[str, ...]
    opened: words.Opened

    @property
    def exit_code(self) -> int:
        """0 when every rule of the suite was judged and holds, else 1."""
        return 1 if self.broken or self.unjudged else 0


def verify(at: desk.Desk, ident: str, on: Version, *, expected_version: int | None = None) -> words.Card:
    """Run a resolved ticket's rules on a new version, its own rows first where they have keys; see Desk.verify.

    Raises errors.UserError for sources and rules that cannot be used, errors.Conflict as Desk.verify does.
    """
    marked = at.marks(ident)

    def rerun(card: words.Card) -> words.Rerun:
        book = _book(on.rules)
        names = [r.rule for r in card.rules if r.rulebook == book.id]
        if card.kind == "video":
            return _film(on, book, names)
        by_table: dict[str, dict[str, pa.Table]] = {}
        for mark in marked:
            if mark.kind == "rows":
                by_table.setdefault(mark.table, {})[mark.rule] = mark.data
        return _tables(on, book, names, by_table)

    return at.verify(ident, rerun, expected_version=expected_version)


def regress(at: desk.Desk, asset: str, on: Version, rules: policy.Loaded) -> Regression:
    """Judge a version by the asset's suite: each rule that a verified ticket stood for. What is broken reopens it.

    A rule of the suite that the rulebook lacks, or that judged nothing, is a failure of the suite too.
    """
    suite = at.suite(asset)
    book = _book(on.rules)
    names = [c.rule for c in suite if c.rulebook == book.id]
    cards = [at.get(ident) for ident in dict.fromkeys(c.ticket for c in suite)]
    film = any(card.kind == "video" for card in cards)
    found = _film(on, book, names) if film else _tables(on, book, names, {})
    broken = {f.rule.id for f in found.findings if f.verdict == "violated"}
    unsure = {f.rule.id for f in found.findings if f.verdict == "insufficient"}
    subject = words.Subject(
        asset=asset,
        kind="video" if film else "table",
        version=found.version,
        number=on.number,
        domain=next((c.domain for c in cards if c.domain), ""),
    )
    came = at.open_by_policy(found.findings, rules, subject, rows=found.rows)
    all_names = [c.rule for c in suite]
    unjudged = [n for n in all_names if n not in broken and (n in unsure or not found.judged.get(n))]
    held = [n for n in all_names if n not in broken and n not in unjudged]
    return Regression(found.version, tuple(held), tuple(n for n in all_names if n in broken), tuple(unjudged), came)


def _book(rules: Path_) -> rulebook.Rulebook:
    book = rulebook.load(rules)
    if Path(rules).is_file():
        lock.check(Path(rules), book)
    return book


def _producers(book: rulebook.Rulebook) -> tuple[core.Producer, ...]:
    return (core.Producer(name=book.id, version=book.version, sha256=book.sha256),)


def _tables(
    on: Version, book: rulebook.Rulebook, names: Sequence[str], marked: Mapping[str, Mapping[str, pa.Table]]
) -> words.Rerun:
    targets = target.open_all(on.sources)
    digests = {name: one.source.digest() for name, one in targets.items()}
    version = next(iter(digests.values()))[0]
    if len(digests) > 1:
        version = ids.digest_json([[n, *h] for n, h in digests.items()])
    hashes = {name: sha256 for name, (sha256, _) in digests.items()}
    small = recheck.only(book, names)
    columns = {t: [c for c in next(iter(some.values())).schema.names if c != "row"] for t, some in marked.items()}
    told: dict[str, core.Scalar] = {}
    for table, some in marked.items():
        first = _first(small, targets.get(table), some)
        if first is None:
            continue
        told |= {"first_asked": first.asked, "first_found": first.found}
        if first.broken:
            told |= {"stopped": "ticket rows"}
            return _rerun(first.assessment, book, version, hashes, on, columns, told)
    if not small.rules:
        return words.Rerun(version, {}, on.number, rulebooks=_producers(book))
    found = assessment.assess(small, targets, as_of=on.as_of)
    name = ", ".join(f"{n}={Path(one.source.name).name}" for n, one in targets.items())
    found, _ = changes.judged(found, history.History(home.folder() / "quality" / "history").earlier(name))
    return _rerun(found, book, version, hashes, on, columns, told)


def _first(small: rulebook.Rulebook, on: target.Target | None, marked: Mapping[str, pa.Table]) -> recheck.First | None:
    """The ticket's own rows, judged first, when they have keys and one bad row is enough."""
    if on is None:
        return None
    own = recheck.row_rules(small, on.name)
    keys = recheck.wanted([data for rule, data in marked.items() if rule in {c.rule.id for c in own.rules}])
    return recheck.first(own, on, keys) if keys is not None else None


def _rerun(  # noqa: PLR0917 - what was judged, and all that names it
    found: assessment.Assessment,
    book: rulebook.Rulebook,
    version: str,
    hashes: Mapping[str, str],
    on: Version,
    columns: Mapping[str, Sequence[str]],
    told: Mapping[str, core.Scalar],
) -> words.Rerun:
    rows = {
        (o.compiled.rule.table, o.compiled.rule.id): words.Bad(
            recheck.keyed(found.targets[o.compiled.rule.table], o.rows, columns.get(o.compiled.rule.table, ())),
            complete="stopped" not in told,
        )
        for o in found.outcomes
        if len(o.rows)
    }
    unread = _unread(found)
    return words.Rerun(
        version=version,
        judged={o.compiled.rule.id: 0 if o.compiled.rule.id in unread else o.judged for o in found.outcomes},
        number=on.number,
        findings=verdicts.findings(found, hashes, {}),
        not_judged=(*verdicts.not_judged(found), *unread.values()),
        rulebooks=_producers(book),
        rows=rows,
        told=told,
    )


def _unread(found: assessment.Assessment) -> dict[str, finding.NotJudged]:
    """Rules that hold on what was read of a table, while some of it could not be: that proves no fix."""
    told = {}
    for outcome in found.outcomes:
        rule, source = outcome.compiled.rule, found.targets[outcome.compiled.rule.table].source
        if source.faults.lost and not outcome.broken:
            values = {"table": rule.table, "lost": source.faults.rows_lost}
            reason = i18n.Message(key="app:tickets.unread", values=values).both()
            told[rule.id] = finding.NotJudged(
                subject="rule", rule=rule.id, title=rule.title, reason=reason, code="unread"
            )
    return told


def _film(on: Version, book: rulebook.Rulebook, names: Sequence[str]) -> words.Rerun:
    if len(on.sources) != 1:
        raise errors.UserError("app:tickets.one_video")
    request = walk.Request(
        path=Path(on.sources[0]),
        book=recheck.only(book, names),
        predictor=loading.load(on.detector),
        budget=inspect.share(on.budget),
        home=home.folder(),
    )
    walked = walk.walk(request)
    report, _ = story.tell(walked)
    return words.Rerun(
        version=report.asset.sha256,
        judged={rule: counts.judged for rule, counts in walked.judgement.counts.items()},
        number=on.number,
        findings=report.findings,
        not_judged=report.not_judged,
        rulebooks=_producers(book),
    )

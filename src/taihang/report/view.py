"""The reading order of findings: numbered, grouped by rule, and cut where a reader stops reading."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Mapping

from taihang.core import evidence as proof
from taihang.core import finding as findings
from taihang.core import rule as rules
from taihang.core import words
from taihang.report import document, sections

# A court file of more pages is not read; everything is in the JSON, and the report says so.
MOST_CARDS = 120
MOST_CARDS_A_GROUP = 20
MOST_ROWS = 1000
MOST_PICTURES = 9
MOST_CLIPS = 3
MOST_OTHERS = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A finding with its number in the report and its sampled rows."""

    number: int
    id: str
    finding: findings.Finding
    tables: tuple[sections.Table, ...] = ()

    @property
    def pictures(self) -> tuple[proof.Frame, ...]:
        """The first frames, in the order of the evidence."""
        return tuple(e for e in self.finding.evidence if isinstance(e, proof.Frame))[:MOST_PICTURES]

    @property
    def clips(self) -> tuple[proof.Span, ...]:
        """The first time spans, in the order of the evidence."""
        return tuple(e for e in self.finding.evidence if isinstance(e, proof.Span))[:MOST_CLIPS]

    @property
    def others(self) -> tuple[proof.Rows | proof.Clause | proof.Entry, ...]:
        """The first evidence that is read and not looked at."""
        return tuple(e for e in self.finding.evidence if not isinstance(e, (proof.Frame, proof.Span)))[:MOST_OTHERS]

    @property
    def unshown(self) -> int:
        """Evidence that is in the JSON only."""
        return len(self.finding.evidence) - len(self.pictures) - len(self.clips) - len(self.others)


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """Findings of one rule, verdict and level: some in full, some as rows, the rest only counted."""

    rule: rules.RuleRef
    verdict: findings.Verdict
    level: words.Level
    total: int
    full: tuple[Entry, ...]
    rows: tuple[Entry, ...]

    @property
    def hidden(self) -> int:
        """How many are in the JSON only."""
        return self.total - len(self.full) - len(self.rows)


@dataclasses.dataclass(frozen=True, slots=True)
class Unjudged:
    """What was not judged for one reason: a rule, or time spans as (start, end) in seconds."""

    item: findings.NotJudged
    spans: tuple[tuple[float | None, float | None], ...]

    @property
    def seconds(self) -> float:
        """How long the spans are together, where both ends are known."""
        return sum(end - start for start, end in self.spans if start is not None and end is not None)


@dataclasses.dataclass(frozen=True, slots=True)
class Tally:
    """The verdict at one glance."""

    violated: Mapping[words.Level, int]
    insufficient: int
    rules_not_judged: int
    spans_not_judged: int

    @property
    def total(self) -> int:
        """Violations: what is of level info tells of an event, and is none."""
        return sum(self.violated.values()) - self.events

    @property
    def events(self) -> int:
        """Findings of level info."""
        return self.violated[words.Level.info]

    @property
    def grave(self) -> int:
        """Violations of the two gravest levels."""
        return self.violated[words.Level.red] + self.violated[words.Level.orange]


def tally(report: document.Report) -> Tally:
    """Counts by level, of insufficient evidence, and of what was not judged."""
    counts = collections.Counter(f.level for f in report.findings if f.verdict == "violated")
    subjects = collections.Counter(n.subject for n in report.not_judged)
    return Tally(
        violated={level: counts[level] for level in words.Level},
        insufficient=sum(f.verdict == "insufficient" for f in report.findings),
        rules_not_judged=subjects["rule"],
        spans_not_judged=subjects["span"],
    )


def groups(
    report: document.Report, cards: int = MOST_CARDS, cards_a_group: int = MOST_CARDS_A_GROUP, rows: int = MOST_ROWS
) -> tuple[Group, ...]:
    """Findings in the report's order, which is also the order of importance."""
    tables = collections.defaultdict(list)
    for section in report.sections:
        if isinstance(section, sections.Table) and section.finding is not None:
            tables[section.finding].append(section)
    entries = [Entry(i, f.id, f, tuple(tables[f.id])) for i, f in enumerate(report.findings, 1)]
    result = []
    for (verdict, level, _), members in itertools.groupby(entries, _group_key):
        listed = list(members)
        full = listed[: min(cards, cards_a_group)]
        short = listed[len(full) : len(full) + rows]
        cards, rows = cards - len(full), rows - len(short)
        result.append(Group(listed[0].finding.rule, verdict, level, len(listed), tuple(full), tuple(short)))
    return tuple(result)


def unjudged(report: document.Report) -> tuple[Unjudged, ...]:
    """What was not judged, one entry a reason, in the order in which the reasons first appear."""
    gathered: dict[findings.NotJudged, list[tuple[float | None, float | None]]] = {}
    for item in report.not_judged:
        reason = item.model_copy(update={"start_s": None, "end_s": None})
        spans = gathered.setdefault(reason, [])
        if item.start_s is not None or item.end_s is not None:
            spans.append((item.start_s, item.end_s))
    return tuple(Unjudged(item, tuple(spans)) for item, spans in gathered.items())


def _group_key(entry: Entry) -> tuple[findings.Verdict, words.Level, rules.RuleRef]:
    return entry.finding.verdict, entry.finding.level, entry.finding.rule

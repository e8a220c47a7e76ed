"""What the forms on paper say, in their order: Word, PDF and Markdown are pages that it is said to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from taihang.core import evidence as proof
from taihang.report import attachments, charts, document, phrases, plain, sections, timeline, view

# A draft is edited by hand: fewer findings in full than on screen.
_MOST_CARDS = 60
_MOST_ROWS = 300
_MOST_PICTURES = 4


class Page(Protocol):
    """What a form can write, from top to bottom; it makes every text safe for itself."""

    def running(self, header: str, footer: str) -> None:
        """A line above and below every page."""

    def heading(self, text: str, level: int) -> None:
        """A heading; level 0 is the title."""

    def text(
        self, text: str, *, bold: bool = False, grey: bool = False, size: float | None = None, keep: bool = False
    ) -> None:
        """A paragraph; `keep` holds it on one page with what follows."""

    def framed(self, title: str, text: str) -> None:
        """A paragraph inside a heavy frame."""

    def quote(self, text: str) -> None:
        """An indented paragraph."""

    def bullets(self, texts: Sequence[str]) -> None:
        """A list."""

    def pairs(self, pairs: Sequence[tuple[str, str]], *, label_mm: float = 32, keep: bool = False) -> None:
        """Labels and values."""

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float]) -> None:
        """A table; `shares` are the widths of its columns."""

    def pictures(self, pictures: Sequence[tuple[bytes | None, str, Sequence[tuple[str, str]]]]) -> None:
        """Pictures, each with a caption and lines of (what a hash covers, the hash)."""

    def chart(self, chart: charts.Chart) -> None:
        """A chart, drawn or listed."""

    def lines(self, labels: Sequence[str], across: int = 2) -> None:
        """Lines to write on."""


class Draft:
    """A report said to a page, top to bottom; pictures while they fit into `room` bytes."""

    def __init__(
        self, report: document.Report, files: attachments.Attachments, page: Page, said: phrases.Phrases, room: int
    ) -> None:
        self.report, self.files, self.page, self.said, self.room = report, files, page, said, room

    def build(self) -> None:
        """Write all of it."""
        self._head()
        own = self.report.form == "report"
        if own:
            self._glance()
            self._asset()
        free = [s for s in self.report.sections if not (isinstance(s, sections.Table) and s.finding is not None)]
        for section in free:
            if isinstance(section, (sections.Facts, *charts.CHARTS)):
                self._section(section)
        if own:
            self._findings()
        for section in free:
            if not isinstance(section, (sections.Facts, timeline.Timeline, *charts.CHARTS)):
                self._section(section)
        self._not_judged()
        self._closing()

    def _head(self) -> None:
        said, page, report = self.said, self.page, self.report
        title = said.say(report.title)
        mark = f"{said.t('synthetic.title')} · " if report.synthetic else ""
        page.running(f"{mark}{plain.short(title, said.language, 80)}", f"{said.footing(report)} · {report.asset.id}")
        page.heading(title, 0)
        page.text(said.standing(report), grey=True)
        page.text(f"{said.t('created')} {plain.moment(report.created)}", grey=True)
        if report.synthetic:
            page.framed(said.t("synthetic.title"), said.t("synthetic.text"))

    def _glance(self) -> None:
        said, page = self.said, self.page
        tally = view.tally(self.report)
        page.heading(said.t("glance.title"), 1)
        found = said.t("glance.found", count=tally.total, grave=tally.grave) if tally.total else said.t("glance.none")
        spans = said.t("glance.spans", count=tally.spans_not_judged) if tally.spans_not_judged else ""
        events = said.t("glance.events", count=tally.events) if tally.events else ""
        page.text(" ".join(part for part in (found, events, spans) if part), bold=True)
        counts = [(said.level(level), str(count)) for level, count in tally.violated.items()]
        counts += [
            (said.t("glance.insufficient"), str(tally.insufficient)),
            (said.t("glance.not_judged"), str(tally.rules_not_judged)),
        ]
        page.table([name for name, _ in counts], [[count for _, count in counts]], [1] * len(counts))

    def _asset(self) -> None:
        said, asset = self.said, self.report.asset
        self.page.heading(said.t("asset.title"), 1)
        size = said.t("asset.bytes", size=plain.size(asset.size), count=plain.number(asset.size))
        pairs = [
            (said.t("asset.name"), said.value(asset.name)),
            (said.t("asset.kind"), f"{said.t(f'kind.{asset.kind}')} {said.value(asset.media_type)}"),
            (said.t("asset.size"), size),
            (said.t("asset.sha256"), asset.sha256),
        ]
        if asset.owner:
            pairs.append((said.t("asset.owner"), said.value(asset.owner)))
        self.page.pairs(pairs)

    def _findings(self) -> None:
        said, page = self.said, self.page
        page.heading(said.t("findings.title"), 1)
        groups = view.groups(self.report, cards=_MOST_CARDS, rows=_MOST_ROWS)
        if not groups:
            page.text(said.t("findings.none"))
        full, rows = sum(len(g.full) for g in groups), sum(len(g.rows) for g in groups)
        hidden = len(self.report.findings) - full - rows
        if rows or hidden:
            page.text(said.t("findings.cut", total=len(self.report.findings), full=full, rows=rows, hidden=hidden))
        for group in groups:
            self._group(group)

    def _group(self, group: view.Group) -> None:
        said, page, rule = self.said, self.page, group.rule
        verdict = f" · {said.core('verdict.insufficient')}" if group.verdict == "insufficient" else ""
        page.heading(f"[{said.level(group.level)}{verdict}] {said.say(rule.title)} × {group.total}", 2)
        line = (
            f"{said.t('finding.rule')} {rule.id} · {said.t('finding.rulebook')} {said.value(rule.rulebook)} "
            f"{said.value(rule.rulebook_version)} · {said.t('finding.dimension')} {said.dimension(rule.dimension)}"
        )
        clause = rule.clause
        if clause is None:
            page.text(f"{line} · {said.t('clause.none')}", grey=True, size=9, keep=True)
        else:
            page.text(line, grey=True, size=9, keep=True)
            dated = said.t("clause.effective", date=clause.effective.isoformat())
            if clause.superseded:
                dated += f" · {said.t('clause.superseded', date=clause.superseded.isoformat())}"
            page.quote(f"{said.t('clause.title')} {said.clause(clause)} ({dated})")
            page.quote(plain.short(clause.text, said.language, 4 * plain.LONGEST))
        for entry in group.full:
            self._finding(entry)
        if group.rows:
            page.table(
                [said.t("finding.number"), said.t("finding.time"), said.t("finding.place"), said.t("finding.message")],
                [
                    [str(e.number), _when(e) or "–", self._place(e) or "–", said.say(e.finding.message)]
                    for e in group.rows
                ],
                [1, 2.4, 2.6, 6],
            )
        if group.hidden:
            page.text(said.t("findings.hidden", count=group.hidden), grey=True)

    def _finding(self, entry: view.Entry) -> None:
        said, page, found = self.said, self.page, entry.finding
        heading = [said.t("finding.heading", number=entry.number), _when(entry), said.length(found.place)]
        page.heading("  ".join(part for part in heading if part), 3)
        page.text(said.say(found.message), keep=True)
        measured = "; ".join(f"{name} = {value}" for name, value in said.measured(found))
        pairs = [
            (said.t("finding.place"), self._place(entry)),
            (said.t("finding.measured"), measured),
            (said.t("finding.confidence"), said.confidence(found.confidence)),
            (said.t("finding.produced_by"), said.makers(found)),
            (said.t("finding.id"), entry.id),
        ]
        page.pairs([pair for pair in pairs if pair[1]], keep=bool(entry.pictures))
        page.pictures([self._shown(one) for one in entry.pictures[:_MOST_PICTURES]])
        for clip in entry.clips:
            text = said.t("clip.caption", time=plain.span(clip.start_s, clip.end_s))
            beside = said.t("clip.paper", name=clip.file) if clip.file else said.t("clip.missing")
            page.text(f"{text} · {beside}", size=9)
            self._hashes(clip.digests, clip.file)
        for other in entry.others:
            page.text(said.pointer(other), size=9)
            if not isinstance(other, proof.Entry) and other.digest is not None:
                self._hashes([other.digest], None)
        unshown = entry.unshown + max(0, len(entry.pictures) - _MOST_PICTURES)
        if unshown:
            page.text(said.t("finding.unshown", count=unshown), grey=True, size=9)
        for table in entry.tables:
            self._table(table, 0)

    def _shown(self, frame: proof.Frame) -> tuple[bytes | None, str, list[tuple[str, str]]]:
        said = self.said
        hashes = [(said.covers(d, frame.file), d.sha256) for d in frame.digests]
        return self._picture(frame.file), said.frame(frame), hashes

    def _picture(self, name: str | None) -> bytes | None:
        """A picture's bytes while there is room; Word reads JPEG and PNG."""
        if name is None or name not in self.files:
            return None
        readable = self.files.media_type(name) in ("image/jpeg", "image/png")
        size = self.files.size(name)
        if not readable or size > self.room:
            return None
        self.room -= size
        return self.files.read(name)

    def _hashes(self, digests: Iterable[proof.Digest], own: str | None) -> None:
        for digest in digests:
            self.page.text(f"{self.said.covers(digest, own)} {digest.sha256}", size=8, grey=True)

    def _place(self, entry: view.Entry) -> str:
        keys = entry.finding.place.keys
        return "; ".join(f"{self.said.value(name)}: {self.said.value(value)}" for name, value in keys.items())

    def _section(self, section: sections.Section) -> None:
        said, page = self.said, self.page
        if isinstance(section, sections.Table):
            self._table(section, 1)
            return
        page.heading(said.say(section.title), 1)
        if isinstance(section, sections.Facts):
            self._facts(section.items)
        elif isinstance(section, sections.Coverage):
            self._coverage(section)
        elif isinstance(section, sections.Gallery):
            page.pictures(
                [
                    (
                        self._picture(p.file),
                        said.say(p.caption),
                        [(said.covers(d, p.file), d.sha256) for d in p.digests],
                    )
                    for p in section.pictures
                ]
            )
        elif isinstance(section, charts.CHARTS):
            page.chart(section)
            if section.note:
                page.text(said.say(section.note), grey=True, size=9)
        elif isinstance(section, sections.Notes):
            for text in section.paragraphs:
                page.text(said.say(text))

    def _facts(self, facts: Iterable[sections.Fact]) -> None:
        said = self.said
        pairs = []
        for fact in facts:
            note = f"  {said.say(fact.note)}" if fact.note else ""
            pairs.append((said.say(fact.label), f"{said.value(fact.value)} {said.value(fact.unit)}".strip() + note))
        self.page.pairs(pairs, label_mm=48)

    def _coverage(self, section: sections.Coverage) -> None:
        said = self.said
        rows = [[said.t("coverage.seen"), _amount(section.seen), plain.share(section.seen, section.total), ""]]
        for part in section.shares:
            spans = f"{said.t('coverage.spans')} {part.spans}" if part.spans is not None else ""
            why = " · ".join(text for text in (said.say(part.note) if part.note else "", spans, part.code) if text)
            rows.append([said.say(part.label), _amount(part.amount), plain.share(part.amount, section.total), why])
        rows.append([said.t("coverage.total"), _amount(section.total), "", ""])
        amount = f"{said.t('coverage.amount')} ({said.unit(section.unit)})"
        head = [said.t("coverage.what"), amount, said.t("coverage.share"), said.t("coverage.why")]
        self.page.table(head, rows, [3, 2, 1.5, 5])
        if section.overlapping:
            self.page.text(said.t("coverage.overlapping"), grey=True)
        self._facts(section.facts)

    def _table(self, table: sections.Table, level: int) -> None:
        said, page = self.said, self.page
        title = said.say(table.title)
        if level:
            page.heading(title, level)
        sampled = said.sampled(table)
        page.text(f"{'' if level else title + ' '}{sampled}".strip(), grey=True, size=9)
        head = [f"{said.say(c.label)} {said.value(c.unit)}".strip() for c in table.columns]
        rows = [[said.value(cell) for cell in row] for row in table.rows[:_MOST_ROWS]]
        if head:
            page.table(head, rows, _widths(head, rows))
        if len(table.rows) > _MOST_ROWS:
            page.text(said.t("rows.cut", shown=_MOST_ROWS, total=len(table.rows)), grey=True)

    def _not_judged(self) -> None:
        said, page = self.said, self.page
        page.heading(said.t("not_judged.title"), 1)
        entries = view.unjudged(self.report)
        if not entries:
            page.text(said.t("not_judged.none"))
            return
        page.text(said.t("not_judged.lead"), keep=True)
        rows = []
        for entry in entries[:_MOST_ROWS]:
            one = entry.item
            subject = " ".join(
                part for part in (said.say(one.title) if one.title else "", said.value(one.rule or "")) if part
            )
            rows.append([subject or "–", f"{said.say(one.reason)} ({said.value(one.code)})", said.spans(entry)])
        head = [said.t("not_judged.subject"), said.t("not_judged.reason"), said.t("finding.time")]
        page.table(head, rows, [3, 4, 4])
        if len(entries) > _MOST_ROWS:
            page.text(said.t("not_judged.cut", shown=_MOST_ROWS, count=len(entries)), grey=True)

    def _closing(self) -> None:
        said, page, report = self.said, self.page, self.report
        if report.limits:
            page.heading(said.t("limits.title"), 1)
            page.bullets([said.say(text) for text in report.limits])
        if report.scorecard.scores:
            page.heading(said.t("scorecard.title"), 1)
            names = ("dimension", "metric", "value", "threshold", "passed", "standing")
            scores = report.scorecard.scores[:_MOST_ROWS]
            rows = [
                [
                    said.dimension(s.dimension),
                    said.metric(s),
                    said.amount(s.value, s.unit),
                    said.amount(s.threshold, s.unit),
                    said.passed(s.passed, s.threshold),
                    said.t(f"scorecard.{s.standing}"),
                ]
                for s in scores
            ]
            page.table([said.t(f"scorecard.{name}") for name in names], rows, [2, 3, 2.4, 1.3, 1.6, 1.8])
        page.heading(said.t("produced.title"), 1)
        makers = [[said.value(p.name), said.value(p.version), p.sha256 or "–"] for p in report.produced_by]
        page.table([said.t("produced.name"), said.t("produced.version"), "SHA-256"], makers, [3, 2, 6])
        page.heading(said.t("verify.title"), 1)
        page.text(said.t("verify.text"))
        file = said.t("verify.file")
        commands = [
            ("all", "sha256sum -c SHA256SUMS"),
            ("asset", f"sha256sum {file}"),
            ("mac", f"openssl dgst -sha256 {file}"),
            ("windows", f"certutil -hashfile {file} SHA256"),
        ]
        page.pairs([(said.t(f"verify.{key}"), command) for key, command in commands], label_mm=70)
        if report.form == "report":
            page.heading(said.t("sign.title"), 1)
            page.text(said.t("sign.text"))
            page.lines([said.t("sign.opinion")], across=1)
            page.lines([said.t(f"sign.{key}") for key in ("inspector", "number", "second", "date")])
        queries = [s for s in report.scorecard.scores[:_MOST_ROWS] if s.query]
        if queries:
            page.heading(said.t("queries.title"), 1)
            page.text(said.t("queries.text"), grey=True, size=9)
            for score in queries:
                page.text(f"{said.metric(score)}: {said.value(score.query)}", size=8, grey=True)


def _widths(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[float]:
    """Shares of a table's width by the longest text of each column; a Han character counts twice."""
    texts = [[head[n], *(row[n] for row in rows[:50])] for n in range(len(head))]
    return [min(30, max(4, *(sum(1 + (ord(c) > 0x2E7F) for c in text[:40]) for text in own))) for own in texts]


def _when(entry: view.Entry) -> str:
    return plain.span(entry.finding.place.start_s, entry.finding.place.end_s)


def _amount(value: float) -> str:
    return plain.number(round(value, 1))

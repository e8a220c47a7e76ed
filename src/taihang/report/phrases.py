"""Phrases: the core words said in one language, the same in every form of the report."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
from typing import Any

from taihang.core import evidence as proof
from taihang.core import finding as findings
from taihang.core import i18n, words
from taihang.core import rule as rules
from taihang.core import scorecard as scores
from taihang.report import document, plain, sections, view

_MOST_ROW_NUMBERS = 20
_MOST_LABELS = 8
_MOST_SPANS = 60


@dataclasses.dataclass(frozen=True, slots=True)
class Phrases:
    """Says things in `language`."""

    language: i18n.Language

    def t(self, key: str, **values: Any) -> str:
        """A text of the report's own catalogue."""
        return i18n.text(f"report:{key}", self.language, **values)

    def standing(self, report: document.Report) -> str:
        """The line above a report: a draft until somebody signs, or the readable form of what is signed."""
        return self.t("certified" if report.form == "certificate" else "draft")

    def footing(self, report: document.Report) -> str:
        """The same on every page, in short."""
        return self.t("certified_short" if report.form == "certificate" else "draft_short")

    def core(self, key: str) -> str:
        """A text of the core catalogue."""
        return i18n.text(f"core:{key}", self.language)

    def say(self, text: i18n.Text) -> str:
        """A text on one line."""
        return plain.short(text.in_(self.language), self.language, 4 * plain.LONGEST)

    def value(self, value: i18n.Text | words.Scalar) -> str:
        """A text or a plain value."""
        return self.say(value) if isinstance(value, i18n.Text) else plain.scalar(value, self.language)

    def level(self, level: words.Level) -> str:
        """The name of a level."""
        return self.core(f"level.{level}")

    def dimension(self, dimension: str) -> str:
        """The name of a dimension, or its own word when the catalogue lacks it."""
        return self._known(f"dimension.{dimension}") or plain.short(dimension, self.language, 60)

    def metric(self, score: scores.Score) -> str:
        """What a number is called."""
        known = self._known(f"metric.{score.metric}")
        if known:
            return known
        first, _, rule = score.metric.partition(".")
        shown = plain.short(score.metric, self.language, 120)
        return self.t("metric.of_rule", rule=plain.short(rule, self.language, 110)) if first == "rule" else shown

    def amount(self, value: float | None, unit: str) -> str:
        """A number with its unit; a share as a percentage of what it is of."""
        known = self._known(f"unit.{unit.replace(' ', '_')}")
        if value is not None and unit.startswith("share of "):
            return f"{plain.percent(value)} {known or unit}"
        return f"{self.value(value)} {known or unit}".strip() if value is not None else "–"

    def measured(self, found: findings.Finding) -> list[tuple[str, str]]:
        """Names and values of what a finding measured."""
        own = found.measured.items()
        return [(self._known(f"measured.{n}") or self.value(n), self._measure(n, v)) for n, v in own]

    def _measure(self, name: str, value: words.Scalar) -> str:
        if name == "share" and isinstance(value, (int, float)):
            return plain.percent(value)
        if name.endswith("_s") and isinstance(value, (int, float)):
            return plain.clock(value)
        if name in {"as_of", "newest"} and isinstance(value, str):
            with contextlib.suppress(ValueError):
                return plain.moment(datetime.datetime.fromisoformat(value))
        return self.value(value)

    def _known(self, key: str) -> str | None:
        both = i18n.catalogue("report").get(key)
        return both[self.language] if both else None

    def boxes(self, frame: proof.Frame) -> str:
        """What is marked on a frame: labels with how often each. Raw scores are never shown."""
        none = self.t("frame.unlabelled")
        marked = [one.label for one in frame.boxes] + [one.label for one in frame.outlines]
        labels = collections.Counter(plain.short(label, self.language, 60) or none for label in marked)
        common = labels.most_common(_MOST_LABELS)
        listed = [f"{label} ×{count}" if count > 1 else label for label, count in common]
        return ("、" if self.language == "zh" else ", ").join(listed) + (" …" if len(labels) > len(common) else "")

    def frame(self, frame: proof.Frame) -> str:
        """The caption of a frame."""
        text = self.t(
            "frame.caption",
            time=plain.clock(frame.time_s, 2),
            number=frame.number,
            width=frame.width,
            height=frame.height,
        )
        marked = self.boxes(frame)
        return f"{text} · {self.t('frame.boxes', boxes=marked)}" if marked else text

    def confidence(self, confidence: findings.Confidence) -> str:
        """A calibrated confidence with its method, or that there is none."""
        if confidence.value is None:
            return self.core("confidence.none")
        return self.t("finding.calibrated", value=f"{confidence.value:.2f}", method=confidence.method)

    def makers(self, found: findings.Finding) -> str:
        """Who produced the evidence of a finding, each once."""
        seen = {(p.name, p.version): None for e in found.evidence for p in e.produced_by}
        return plain.short(", ".join(f"{name} {version}" for name, version in seen), self.language)

    def clause(self, clause: rules.Clause | proof.Clause) -> str:
        """Document and number of a clause."""
        return self.t("clause.cited", document=clause.document, number=clause.number)

    def covers(self, digest: proof.Digest, own: str | None) -> str:
        """Which bytes a hash covers; `own` is the file of the evidence it stands at."""
        if digest.covers == "file":
            return self.t("hash.file", file=digest.file or own or self.t("hash.this_file"))
        return self.t(f"hash.{digest.covers}")

    def pointer(self, one: proof.Rows | proof.Clause | proof.Entry) -> str:
        """Evidence that is read and not looked at."""
        if isinstance(one, proof.Clause):
            return self.clause(one)
        if isinstance(one, proof.Entry):
            return self.t("entry.caption", log=one.log, number=one.number)
        if not one.rows:
            return self.t("rows.whole", table=one.table, total=plain.number(one.total))
        listed = ", ".join(str(n) for n in one.rows[:_MOST_ROW_NUMBERS])
        if one.total > _MOST_ROW_NUMBERS:
            listed = self.t("rows.more", rows=listed)
        return self.t("rows.caption", table=one.table, total=plain.number(one.total), rows=listed)

    def spans(self, entry: view.Unjudged) -> str:
        """How many spans, how long together, and the first of them."""
        times = [plain.span(start, end) for start, end in entry.spans]
        if len(times) < 2:
            return "".join(times) or "–"
        total = self.t("not_judged.spans", count=len(times), time=plain.clock(entry.seconds))
        more = " …" if len(times) > _MOST_SPANS else ""
        return f"{total} {('、' if self.language == 'zh' else ', ').join(times[:_MOST_SPANS])}{more}"

    def unit(self, unit: str) -> str:
        """The unit of a coverage."""
        known = {"s": "seconds", "frames": "frames", "rows": "rows"}
        return self.t(f"coverage.{known[unit]}") if unit in known else plain.short(unit, self.language, 40)

    def sampled(self, table: sections.Table) -> str:
        """How many of how many rows a table shows, or nothing when it shows all."""
        if table.total is None or table.total <= len(table.rows):
            return ""
        return self.t("rows.sample", shown=len(table.rows), total=plain.number(table.total))

    def length(self, place: findings.Place) -> str:
        """How long a place lasts, or nothing when that is not known."""
        if place.start_s is None or place.end_s is None:
            return ""
        return self.t("finding.length", seconds=plain.number(round(place.end_s - place.start_s, 1)))

    def passed(self, passed: bool | None, threshold: float | None) -> str:
        """Whether a threshold was met."""
        if passed is None:
            return "–" if threshold is None else self.t("scorecard.open")
        return self.t("scorecard.pass" if passed else "scorecard.fail")

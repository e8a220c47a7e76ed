"""Telling: what the model said, what it could not judge and why, in the report's own forms."""

from __future__ import annotations

from collections.abc import Sequence

from taihang.core import finding as findings
from taihang.core import i18n
from taihang.engines.predict import speaker
from taihang.report import sections, timeline
from taihang.use.video.understand import reading

_MOST_ROWS = 300
_MOST_SPANS = 200
_SAYS = {True: "yes", False: "no", None: "cannot_tell"}


def _t(key: str, **values: object) -> i18n.Text:
    return i18n.Message(key=f"use.video:{key}", values=values).both()


def limits(understood: reading.Understood) -> tuple[i18n.Text, ...]:
    """What such a model is known not to do."""
    own = ("invents", "frames", "uncalibrated", "injection")
    return (*(_t(f"vlm.limit.{name}") for name in own), *(m.both() for m in understood.asked.model.limits))


def not_judged(understood: reading.Understood) -> list[findings.NotJudged]:
    """Each span that gave nothing, and each question that did not count, with its reason; neighbours are one span.

    Of many the longest stand, and one row says how many others there are.
    """
    found: list[findings.NotJudged] = []
    for one in understood.answers:
        start, end = round(one.window.start_s, 3), round(one.window.end_s, 3)
        if one.judged.outcome != "ok":
            reason = _t(f"vlm.outcome.{one.judged.outcome}")
            found.append(_span(f"vlm-{one.judged.outcome}", _t("vlm.not_judged", reason=reason), start, end))
        for question, why in one.judged.dropped:
            reason = _t("vlm.question_dropped", question=question, reason=_t(f"vlm.dropped.{why}"))
            found.append(_span(f"vlm-{why}", reason, start, end))
    return shortened(_joined(found), _MOST_SPANS)


def _joined(found: Sequence[findings.NotJudged]) -> list[findings.NotJudged]:
    """Windows in a row that gave nothing for one reason, as one."""
    joined: list[findings.NotJudged] = []
    for one in found:
        last = joined[-1] if joined else None
        if last is not None and last.code == one.code and last.reason == one.reason:
            joined[-1] = last.model_copy(update={"end_s": one.end_s})
        else:
            joined.append(one)
    return joined


def shortened(found: Sequence[findings.NotJudged], most: int) -> list[findings.NotJudged]:
    """At most so many spans, the longest ones, in order; then one row with how many more and how long together."""
    if len(found) <= most:
        return list(found)
    ranked = sorted(range(len(found)), key=lambda place: -_length(found[place]))
    kept, rest = sorted(ranked[:most]), ranked[most:]
    seconds = sum(_length(found[place]) for place in rest)
    more = _t("not_judged_more", count=len(rest), minutes=f"{seconds / 60:.1f}")
    ends = [found[place].start_s for place in rest], [found[place].end_s for place in rest]
    start, end = min(at for at in ends[0] if at is not None), max(at for at in ends[1] if at is not None)
    last = findings.NotJudged(subject="span", reason=more, code="more-spans", start_s=start, end_s=end)
    return [*(found[place] for place in kept), last]


def _length(one: findings.NotJudged) -> float:
    return (one.end_s or 0.0) - (one.start_s or 0.0)


def _span(code: str, reason: i18n.Text, start: float, end: float) -> findings.NotJudged:
    return findings.NotJudged(subject="span", reason=reason, code=code.replace("_", "-"), start_s=start, end_s=end)


def told(understood: reading.Understood) -> tuple[sections.Section, ...]:
    """Who was asked and what came of it; the statements themselves."""
    return (_facts(understood), _statements(understood))


def lane(understood: reading.Understood) -> timeline.Lane:
    """Where the model said yes to something."""
    spans = []
    for one in understood.answers:
        yes = [name for name, seen, _, _ in one.judged.said if seen]
        if yes:
            label = _t("vlm.lane_yes", question=", ".join(yes))
            spans.append(timeline.Span(start_s=one.window.start_s, end_s=one.window.end_s, label=label))
    return timeline.Lane(label=_t("vlm.lane"), kind="state", spans=tuple(spans))


def _facts(understood: reading.Understood) -> sections.Facts:
    model = understood.asked.model
    by = speaker.producer(model)
    usage, outcomes = understood.usage, understood.outcomes()
    kept = sum(one.kept for one in understood.answers)

    def fact(key: str, value: i18n.Text | str | int | float, note: i18n.Text | None = None) -> sections.Fact:
        return sections.Fact(label=_t(f"vlm.fact.{key}"), value=value, note=note)

    version = by.sha256[:12] if by.sha256 else by.version
    items = [
        fact("model", by.name),
        fact("version", version, None if by.sha256 else _t("vlm.fact.version_told")),
        fact("windows", len(understood.answers), _t("vlm.fact.kept", count=kept) if kept else None),
        fact("answered", outcomes.get("ok", 0)),
        *(
            sections.Fact(label=_t(f"vlm.outcome.{name}"), value=count)
            for name, count in sorted(outcomes.items())
            if name != "ok"
        ),
        fact("tokens", usage.prompt + usage.completion, _t("vlm.fact.estimated") if usage.estimated else None),
    ]
    if understood.cost:
        items.append(fact("cost", round(understood.cost, 4)))
    return sections.Facts(title=_t("vlm.title"), items=tuple(items))


def _statements(understood: reading.Understood) -> sections.Table:
    asks = {question.id: question.ask for question in understood.asked.questions}
    rows: list[tuple[sections.Cell, ...]] = []
    # What was seen comes first: a long film has hundreds of noes.
    for wanted in (True, None, False):
        for one in understood.answers:
            for name, seen, frames, text in one.judged.said:
                if seen is wanted:
                    where = f"{_clock(one.window.start_s)}–{_clock(one.window.end_s)}"
                    cited = ", ".join(map(str, frames)) or "–"
                    rows.append((where, asks[name], _t(f"vlm.says.{_SAYS[seen]}"), cited, _quoted(text)))
    columns = ("when", "question", "says", "frames", "words")
    return sections.Table(
        title=_t("vlm.statements"),
        columns=tuple(sections.Column(label=_t(f"vlm.column.{name}")) for name in columns),
        rows=tuple(rows[:_MOST_ROWS]),
        total=len(rows) if len(rows) > _MOST_ROWS else None,
    )


def _quoted(text: str) -> i18n.Text:
    return _t("vlm.quoted", text=text) if text else _t("vlm.no_words")


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"

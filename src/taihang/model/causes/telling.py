"""Telling: what was judged about causes, as sections of a report."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from taihang.core import evidence as proof
from taihang.core import finding as findings
from taihang.core import i18n
from taihang.model.causes import events, judging, paths, statistical
from taihang.report import charts, plain, sections

DRAWN = 14  # links that one picture can hold and be read
_MOST_ROWS = 200
_CHAINS = 6
_SHOWN = 4  # occurrences with pictures


def t(key: str, **values: object) -> i18n.Text:
    """A text of this package in both languages."""
    return i18n.Message(key=f"model.causes:{key}", values=values).both()


def sections_of(judged: judging.Judged, *, doubts: bool = True) -> tuple[sections.Section, ...]:
    """The picture and the chains first, then edges, doubts, single occurrences with frames, and how it was judged.

    Without `doubts` where they are among the findings.
    """
    supported, doubtful = judged.of("supported"), judged.of("insufficient")
    made: list[sections.Section] = [_facts(judged, supported, doubtful)]
    if supported:
        made += [_picture(judged, supported), _chains(judged, supported), _edges(judged, supported)]
        made.append(_occurrences(judged, supported))
        gallery = _gallery(judged, supported)
        made += [gallery] if gallery.pictures else []
    told = [e for e in doubtful if e.confidence is not None]
    if told and doubts:
        made.append(_doubts(judged, told))
    made.append(_how(judged))
    return tuple(made)


def not_judged(judged: judging.Judged) -> tuple[findings.NotJudged, ...]:
    """Candidates that could not be tested, summed up by reason."""
    found = [(edge.reason, edge) for edge in judged.edges if edge.statistic.reason]
    made = []
    for code in sorted({one for one, _ in found}):
        first = next(edge for one, edge in found if one == code)
        count = sum(one == code for one, _ in found)
        title = _edge(judged, first) if count == 1 else t("untested", count=count)
        made.append(findings.NotJudged(subject="rule", title=title, reason=reason(first), code=f"causes-{code}"))
    return tuple(made)


def limits(judged: judging.Judged) -> tuple[i18n.Text, ...]:
    """What a reader must know before believing any of it."""
    return (t("how.limits"),)


def _edge(judged: judging.Judged, edge: judging.Edge) -> i18n.Text:
    return t("edge", cause=name(judged, edge.cause), effect=name(judged, edge.effect))


def name(judged: judging.Judged, kind: str) -> i18n.Text:
    """What a kind is called, short enough for a line."""
    title = judged.log.title(kind)
    return i18n.Text(zh=plain.short(title.zh, "zh", 60), en=plain.short(title.en, "en", 60))


def reason(edge: judging.Edge) -> i18n.Text:
    """Why an edge is not supported."""
    s = edge.statistic
    confidence = plain.percent(edge.confidence) if edge.confidence is not None else "–"
    return t(f"reason.{edge.reason}", causes=s.causes, effects=s.effects, least=statistical.FEWEST,
             q=plain.number(float(f"{s.q:.2g}")), confidence=confidence)  # fmt: skip


def _facts(
    judged: judging.Judged, supported: Sequence[judging.Edge], doubtful: Sequence[judging.Edge]
) -> sections.Facts:
    line = judged.line

    def fact(key: str, value: i18n.Text | str | int, note: i18n.Text | None = None) -> sections.Fact:
        return sections.Fact(label=t(f"fact.{key}"), value=value, note=note)

    names = [t(f"judge.{one}") for one in judged.judges]
    judges = i18n.Text(zh="、".join(n.zh for n in names), en=", ".join(n.en for n in names))
    alone = t("how.alone") if judged.judges == ("statistical",) else None
    book = judged.book.book
    items = [
        fact("recordings", len(judged.log.recordings)), fact("events", len(line.kind)), fact("kinds", len(line.kinds)),
        fact("candidates", len(judged.edges)), fact("supported", len(supported)), fact("insufficient", len(doubtful)),
        fact("judges", judges, alone), fact("book", f"{book.id} {book.version}", book.title),
    ]  # fmt: skip
    if len(supported) > DRAWN:
        items.append(fact("left", len(supported) - DRAWN))
    if line.jumps:
        items.append(fact("jumps", line.jumps, t("fact.jumps_note")))
    if line.clocks:
        items.append(fact("clocks", line.clocks, t("fact.clocks_note")))
    return sections.Facts(title=t("section.facts"), items=tuple(items))


def _picture(judged: judging.Judged, supported: Sequence[judging.Edge]) -> charts.Chain:
    drawn = _drawn(supported)
    kinds = list(dict.fromkeys(kind for e in drawn for kind in (e.cause, e.effect)))
    counts = {kind: len(judged.line.of(n)) for n, kind in enumerate(judged.line.kinds)}
    nodes = tuple(charts.Node(label=name(judged, kind), note=t("node", count=counts[kind])) for kind in kinds)
    links = tuple(
        charts.Link(source=kinds.index(e.cause), target=kinds.index(e.effect), label=lag("link", e),
                    confidence=e.confidence) for e in drawn
    )  # fmt: skip
    left = len(supported) - len(drawn)
    return charts.Chain(
        title=t("title"), nodes=nodes, links=links, left_out=left, note=t("left_out", count=left) if left else None
    )


def _drawn(supported: Sequence[judging.Edge]) -> list[judging.Edge]:
    """The strongest chains, each whole, as far as one picture holds them; then the strongest of the rest."""
    taken: dict[tuple[str, str], None] = {}
    for chain in paths.paths(supported, len(supported))[0]:
        further = dict.fromkeys(itertools.pairwise(chain.kinds))
        if len({**taken, **further}) <= DRAWN:
            taken |= further
    for edge in supported:
        if len(taken) < min(DRAWN, len(supported)):
            taken.setdefault((edge.cause, edge.effect))
    return [edge for edge in supported if (edge.cause, edge.effect) in taken]


def lag(key: str, edge: judging.Edge) -> i18n.Text:
    """The lag of an edge in words."""
    lags = edge.statistic.lags
    low, middle, high = (f"{v:.1f}" for v in (lags.low_s, lags.middle_s, lags.high_s)) if lags else ("–", "–", "–")
    return t(key, low=low, middle=middle, high=high, count=edge.count)


def _chains(judged: judging.Judged, supported: Sequence[judging.Edge]) -> sections.Notes:
    found, left = paths.paths(supported, _CHAINS)
    told = []
    for n, one in enumerate(found, 1):
        names = [name(judged, kind) for kind in one.kinds]
        kinds = i18n.Text(zh=" → ".join(x.zh for x in names), en=" → ".join(x.en for x in names))
        told.append(t("chain", number=n, kinds=kinds, confidence=plain.percent(one.weakest), count=len(one.seen)))
    if left:
        told.append(t("chains_left", count=left))
    return sections.Notes(title=t("title"), paragraphs=tuple(told))


def _edges(judged: judging.Judged, supported: Sequence[judging.Edge]) -> sections.Table:
    asked = any(e.what_if is not None for e in supported)
    names = ("edge", "confidence", "lag", "brought", "share", "q", "counts", "occurrences", *(["what_if"] * asked))
    rows = [
        (
            _edge(judged, e), plain.percent(e.confidence or 0.0), lag("lag", e), round(e.statistic.brought, 2),
            plain.percent(min(1.0, e.statistic.share)), float(f"{e.statistic.q:.2g}"),
            f"{e.statistic.causes} / {e.statistic.effects}", e.count, *([e.what_if] * asked),
        ) for e in supported
    ]  # fmt: skip
    return _table("edges", names, rows)


def _doubts(judged: judging.Judged, doubtful: Sequence[judging.Edge]) -> sections.Table:
    names = ("edge", "confidence", "counts", "reason")
    rows = [
        (
            _edge(judged, e),
            plain.percent(e.confidence or 0.0),
            f"{e.statistic.causes} / {e.statistic.effects}",
            reason(e),
        )
        for e in doubtful
    ]
    return _table("doubt", names, rows)


def _occurrences(judged: judging.Judged, supported: Sequence[judging.Edge]) -> sections.Table:
    flat = events.flat(judged.log)
    rows: list[tuple[sections.Cell, ...]] = []
    total = 0
    for edge in supported:
        total += edge.count
        for o in edge.occurrences[: max(3, _MOST_ROWS // len(supported))]:
            cause, effect = _event(judged, flat, o.cause), _event(judged, flat, o.effect)
            when = f"{plain.clock(cause[1].start_s)} → {plain.clock(effect[1].start_s)}"
            rows.append((_edge(judged, edge), judged.log.recordings[cause[0]].name, when, round(o.lag_s, 2),
                         plain.percent(o.probability)))  # fmt: skip
    made = _table("occurrences", ("edge", "recording", "when", "lag", "probability"), rows)
    return made.model_copy(update={"total": total}) if total > len(made.rows) else made


def _event(judged: judging.Judged, flat: Sequence[tuple[int, events.Event]], row: int) -> tuple[int, events.Event]:
    return flat[int(judged.line.row[row])]


def shown(judged: judging.Judged) -> list[tuple[judging.Edge, events.Event, proof.Frame]]:
    """The frames that show the surest occurrences of the strongest edges: of the cause, then of the effect."""
    flat = events.flat(judged.log)
    found: list[tuple[judging.Edge, events.Event, proof.Frame]] = []
    for edge in judged.of("supported")[:_SHOWN]:
        for o in edge.occurrences:
            pair = [_event(judged, flat, row)[1] for row in (o.cause, o.effect)]
            frames = [next((x for x in e.evidence if isinstance(x, proof.Frame) and x.file), None) for e in pair]
            if all(frames):
                found += [(edge, e, frame) for e, frame in zip(pair, frames, strict=True) if frame is not None]
                break
    return found


def _gallery(judged: judging.Judged, supported: Sequence[judging.Edge]) -> sections.Gallery:
    pictures = []
    for edge, event, frame in shown(judged):
        title, whole = name(judged, event.kind), _edge(judged, edge)
        when = plain.clock(frame.time_s)
        caption = i18n.Text(zh=f"{title.zh} {when}（{whole.zh}）", en=f"{title.en} {when} ({whole.en})")
        pictures.append(sections.Picture(file=str(frame.file), caption=caption, digests=frame.digests))
    return sections.Gallery(title=t("section.frames"), pictures=tuple(pictures))


def _table(title: str, names: Sequence[str], rows: Sequence[tuple[sections.Cell, ...]]) -> sections.Table:
    units = {"lag": "s"} if title == "occurrences" else {}
    return sections.Table(
        title=t(f"section.{title}"),
        columns=tuple(sections.Column(label=t(f"column.{one}"), unit=units.get(one, "")) for one in names),
        rows=tuple(rows[:_MOST_ROWS]),
        total=len(rows) if len(rows) > _MOST_ROWS else None,
    )


def _how(judged: judging.Judged) -> sections.Notes:
    book = judged.book.book
    told = [
        t("how.statistical", missed=f"{100 * book.missed:g}%"),
        t(f"how.rate.{'both' if 'network' in judged.judges else 'statistical'}", fdr=f"{100 * book.fdr:g}%"),
        t("how.confidence", method=judged.method),
    ]
    count, kinds = len(judged.line.kind), len(judged.line.kinds)
    if not judged.of("supported"):
        few = all(e.statistic.reason == "few" for e in judged.edges)
        told.insert(0, t("few_events", count=count, kinds=kinds, least=statistical.FEWEST) if few else t("none"))
    if "network" in judged.judges:
        told.append(t("how.network"))
    if judged.judges == ("statistical",):
        told.append(t("how.alone"))
    if judged.asked:
        told.append(t(f"how.what_if.{judged.asked}"))
    return sections.Notes(title=t("section.how"), paragraphs=tuple(told))

"""Verdicts: edges as findings, so that they are kept, shown and followed like any other."""

from __future__ import annotations

from collections.abc import Sequence

from taihang.core import evidence as proof
from taihang.core import finding as findings
from taihang.core import i18n, words
from taihang.core import rule as rules
from taihang.model.causes import events, judging, telling
from taihang.report import plain

_MOST_SUPPORTED, _MOST_DOUBTFUL = 200, 100
_PROVEN = 2  # occurrences whose frames are evidence
_MOST_ROWS = 100


def findings_of(judged: judging.Judged) -> tuple[findings.Finding, ...]:
    """Supported edges, and those with insufficient evidence, as findings of level info; the strongest when many."""
    flat = events.flat(judged.log)
    supported = [_found(judged, e, flat) for e in judged.of("supported")[:_MOST_SUPPORTED]]
    doubtful = [e for e in judged.of("insufficient") if e.confidence is not None]
    return (*supported, *(_found(judged, e, flat) for e in doubtful[:_MOST_DOUBTFUL]))


def _found(judged: judging.Judged, edge: judging.Edge, flat: Sequence[tuple[int, events.Event]]) -> findings.Finding:
    s, book = edge.statistic, judged.book
    known = edge.verdict == "supported"
    names = {"cause": telling.name(judged, edge.cause), "effect": telling.name(judged, edge.effect)}
    key = "message.supported" if known else "message.insufficient"
    lag, reason = telling.lag("lag", edge), telling.reason(edge) if not known else i18n.Text(zh="", en="")
    measured: dict[str, words.Scalar] = {
        "effects_per_cause": round(s.brought, 3), "share": round(min(1.0, s.share), 4), "q": float(f"{s.q:.2g}"),
        "causes": s.causes, "effects": s.effects, "occurrences": edge.count,
    }  # fmt: skip
    if s.lags is not None:
        measured = {"lag": f"{s.lags.middle_s:g} s ({s.lags.low_s:g}–{s.lags.high_s:g})", **measured}
    if edge.what_if is not None:
        measured["what_if"] = edge.what_if
    return findings.Finding(
        rule=rules.RuleRef(
            id="cause", title=telling.t("rule"), level=words.Level.info, dimension="causes",
            rulebook=f"causes-{book.book.id}", rulebook_version=book.book.version, rulebook_sha256=book.sha256,
        ),
        verdict="violated" if known else "insufficient",
        level=words.Level.info,
        place=findings.Place(table="causes", keys={"cause": _key(edge.cause), "effect": _key(edge.effect)}),
        message=telling.t(key, lag=lag, reason=reason, share=plain.percent(min(1.0, s.share)), **names),
        measured=measured,
        confidence=findings.Confidence(value=edge.confidence, method=judged.method),
        evidence=_frames(judged, edge, flat),
    )  # fmt: skip


def _key(kind: str) -> str:
    return plain.clean(kind)[:200]


def _frames(
    judged: judging.Judged, edge: judging.Edge, flat: Sequence[tuple[int, events.Event]]
) -> tuple[proof.Evidence, ...]:
    """A frame of the cause and one of the effect, for the surest occurrences; rows, where events came from a table."""
    found: list[proof.Evidence] = []
    rows: dict[tuple[str, str], list[int]] = {}
    for n, o in enumerate(edge.occurrences):
        for row in (o.cause, o.effect):
            held = flat[int(judged.line.row[row])][1].evidence
            if n < _PROVEN:
                found += [one for one in held if isinstance(one, proof.Frame)][:1]
            for one in held:
                if isinstance(one, proof.Rows):
                    rows.setdefault((one.asset, one.table), []).extend(one.rows)
    for (asset, table), listed in rows.items():
        told = tuple(sorted(set(listed)))
        found.append(proof.Rows(asset=asset, table=table, rows=told[:_MOST_ROWS], total=len(told)))
    return tuple(dict.fromkeys(found))


def files(found: Sequence[findings.Finding]) -> list[str]:
    """The pictures that findings point at."""
    return sorted({e.file for one in found for e in one.evidence if isinstance(e, proof.Frame) and e.file})

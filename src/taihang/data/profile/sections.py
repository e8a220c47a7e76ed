"""Sections: a profile as a report shows it."""

from __future__ import annotations

from collections.abc import Sequence

from taihang.core import i18n, words
from taihang.data.profile import diff, profile, suggest
from taihang.report import sections

_BARS = "▁▂▃▄▅▆▇█"
_TOP = 5
_MOST_ROWS = 2000
Rows = list[tuple[words.Scalar, ...]]


def made(
    found: profile.Profile,
    suggested: Sequence[suggest.Suggestion] = (),
    changes: Sequence[diff.Change] = (),
) -> tuple[sections.Section, ...]:
    """What a profile says, in sections that every report can show; texts in cells are in the current language."""
    every = (
        _facts(found),
        _table("changes", ("change",), [(one.text.in_(),) for one in changes]),
        _columns(found),
        _numbers(found),
        _personal(found),
        _top(found),
        _patterns(found),
        _relations(found),
        _correlations(found),
        _table("faults", ("place", "fault"), [(_place(f), f.message.in_()) for f in found.faults]),
        _table(
            "suggested",
            ("rule", "where", "reason"),
            [(i18n.Text.model_validate(s.rule["title"]).in_(), s.condition, s.reason.in_()) for s in suggested],
        ),
    )
    return tuple(section for section in every if section is not None)


def meaning(kind: str) -> str:
    """The name of a semantic type in the current language."""
    return i18n.text(f"data.profile:semantic.{kind.replace('-', '_')}")


def sparkline(counts: Sequence[int]) -> str:
    """Bars for counts; a bin that holds something is never empty."""
    most = max(counts, default=0)
    return "".join(" " if not n else _BARS[min(7, (8 * n - 1) // most)] for n in counts) if most else ""


def _facts(found: profile.Profile) -> sections.Facts:
    cells = found.rows * len(found.columns)
    nulls = sum(c.nulls for c in found.columns)
    facts = [
        _fact("rows", found.rows),
        _fact("columns", len(found.columns)),
        _fact("nulls", f"{100 * nulls / cells:.2f}%" if cells else "–"),
        _fact("keys", "; ".join(" + ".join(k.columns) for k in found.keys) or "–"),
        _fact("personal", len({p.column for p in found.personal})),
        _fact("sampled", found.sampled),
    ]
    if found.rows_lost:
        facts.insert(1, _fact("rows_lost", found.rows_lost))
    if found.freshness:
        newest = found.freshness[0]
        facts.append(_fact("newest", f"{newest.newest} ({newest.column})"))
    return sections.Facts(title=_text("section.facts"), items=tuple(facts))


def _columns(found: profile.Profile) -> sections.Table | None:
    rows: Rows = []
    for c in found.columns:
        distinct = "–"
        if c.distinct is not None:
            distinct = f"{'≈' if c.distinct.error else ''}{c.distinct.count:,}"
        meant = ""
        if c.semantic is not None:
            meant = f"{meaning(c.semantic.kind)} {100 * c.semantic.share:.3g}%"
        rows.append((c.name, c.type, meant, _percent(c.nulls, c.rows), c.placeholders, distinct, c.min, c.max))
    heads = ("column", "type", "meaning", "nulls", "placeholders", "distinct", "min", "max")
    return _table("columns", heads, rows)


def _numbers(found: profile.Profile) -> sections.Table | None:
    rows: Rows = []
    for c in found.columns:
        n = c.numbers
        if n is None or c.kind != "number" or n.mean is None:
            continue
        quantiles = [_short(n.quantiles.get(share)) for share in ("0.05", "0.25", "0.5", "0.75", "0.95")]
        outside = c.outliers.count if c.outliers is not None else None
        rows.append(
            (c.name, _short(n.mean), _short(n.std), *quantiles, n.nan + n.infinite, outside, sparkline(n.histogram))
        )
    heads = ("column", "mean", "std", "q05", "q25", "q50", "q75", "q95", "not_finite", "outliers", "histogram")
    return _table("numbers", heads, rows)


def _personal(found: profile.Profile) -> sections.Table | None:
    rows: Rows = [
        (
            p.column,
            meaning(p.kind),
            f"{100 * p.share:.3g}%",
            i18n.text(f"data.profile:{'whole' if p.whole else 'inside'}"),
        )
        for p in found.personal
    ]
    return _table("personal", ("column", "meaning", "share", "where"), rows)


def _top(found: profile.Profile) -> sections.Table | None:
    rows: Rows = [
        (c.name, one.value, one.count, _percent(one.count, c.rows))
        for c in found.columns
        if c.kind in {"text", "boolean", "number"} and c.distinct is not None and c.distinct.count < c.rows - c.nulls
        if c.semantic is None or not c.semantic.pii
        for one in c.top[:_TOP]
        if one.count > 1 and 1000 * one.count >= c.rows
    ]
    return _table("top", ("column", "value", "count", "share"), rows)


def _patterns(found: profile.Profile) -> sections.Table | None:
    rows: Rows = [(c.name, one.shape, f"{100 * one.share:.3g}%") for c in found.columns for one in c.patterns[:_TOP]]
    return _table("patterns", ("column", "shape", "share"), rows)


def _relations(found: profile.Profile) -> sections.Table | None:
    say = "data.profile:relation.{}"
    rows: Rows = [(i18n.text(say.format("key")), " + ".join(k.columns), "") for k in found.keys]
    rows += [(i18n.text(say.format("decides")), d.determinant, d.dependent) for d in found.dependencies]
    rows += [
        (i18n.text(say.format("foreign")), f.column, f"{f.table}.{f.key} ({100 * f.share:.4g}%)")
        for f in found.foreign_keys
    ]
    return _table("relations", ("kind", "column", "other"), rows)


def _correlations(found: profile.Profile) -> sections.Table | None:
    rows: Rows = [
        (one.a, one.b, round(one.pearson, 3), None if one.spearman is None else round(one.spearman, 3), one.rows)
        for one in found.correlations
    ]
    return _table("correlations", ("column", "other", "pearson", "spearman", "rows"), rows)


def _table(name: str, heads: Sequence[str], rows: Sequence[tuple[words.Scalar, ...]]) -> sections.Table | None:
    if not rows:
        return None
    return sections.Table(
        title=_text(f"section.{name}"),
        columns=tuple(sections.Column(label=_text(f"head.{head}")) for head in heads),
        rows=tuple(rows[:_MOST_ROWS]),
        total=len(rows) if len(rows) > _MOST_ROWS else None,
    )


def _place(fault: object) -> str:
    parts = (getattr(fault, "part", None), getattr(fault, "line", None) or getattr(fault, "group", None))
    return ":".join(str(p) for p in parts if p is not None)


def _fact(name: str, value: words.Scalar) -> sections.Fact:
    return sections.Fact(label=_text(f"fact.{name}"), value=value)


def _text(key: str) -> i18n.Text:
    return i18n.Message(key=f"data.profile:{key}").both()


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "–"


def _short(value: float | None) -> words.Scalar:
    return None if value is None else float(f"{value:.6g}")

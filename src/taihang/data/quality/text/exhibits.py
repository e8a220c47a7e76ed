"""Exhibits: what a report on texts shows beside its findings: the metrics' spread, languages, groups of repeats."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from taihang.core import i18n
from taihang.data.quality.text import observing
from taihang.report import sections

_METRICS = (
    "characters", "repetition", "sensitive_share", "perplexity", "density", "entropy", "completeness", "missing",
    "purity", "coherence",
)  # fmt: skip
_MOST = 12


def sections_of(observed: observing.Observed) -> tuple[sections.Section, ...]:
    """The spread of each metric over all texts, and how many there are of each language."""
    return (_metrics(observed.path), _languages(observed.path))


def limits(observed: observing.Observed, words: str) -> tuple[i18n.Text, ...]:
    """What the numbers rest on."""
    made = [_t(f"limit.trained_{observed.trained or 'none'}"), _t("limit.words", name=words)]
    cut = pq.read_table(observed.path, columns=["characters", "measured"])
    longer = pc.sum(pc.greater(cut.column("characters"), cut.column("measured"))).as_py() or 0
    if longer:
        made.append(_t("limit.cut", count=longer, most=observing.MOST))
    return tuple(made)


def _metrics(path: Path) -> sections.Table:
    table = pq.read_table(path, columns=list(_METRICS))
    rows: list[tuple[sections.Cell, ...]] = []
    for name in _METRICS:
        values = table.column(name).drop_null().cast(pa.float64())
        if not len(values):
            rows.append((_t(f"told.{name}"), 0, *([None] * 4)))
            continue
        low, middle, high = (float(v) for v in pc.quantile(values, q=[0.05, 0.5, 0.95]).to_pylist())
        rows.append(
            (_t(f"told.{name}"), len(values), *(round(v, 4) for v in (pc.mean(values).as_py(), low, middle, high)))
        )
    labels = ("metric", "count", "mean", "p5", "p50", "p95")
    columns = tuple(sections.Column(label=_t(f"told.column_{name}")) for name in labels)
    return sections.Table(title=_t("told.metrics"), columns=columns, rows=tuple(rows))


def _languages(path: Path) -> sections.Table:
    table = pq.read_table(path, columns=["language", "script"])
    counted = (
        table.group_by(["language", "script"]).aggregate([([], "count_all")]).sort_by([("count_all", "descending")])
    )
    unknown = _t("told.unknown")
    rows = tuple(
        (one["language"] or unknown, one["script"] or unknown, one["count_all"])
        for one in counted.slice(0, _MOST).to_pylist()
    )
    columns = tuple(sections.Column(label=_t(f"told.column_{name}")) for name in ("language", "script", "count"))
    return sections.Table(title=_t("told.languages"), columns=columns, rows=rows, total=counted.num_rows)


def _t(name: str, /, **values: object) -> i18n.Text:
    return i18n.Message(key=f"data.quality.text:{name}", values=values).both()

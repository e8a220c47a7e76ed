"""Dataset: a folder of media, labels or texts brought before the rules that judge tables."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from taihang.app import home
from taihang.core import asset, errors, i18n, ids, job
from taihang.data.quality import target
from taihang.data.quality.media import layout, observing
from taihang.engines.tasks import tasks
from taihang.report import sections
from taihang.rules import rulebook

BOOK = "dataset-quality"
_COUNTS = (
    "files", "images", "videos", "audio", "clouds", "series", "trajectories", "texts", "boxes", "classes",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A folder that was recognised and observed."""

    name: str
    observed: observing.Observed
    whole: dict[str, Any]

    @property
    def asset(self) -> asset.Asset:
        """The folder as an asset: its hash covers every file's name and content."""
        return asset.Asset(kind="dataset", name=self.name, sha256=self.observed.sha256, size=self.observed.size)

    def targets(self, book: rulebook.Rulebook, *, every: bool) -> dict[str, target.Target]:
        """The tables for a book; without `every`, only those that hold anything."""
        used = {c.rule.table for c in book.rules}
        kept = [
            f"{name}={path}"
            for name, path in self.observed.tables.items()
            if (every and name in used) or pq.ParquetFile(path).metadata.num_rows
        ]
        return target.open_all(kept)

    def facts(self) -> sections.Facts:
        """What it is and how much of everything is in it."""
        counted = tuple(
            sections.Fact(label=_t(f"shown.{name}"), value=self.whole[name]) for name in _COUNTS if self.whole.get(name)
        )
        kind = sections.Fact(label=_t("shown.layout"), value=_t(f"kind.{self.observed.layout.kind}"))
        return sections.Facts(title=_t("shown.facts"), items=(kind, *counted))

    def limits(self) -> tuple[i18n.Text, ...]:
        """What the measures cannot know."""
        blind = ("images", "videos", "audio")
        long = ("videos", "audio")
        return (
            *((_t("shown.blind"),) if any(self.whole.get(name) for name in blind) else ()),
            *((_t("shown.origin"),) if self.whole.get("clouds") else ()),
            *((_t("shown.parts"),) if any(self.whole.get(name) for name in long) else ()),
        )


def recognised(sources: Sequence[str], taken: layout.Taken | None = None) -> layout.Layout | None:
    """The layout when one source is a folder of media, labels or texts; None for tables.

    `taken`: the folder's tables are time series or paths. Raises errors.UserError for such a folder beside other
    sources, and when something else than a folder is to be taken so.
    """
    if taken is not None and not (len(sources) == 1 and Path(sources[0]).is_dir()):
        raise errors.UserError("app:assess.taken")
    for source in sources:
        if "://" in source or not Path(source).is_dir() or not os.access(source, os.R_OK | os.X_OK):
            continue
        found = layout.recognise(Path(source), taken)
        if found is not None:
            if len(sources) > 1:
                raise errors.UserError(
                    "data.quality.media:one", path=source, kind=i18n.text(f"data.quality.media:kind.{found.kind}")
                )
            return found
    return None


def observed(
    found: layout.Layout, *, progress: job.Progress | None = None, place: tasks.Tasks | None = None
) -> Dataset:
    """Look at the folder; what was looked at is kept in the home, so that a killed run goes on."""
    mark = ids.digest_json(str(found.root.resolve()))[:24]
    seen = observing.observe(found, home.folder() / "quality" / "datasets" / mark, progress=progress, place=place)
    whole = pq.read_table(seen.tables["dataset"]).to_pylist()[0]
    return Dataset(found.root.resolve().name or str(found.root), seen, whole)


def without_empty(book: rulebook.Rulebook, targets: dict[str, target.Target]) -> rulebook.Rulebook:
    """The book without rules about tables that hold nothing here: no film, nothing to say of films."""
    return dataclasses.replace(book, rules=tuple(c for c in book.rules if c.rule.table in targets))


def _t(key: str, **values: object) -> i18n.Text:
    return i18n.Message(key=f"data.quality.media:{key}", values=values).both()

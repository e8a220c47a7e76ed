"""Quarantining: an asset version without what is marked bad in it, what was left out, and a view that does the same."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from taihang.catalog.tickets import desk, quarantine
from taihang.core import errors
from taihang.data.quality import export, target
from taihang.engines.media import probe
from taihang.engines.sources import parquet

CLEAN, BAD, SIDE, SUMMARY, VIEW = (
    "clean.parquet",
    "quarantined.parquet",
    "quarantine.parquet",
    "quarantine.json",
    "clean.sql",
)
_VIDEO = {".mp4", ".mov", ".mkv", ".avi", ".ts", ".webm", ".m4v", ".mpg", ".mpeg", ".flv", ".wmv", ".360"}


@dataclasses.dataclass(frozen=True, slots=True)
class Separated:
    """What was written. `kept` and `left_out` are rows, or seconds of a video."""

    files: tuple[Path, ...]
    kept: float
    left_out: float
    tickets: tuple[str, ...]


def separate(at: desk.Desk, source: str | os.PathLike[str], out: str | os.PathLike[str]) -> Separated:
    """Write a version's clean and quarantined parts, and what is marked in it, to the folder `out`.

    The version is known by its content. A table gives `clean.parquet`, `quarantined.parquet` (with the
    position and the rules of each row) and `quarantine.parquet` (positions alone, for views); a video
    the seconds to use and to leave out. Raises errors.Conflict when a ticket marks rows of which not
    all are known: what is left would not be clean.
    """
    given, folder = os.fspath(source), Path(out)
    path = Path(given)
    if path.suffix.lower() in _VIDEO and path.is_file():
        return _film(at, path, folder)
    on = next(iter(target.open_all([given]).values()))
    if on.source.kind == "postgresql":
        # Judged in the database, its rows are known by their place on the server's pages, not by a count.
        raise errors.UserError("app:tickets.in_database", path=on.source.name)
    version = on.source.digest()[0]
    marks = quarantine.marks(at.store, at.principal.tenant, version=version)
    partly = sorted({m.ticket for m in marks if not m.complete})
    if partly:
        raise errors.Conflict("app:tickets.partly", tickets=", ".join(partly), path=given)
    named = {m.table for m in marks if m.kind == "rows"}
    if len(named) > 1:
        raise errors.Conflict("app:tickets.several", tables=", ".join(sorted(named)))
    return _rows(on, version, marks, folder, given)


def _rows(on: target.Target, version: str, marks: Sequence[quarantine.Mark], folder: Path, given: str) -> Separated:
    bad = quarantine.positions(marks)
    side = quarantine.rows(marks).replace_schema_metadata({"taihang.asset_version": version})
    with _whole(folder) as work:
        pq.write_table(side, work / SIDE, compression="zstd")
        kept = _split(on, bad, side, work)
        _write(work / SUMMARY, _summary(given, version, marks, {"kept_rows": kept, "left_out_rows": len(bad)}))
        names = [CLEAN, BAD, SIDE, SUMMARY]
        if isinstance(on.source, parquet.Parquet) and not on.source.faults.listed:
            (work / VIEW).write_text(quarantine.view(str(on.source.path.absolute()), str((folder / SIDE).absolute())))
            names.append(VIEW)
    tickets = tuple(sorted({m.ticket for m in marks}))
    return Separated(tuple(folder / n for n in names), kept, len(bad), tickets)


def _split(on: target.Target, bad: quarantine.Rows, side: pa.Table, work: Path) -> int:
    """Write both parts, a batch at a time; returns how many rows are clean."""
    names = [c.name for c in on.source.columns if export.writable(c.type)]
    schema = pa.schema([on.source.schema.field(n) for n in names])
    row, rules = (_free(f"_{n}", names) for n in ("row", "rules"))
    marked = schema.append(pa.field(row, pa.int64())).append(pa.field(rules, pa.list_(pa.string())))
    # A row may be marked by several tickets for the same rule.
    pairs = side.group_by(["row", "rule"]).aggregate([]).sort_by([("row", "ascending"), ("rule", "ascending")])
    places, reasons = pairs["row"].to_numpy(), pairs["rule"].combine_chunks()
    kept = 0
    with (
        pq.ParquetWriter(work / CLEAN, schema, compression="zstd") as clean,
        pq.ParquetWriter(work / BAD, marked, compression="zstd") as out,
    ):
        for start, chunk in on.chunks(names):
            data = chunk.data.select(names)
            here = bad[slice(*np.searchsorted(bad, [start, start + data.num_rows]))]
            keep = np.ones(data.num_rows, bool)
            keep[here - start] = False
            some = data.filter(pa.array(keep))
            kept += some.num_rows
            clean.write_batch(some)
            if len(here):
                first, last = np.searchsorted(places, [here[0], here[-1] + 1])
                offsets = np.append(np.searchsorted(places[first:last], here), last - first)
                why = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), reasons.slice(first, last - first))
                left = data.take(pa.array(here - start))
                out.write_batch(pa.record_batch([*left.columns, pa.array(here), why], schema=marked))
    return kept


def _free(name: str, taken: Sequence[str]) -> str:
    while name.casefold() in {t.casefold() for t in taken}:
        name = f"_{name}"
    return name


@contextlib.contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A place to write files that appear in `folder`, each whole, when the block ends well."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".quarantine-", dir=folder) as work:
            yield Path(work)
            for path in sorted(Path(work).iterdir()):
                with path.open("rb") as stream:
                    os.fsync(stream.fileno())
                path.replace(folder / path.name)
    except OSError as error:
        raise errors.Failure("engines:not_writable", path=folder, reason=error.strerror or "") from error


def _film(at: desk.Desk, path: Path, folder: Path) -> Separated:
    found = probe.probe(path)
    marks = quarantine.marks(at.store, at.principal.tenant, version=found.sha256)
    end = found.duration_s
    spans = [(max(0.0, a), min(b, end)) for a, b in quarantine.spans(marks) if b > 0 and a < end]
    clean, at_s = [], 0.0
    for start, stop in spans:
        if start > at_s:
            clean.append((at_s, start))
        at_s = max(at_s, stop)
    if at_s < end:
        clean.append((at_s, end))
    left_out = sum(b - a for a, b in spans)
    more = {"duration_s": end, "use": clean, "leave_out": spans}
    with _whole(folder) as work:
        _write(work / SUMMARY, _summary(str(path), found.sha256, marks, more))
    tickets = tuple(sorted({m.ticket for m in marks}))
    return Separated((folder / SUMMARY,), round(end - left_out, 6), round(left_out, 6), tickets)


def _summary(source: str, version: str, marks: Sequence[quarantine.Mark], more: Mapping[str, Any]) -> dict[str, Any]:
    shown = [f.name for f in dataclasses.fields(quarantine.Mark) if f.name not in {"data", "asset_version"}]
    told = [{name: getattr(mark, name) for name in shown} for mark in marks]
    return {"source": Path(source).name, "asset_version": version, **more, "marks": told}


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")

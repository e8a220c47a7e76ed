"""Observing: a recognised folder becomes tables on disk, in batches that are kept, so that work resumes."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from taihang.core import ids, job
from taihang.data.quality.media import (
    annotating,
    copies,
    detections,
    documents,
    layout,
    looking,
    marking,
    reading,
    tables,
)
from taihang.data.quality.metrics import registry
from taihang.engines import stages
from taihang.engines.tasks import local, tasks

_BATCH = {"video": 4, "audio": 16}
_STAGE = "data.quality.media:stage.look"
Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Observed:
    """Tables by name, as Parquet files; `sha256` and `size` of what they were made from."""

    layout: layout.Layout
    tables: Mapping[str, Path]
    sha256: str
    size: int


def observe(
    found: layout.Layout, folder: Path, *, progress: job.Progress | None = None, place: tasks.Tasks | None = None
) -> Observed:
    """Look at every file of a folder once and write the tables below `folder`.

    Pieces of files are looked at where `place` is, here unless told. What was looked at is kept below `folder` by
    name, size and time of change: a run that was killed, and the next run over a folder that grew, look at the rest
    only. Raises errors.Failure for a full disk, and what `place` raises.
    """
    return _Observer(found, folder, progress, place or local.Local()).run()


class _Observer:
    def __init__(self, found: layout.Layout, folder: Path, progress: job.Progress | None, place: tasks.Tasks) -> None:
        self.found, self.folder, self.progress, self.place = found, folder, progress, place
        self.kept = stages.Stages(folder / "looked")
        self.limits = layout.Limits.current()
        self.sizes: dict[str, tuple[int, int]] = {}
        self.hashes: list[tuple[str, str | int]] = []
        self.faults: dict[str, str] = {f.name: f.fault for f in found.files if f.fault}
        self.done = 0
        self.total = sum(len(found.of(kind)) for kind in looking.TABLES)

    def run(self) -> Observed:
        out = {name: self.folder / f"{name}.parquet" for name in tables.NAMES}
        with stages.disk(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            counts = self._media(out)
            marks = reading.labels(self.found, self.sizes)
            _write(out["boxes"], "boxes", marks.rows())
            classes = marks.classes()
            _write(out["classes"], "classes", classes)
            counts |= {"texts": _write(out["texts"], "texts", reading.texts(self.found, marks))}
            _write(out["suspects"], "suspects", detections.rows(self.found, marks))
            _write(out["records"], "records", reading.standard(self.found, marks))
            _write(out["documents"], "documents", documents.rows(self.found))
            _write(out["links"], "links", marks.links)
            _write(out["agreement"], "agreement", annotating.rows(self.found))
            _write(out["files"], "files", self._files())
            _write(out["dataset"], "dataset", [self._whole(counts, marks, classes)])
        for file in self.found.files:
            if file.kind not in looking.TABLES and not file.fault:
                digest = stages_digest(self.found.root / file.name) if file.kind == "label" else file.size
                self.hashes.append((file.name, digest))
        sha256 = ids.digest_json(sorted([name, digest] for name, digest in self.hashes))
        return Observed(self.found, out, sha256, sum(f.size for f in self.found.files))

    def _media(self, out: Mapping[str, Path]) -> dict[str, int]:
        counts: dict[str, int] = {}
        with _Writer(out["spans"], "spans") as spans:
            for kind, name in looking.TABLES.items():
                pieces = self._pieces(kind)
                paths: list[str] = []
                hashes: list[str | None] = []
                prints: list[int | None] = []
                for rows, some in self._looked(pieces):
                    spans.add(some)
                    paths += rows["path"].to_pylist()
                    hashes += rows["sha256"].to_pylist()
                    prints += rows["fingerprint"].to_pylist() if kind == "image" else []
                    self._remember(kind, rows)
                self.hashes += [(path, one or 0) for path, one in zip(paths, hashes, strict=True)]
                again = (rows for piece in pieces for rows in [self._kept(piece)["rows"]])
                with _Writer(out[name], name) as writer:
                    start = 0
                    extra = _copies(paths, hashes, prints)
                    for rows in again:
                        writer.add(_with(rows, extra, start))
                        start += rows.num_rows
                counts[name] = len(paths)
        return counts

    def _remember(self, kind: str, rows: pa.Table) -> None:
        for path, fault in zip(rows["path"].to_pylist(), rows["fault"].to_pylist(), strict=True):
            if fault:
                self.faults[path] = fault
        if kind == "image":
            sized = zip(*(rows[c].to_pylist() for c in ("path", "width", "height")), strict=True)
            self.sizes |= {path: (w or 0, h or 0) for path, w, h in sized}

    def _pieces(self, kind: str) -> list[looking.Piece]:
        files, size = self.found.of(kind), _BATCH.get(kind, self.limits.batch)
        return [looking.Piece(kind, tuple(files[n : n + size])) for n in range(0, len(files), size)]

    def _looked(self, pieces: list[looking.Piece]) -> Iterator[tuple[pa.Table, pa.Table]]:
        shared = looking.Shared(self.found.root, self.limits, looking.threads(self.place.threads))
        missing = [piece for piece in pieces if not self.kept.holds("look", self._key(piece))]
        waiting, results = set(missing), iter(self.place.map(looking.look, shared, missing))
        for piece in pieces:
            self._tell()
            make = (
                functools.partial(next, results) if piece in waiting else functools.partial(looking.look, shared, piece)
            )
            made = self.kept.tables("look", self._key(piece), make)
            self.done += len(piece.files)
            yield made["rows"], made["spans"]
        self._tell()

    def _tell(self) -> None:
        if self.progress is not None and self.total:
            self.progress.update(_STAGE, self.done, self.total)

    def _kept(self, piece: looking.Piece) -> stages.Tables:
        shared = looking.Shared(self.found.root, self.limits, looking.threads(self.place.threads))
        return self.kept.tables("look", self._key(piece), lambda: looking.look(shared, piece))

    def _key(self, piece: looking.Piece) -> dict[str, Any]:
        return {
            "root": str(self.found.root.resolve()),
            "kind": piece.kind,
            "files": [[f.name, f.size, f.changed_ns] for f in piece.files],
            "limits": self.limits.model_dump(),
            "metrics": list(registry.load()),
            "code": stages.code_version(
                "taihang.data.quality.media", "taihang.data.quality.metrics", "taihang.engines.media"
            ),
        }

    def _files(self) -> Iterator[Row]:
        for file in self.found.files:
            fault = self.faults.get(file.name) or (None if file.size else "empty")
            yield {"path": file.name, "kind": file.kind, "bytes": file.size, "fault": fault}

    def _whole(self, counts: Mapping[str, int], marks: marking.Marks, classes: list[Row]) -> Row:
        sizes = np.array([row["boxes"] for row in classes if row["boxes"] or row["declared"]], np.float64)
        shares = sizes[sizes > 0] / max(sizes.sum(), 1)
        labelled = self.found.kind in {"coco", "yolo", "voc"}
        return {
            **counts,
            "layout": self.found.kind,
            "files": len(self.found.files),
            "bytes": sum(f.size for f in self.found.files),
            "boxes": len(marks.boxes),
            "classes": len(sizes),
            "labelled_share": len(marks.labelled & set(self.sizes)) / len(self.sizes)
            if labelled and self.sizes
            else None,
            "balance": float(sizes.min() / sizes.max()) if sizes.size > 1 and sizes.max() > 0 else None,
            "evenness": float(-(shares @ np.log(shares)) / np.log(sizes.size))
            if sizes.size > 1 and shares.size
            else None,
            "documents": sum(documents.describes(f.name) for f in self.found.files),
        }


def stages_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return ids.digest_stream(stream)


def _copies(paths: list[str], hashes: list[str | None], prints: list[int | None]) -> dict[str, list[Any]]:
    same = copies.exact(hashes)
    extra: dict[str, list[Any]] = {"copy_of": [paths[p] if p >= 0 else None for p in same]}
    if prints:
        known = np.array([at for at, one in enumerate(prints) if one is not None], np.int64)
        values = np.array([prints[at] or 0 for at in known], np.int64).view(np.uint64)
        place, bits = copies.near(values)
        near: list[str | None] = [None] * len(paths)
        apart: list[int | None] = [None] * len(paths)
        for at, earlier, count in zip(known.tolist(), place.tolist(), bits.tolist(), strict=True):
            if earlier >= 0:
                near[at], apart[at] = paths[known[earlier]], count
        extra |= {"near_of": near, "near_bits": apart}
    return extra


def _with(rows: pa.Table, extra: Mapping[str, list[Any]], start: int) -> pa.Table:
    for column, values in extra.items():
        if column not in rows.schema.names:
            continue
        at = rows.schema.get_field_index(column)
        some = pa.array(values[start : start + rows.num_rows], rows.schema.field(column).type)
        rows = rows.set_column(at, rows.schema.field(column), some)
    return rows


class _Writer:
    """A Parquet file that is there when it is whole."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name, self.rows = path, name, 0
        self.part = path.with_suffix(".part")

    def __enter__(self) -> _Writer:
        self._file = pq.ParquetWriter(self.part, tables.schema(self.name))
        return self

    def add(self, rows: pa.Table) -> None:
        if rows.num_rows:
            self._file.write_table(rows.cast(tables.schema(self.name)))
            self.rows += rows.num_rows

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            self.part.replace(self.path)
        else:
            self.part.unlink(missing_ok=True)


def _write(path: Path, name: str, rows: Iterable[Row]) -> int:
    with _Writer(path, name) as writer:
        some: list[Row] = []
        for row in rows:
            some.append(row)
            if len(some) >= 4096:
                writer.add(tables.made(name, some))
                some = []
        writer.add(tables.made(name, some))
    return writer.rows

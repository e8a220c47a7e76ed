"""Causes: reports of inspections, or tables of events, in; chains of causes with their evidence out."""

from __future__ import annotations

import dataclasses
import datetime
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import taihang
from taihang.app import home, speaking
from taihang.core import asset as assets
from taihang.core import errors, i18n, ids, job, words
from taihang.core import evidence as proof
from taihang.engines import stages
from taihang.engines.predict import speaker
from taihang.engines.sources import opening, plain
from taihang.model.causes import book as books
from taihang.model.causes import events, graph, judging, telling, verdicts, what_if
from taihang.model.causes.network import masking
from taihang.report import attachments, bundle, document
from taihang.report import json as reporting
from taihang.use.video import causes as films
from taihang.use.video import imagining

GRAPH = "evidence/causes.json"
_LARGEST_REPORT = 256 << 20
_LARGEST_PICTURE = 64 << 20
_NEEDED = ("kind", "start_s")
_KNOWN = ("id", "kind", "start_s", "end_s", "recording", "clock", "place", "actor", "confidence", "order", "title")
_FILM_S = 3600.0
Path_ = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Caused:
    """The report, its page, what was judged, and of which assets. `exit_code` is 0: a cause is no violation."""

    report: document.Report
    page: Path
    judged: judging.Judged
    sources: tuple[assets.Asset, ...]
    exit_code: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class _Input:
    """A source's recordings, what its kinds are called, its bytes' hash, and where its pictures lie."""

    kind: assets.Kind
    name: str
    recordings: tuple[events.Recording, ...]
    titles: Mapping[str, i18n.Text]
    sha256: str
    size: int
    synthetic: bool
    files: Mapping[str, Path]

    @property
    def asset(self) -> assets.Asset:
        """What its events were observed in."""
        return assets.Asset(
            kind=self.kind, name=self.name, sha256=self.sha256, size=self.size, synthetic=self.synthetic
        )


def causes(
    *sources: Path_,
    out: Path_,
    constraints: Path_ = books.DEFAULT,
    lang: i18n.Language | None = None,
    vlm: str | None = None,
    judges: judging.Judges = judging.DEFAULT,
    formats: Sequence[str] = bundle.DEFAULT,
    progress: job.Progress | None = None,
) -> Caused:
    """Judge which kinds of events bring about which, over one or many recordings; write a report to the folder `out`.

    A source is the folder of an inspection's report (or one that holds several such), its `report.json`, or a table of
    events with the columns kind and start_s and, where known, end_s, recording, clock, place, actor, confidence,
    order, id and title. `constraints` is a *.causes.yaml file or a shipped name. `judges`: whether the graph network
    takes part. `vlm` (as for inspect) is asked how likely the effect were without the cause; without one, the network
    is. Finished tests are kept under TAIHANG_HOME: run again after an interruption, it goes on where it was. Raises
    errors.UserError for what cannot be used, errors.Failure when the machine fails.
    """
    if not sources:
        raise errors.UserError("app:causes.nothing")
    if lang is not None:
        i18n.use(lang)
    bundle.known(formats)
    target = Path(out)
    bundle.usable(target)
    book = books.load(constraints)
    model = None if vlm is None else speaking.load(vlm, speaker.Settings.current())
    inputs = [one for n, source in enumerate(sources) for one in _open(Path(source), n)]
    titles = {kind: title for one in inputs for kind, title in one.titles.items()}
    log = events.Log(tuple(r for one in inputs for r in one.recordings), titles)
    judged = judging.judge(log, book, progress, judges, _kept(inputs))
    if model is None and "network" in judged.judges:
        judged = what_if.asked(judged, masking.Masking(judged), progress)
    if model is not None:
        held = {name: path for one in inputs for name, path in one.files.items()}
        port = imagining.Imagining(model, titles, lambda name: held[name].read_bytes() if name in held else None)
        judged = what_if.asked(judged, port, progress)
    report, files = _report(inputs, judged)
    paths = bundle.write(report, target, i18n.current(), files, formats)
    return Caused(report, paths.page, judged, tuple(one.asset for one in inputs))


def _report(inputs: Sequence[_Input], judged: judging.Judged) -> tuple[document.Report, dict[str, bytes | Path]]:
    about = _about(inputs)
    synthetic = about.synthetic
    told = graph.dump(graph.graph(judged, synthetic=synthetic))
    held = {name: path for one in inputs for name, path in one.files.items()}
    files: dict[str, bytes | Path] = {GRAPH: told}
    found = verdicts.findings_of(judged)
    shown = {*verdicts.files(found), *(str(frame.file) for _, _, frame in telling.shown(judged))}
    files |= {name: held[name] for name in sorted(shown)}
    code = stages.code_version("taihang.model.causes")
    report = document.Report(
        title=i18n.Message(key="app:causes.title", values={"name": about.name}).both(),
        created=datetime.datetime.now(datetime.UTC).replace(microsecond=0),
        synthetic=synthetic,
        asset=about,
        findings=found,
        produced_by=(
            words.Producer(name="taihang", version=taihang.__version__, sha256=code), *judged.produced_by
        ),
        not_judged=telling.not_judged(judged),
        limits=telling.limits(judged),
        sections=telling.sections_of(judged, doubts=False),
    )  # fmt: skip
    return report, files


def _kept(inputs: Sequence[_Input]) -> stages.Stages:
    """Where finished tests stay: with all else that is kept of the same content, and erased with it."""
    return stages.Stages(home.folder() / "stages" / _about(inputs).sha256[:16])


def _about(inputs: Sequence[_Input]) -> assets.Asset:
    """What the report is about: the one source, or all of them together."""
    if len(inputs) == 1:
        return inputs[0].asset
    return assets.Asset(
        kind="dataset",
        name=f"{inputs[0].name} + {len(inputs) - 1}",
        sha256=ids.digest_json([one.sha256 for one in inputs]),
        size=sum(one.size for one in inputs),
        synthetic=any(one.synthetic for one in inputs),
    )


def _open(source: Path, number: int) -> list[_Input]:
    if source.is_dir():
        places = [source] if (source / reporting.NAME).is_file() else sorted(
            p.parent for p in source.glob(f"*/{reporting.NAME}")
        )  # fmt: skip
        if not places:
            raise errors.UserError("app:causes.no_report", path=source)
        return [_inspection(p / reporting.NAME, f"{number}-{n}") for n, p in enumerate(places)]
    if source.name == reporting.NAME or source.name.endswith(f".{reporting.NAME}"):
        return [_inspection(source, f"{number}-0")]
    return [_table(source)]


def _inspection(path: Path, prefix: str) -> _Input:
    """A video's report with the pictures that still are what it says they are."""
    try:
        if path.stat().st_size > _LARGEST_REPORT:
            raise errors.UserError("app:causes.large", path=path, most=_LARGEST_REPORT >> 20)
        data = path.read_bytes()
    except OSError as error:
        raise errors.UserError("app:causes.cannot_read", path=path, reason=error.strerror or error) from None
    report = reporting.load(data)
    if report.asset.kind != "video":
        raise errors.UserError("app:causes.not_video", path=path, kind=report.asset.kind)
    files: dict[str, Path] = {}
    names: dict[str, str] = {}
    frames = [e for f in report.findings for e in f.evidence if isinstance(e, proof.Frame) and e.file]
    for frame in frames:
        made = f"{attachments.FOLDER}/r{prefix}-{films.safe(str(frame.file))}"[:120]
        where = path.parent / attachments.FOLDER / films.safe(str(frame.file))
        if _genuine(frame, where):
            files[made], names[str(frame.file)] = where, made
    recording = films.recording(report.asset.name, report.findings, films.duration_s(report), names)
    return _Input("video", report.asset.name, (recording,), films.titles(report.findings), report.asset.sha256,
                  report.asset.size, report.synthetic, files)  # fmt: skip


def _genuine(frame: proof.Frame, where: Path) -> bool:
    wanted = next((d.sha256 for d in frame.digests if d.covers == "file"), None)
    try:
        return (
            wanted is not None
            and where.is_file()
            and not where.is_symlink()
            and where.stat().st_size <= _LARGEST_PICTURE
            and ids.digest(where.read_bytes()) == wanted
        )
    except OSError:
        return False


def _table(path: Path) -> _Input:
    source = opening.open(path)
    have = {column.name for column in source.columns}
    missing = [name for name in _NEEDED if name not in have]
    if missing:
        raise errors.UserError("app:causes.column", path=path, column=missing[0], known=", ".join(sorted(have)[:40]))
    sha256, size = source.digest()
    by: dict[str, list[events.Event]] = {}
    titles: dict[str, i18n.Text] = {}
    row = 0
    for chunk in source.chunks([name for name in _KNOWN if name in have]):
        for value in plain.rows(chunk.data):
            row += 1
            if row > events.MOST:
                raise errors.UserError("model.causes:many", count=row, most=events.MOST)
            rows = proof.Rows(asset=sha256, table=path.name, rows=(row - 1,), total=1)
            event = dataclasses.replace(_event(path, row, value), evidence=(rows,))
            by.setdefault(str(value.get("recording") or path.stem), []).append(event)
            if value.get("title"):
                titles[event.kind] = i18n.Text(zh=str(value["title"]), en=str(value["title"]))
    recordings = tuple(
        events.Recording(name, max(e.end_s for e in held) - least, tuple(held), least)
        for name, held in by.items()
        for least in [_begin(min(e.start_s for e in held))]
    )
    return _Input("table", path.name, recordings, titles, sha256, size, False, {})


def _begin(first_s: float) -> float:
    """When observation began: a film at 0, a day's or a century's clock with its first event."""
    return 0.0 if 0 <= first_s <= _FILM_S else first_s


def _event(path: Path, row: int, value: Mapping[str, Any]) -> events.Event:
    start = _number(path, row, "start_s", value)
    end = _number(path, row, "end_s", value) if value.get("end_s") not in (None, "") else start
    confidence = _number(path, row, "confidence", value) if value.get("confidence") not in (None, "") else None
    order = _number(path, row, "order", value) if value.get("order") not in (None, "") else None

    def said(name: str) -> str | None:
        return None if value.get(name) in (None, "") else str(value[name])

    kind = said("kind")
    if kind is None:
        raise errors.UserError("app:causes.value", path=path, row=row, column="kind", given="")
    return events.Event(
        id=said("id") or f"{path.stem}:{row}", kind=kind, start_s=start, end_s=end, clock=said("clock") or "",
        place=said("place"), actor=said("actor"), confidence=confidence, order=None if order is None else int(order),
    )  # fmt: skip


def _number(path: Path, row: int, column: str, value: Mapping[str, Any]) -> float:
    given = value.get(column)
    try:
        found = float(given) if given is not None else math.nan
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise errors.UserError("app:causes.value", path=path, row=row, column=column, given=given)
    return found

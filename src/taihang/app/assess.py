"""Assess: tables in, findings with every bad row and a quality report out."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import taihang
from taihang.app import gate, home
from taihang.core import asset, errors, evidence, finding, i18n, ids, words
from taihang.core import job as jobs
from taihang.data.quality import (
    assessment,
    boards,
    changes,
    exhibits,
    export,
    fanned,
    history,
    sampling,
    standards,
    suggest,
    target,
    verdicts,
)
from taihang.data.quality import incremental as parts
from taihang.engines.sources import folder as folders
from taihang.engines.sources import memory
from taihang.engines.tasks import opening as tasking
from taihang.report import bundle, document
from taihang.report import sections as sectioning
from taihang.rules import lock, rulebook

if TYPE_CHECKING:  # what media are looked at with weighs 40 MB, and a table needs none of it
    from taihang.app import dataset
    from taihang.data.quality.media import layout

Path_ = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Assessed:
    """The report, its page and what was found. `exit_code`: 1 with a finding at or above `fail_on`, else 0.

    `sampled`: so many rows at most of each table were read, and nothing passes. `annotations` are
    lines for a build server.
    """

    report: document.Report
    page: Path
    found: assessment.Assessment
    exit_code: int
    sampled: int | None = None
    annotations: tuple[str, ...] = ()


class Unkept(errors.Failure):
    """All was judged and the report is written (`done`), but no later run will know of this one."""

    def __init__(self, failure: errors.Failure, done: Assessed) -> None:
        super().__init__(failure.message.key, **failure.message.values)
        self.done = done

    def __reduce__(self) -> tuple[object, ...]:
        # Through a process pool goes what is said, not the whole report.
        return (functools.partial(errors.Failure, self.message.key, **self.message.values), ())


@dataclasses.dataclass(frozen=True, slots=True)
class Beside:
    """What a report says beside the judged tables, when these were observed of something else.

    `about` is what was observed, under whose name the history is kept; `files` go into the report's folder.
    """

    about: asset.Asset
    sections: tuple[sectioning.Section, ...] = ()
    limits: tuple[i18n.Text, ...] = ()
    not_judged: tuple[finding.NotJudged, ...] = ()
    files: Mapping[str, Path] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """How a report is made, beside what it judges.

    `by_time` names columns of days, `COLUMN` or `TABLE.COLUMN`, for the heat maps; `standard`
    regroups the scorecard; `keep` adds the run to the history of the asset. `engine`: `auto` judges
    tables of one PostgreSQL database there and all else here; `duckdb`, `postgresql`, `spark` or
    `clickhouse` say where. `incremental` reads only files that are new or changed since the last such
    run of the book over the same tables, here. `progress` is told how many rows were judged, or
    files of a folder where tasks run.
    `tasks` says where that is done, file by file: `local`, `ray` or an address of Ray (`engines.tasks.opening`); the
    setting `tasks.address` when absent.
    `taken`: the tables of a folder are time series, or paths, and are measured as such.
    """

    formats: Sequence[str] = bundle.DEFAULT
    show_values: bool = False
    by_time: Sequence[str] = ()
    sample: int | None = None
    standards: Sequence[str] = ()
    gate: gate.Gate = dataclasses.field(default_factory=gate.Gate)
    keep: bool = True
    engine: str = "auto"
    incremental: bool = False
    progress: jobs.Progress | None = None
    beside: Beside | None = None
    taken: layout.Taken | None = None
    tasks: str | None = None


def assess(
    *sources: Path_,
    rules: Path_ | None = None,
    lang: i18n.Language | None = None,
    fail_on: words.Level | Literal["red", "orange", "yellow", "blue", "info"] | None = None,
    as_of: datetime.datetime | None = None,
    out: Path_,
    options: Options | None = None,
) -> Assessed:
    """Judge tables by a rulebook and write a report with every bad row to the folder `out`.

    Each source is `PATH` or `NAME=PATH`; rules speak of tables by name. Without `rules`, rules that
    hold on the first rows are suggested and judged on all. One folder of images, films, sounds, labels
    (COCO, YOLO, Pascal VOC) or texts (JSON Lines, Alpaca) is observed first: `data.quality.media.tables`
    names what rules then see, and without `rules` the book `dataset-quality` judges it. `as_of` is the
    moment for freshness. A rulebook with a lock file beside it is used only as it was locked. Raises errors.UserError
    for what cannot be used and for a rule that cannot run, errors.Failure when the machine fails: Unkept when only the
    record for later runs could not be written.
    """
    options = options or Options()
    if not sources:
        raise errors.UserError("app:no_source")
    if lang is not None:
        i18n.use(lang)
    bundle.known(options.formats)
    bundle.usable(Path(out))
    options.gate.usable()
    tasking.checked(options.tasks)
    for standard in options.standards:
        standards.load(standard)
    try:
        return _assessed([os.fspath(s) for s in sources], rules, fail_on, as_of, Path(out), options)
    except errors.TaihangError as error:
        options.gate.refuse(error, str(rules) if rules is not None else "rules")
        raise


def _assessed(  # noqa: PLR0917 - what assess was given
    sources: Sequence[str],
    rules: Path_ | None,
    fail_on: str | None,
    as_of: datetime.datetime | None,
    out: Path,
    options: Options,
) -> Assessed:
    floor = words.Level(fail_on) if fail_on is not None else None
    remembered = memory.Memory(home.folder() / "quality" / "files") if options.incremental else None
    files: dict[str, bytes | Path] = dict(options.beside.files) if options.beside else {}
    seen = _seen(sources, options)
    if seen is not None:
        from taihang.app import dataset  # noqa: PLC0415 - see above

        book = rulebook.load(rules if rules is not None else dataset.BOOK)
        targets = seen.targets(book, every=rules is not None)
        if rules is None:
            book = dataset.without_empty(book, targets)
    elif rules is None:
        targets = target.open_all(sources, remembered)
        text = suggest.suggested(targets)
        files["evidence/suggested.rules.yaml"] = text.encode()
        book = rulebook.loads(text, "suggested.rules.yaml")
    else:
        targets = target.open_all(sources, remembered)
        book = rulebook.load(rules)
    if rules is not None:
        lock.check(Path(rules), book)
    cut: frozenset[str] = frozenset()
    if options.sample is not None:
        targets, cut = sampling.sampled(book, targets, options.sample)
    if options.incremental and (options.engine not in {"auto", "duckdb"} or cut):
        raise errors.UserError("app:assess.incremental")
    fan = _fans_out(targets, options)
    if options.tasks not in {None, "local"} and seen is None and not fan:
        raise errors.UserError("app:assess.tasks")
    with _judged(book, targets, options, as_of, fan=fan) as found:
        made = _Made(found, cut, options, seen)
        with tempfile.TemporaryDirectory(prefix="taihang-") as folder:
            report = made.report(Path(folder), files)
            paths = bundle.write(report, out, i18n.current(), files, options.formats)
    failed = floor is not None and any(f.level.reaches(floor) for f in report.findings)
    lines = options.gate.write(report, gate.places(book) if rules is not None else {}, floor)
    done = Assessed(report, paths.page, made.found, 1 if failed else 0, options.sample if cut else None, lines)
    try:
        made.keep(report)
    except errors.Failure as failure:
        raise Unkept(failure, done) from failure
    return done


def _seen(sources: Sequence[str], options: Options) -> dataset.Dataset | None:
    """What a folder of media, labels or texts holds; None for tables."""
    folder = any("://" not in one and Path(one).is_dir() for one in sources)
    if options.beside is not None or (options.taken is None and not folder):
        return None
    from taihang.app import dataset  # noqa: PLC0415 - see above

    found = dataset.recognised(sources, options.taken)
    if found is None:
        return None
    with tasking.open(options.tasks) as place:
        return dataset.observed(found, progress=options.progress, place=place)


def _here(engine: str, targets: Mapping[str, target.Target]) -> bool:
    return engine == "duckdb" or (
        engine == "auto" and not any(on.source.kind == "postgresql" for on in targets.values())
    )


def _fans_out(targets: Mapping[str, target.Target], options: Options) -> bool:
    """Whether files of folders are judged where tasks run: there is such a place, such files, and all rows count."""
    return (
        tasking.checked(options.tasks) != "local"
        and not options.incremental
        and _here(options.engine, targets)
        and any(isinstance(on.source, folders.Folder) for on in targets.values())
    )


def _judged(
    book: rulebook.Rulebook,
    targets: Mapping[str, target.Target],
    options: Options,
    as_of: datetime.datetime | None,
    *,
    fan: bool,
) -> contextlib.AbstractContextManager[assessment.Assessment]:
    """The assessment, while the engine that made it can still be asked for its bad rows."""
    if options.incremental:
        mark = ids.digest_json(
            [book.id, [[name, str(Path(on.source.name).absolute())] for name, on in targets.items()]]
        )
        state = home.folder() / "quality" / "state" / mark[:32]
        return contextlib.nullcontext(
            parts.assess(book, targets, state=state, as_of=as_of, progress=options.progress)[0]
        )
    if fan:
        with tasking.open(options.tasks) as place:
            found = fanned.assess(book, targets, place=place, as_of=as_of, progress=options.progress)
        return contextlib.nullcontext(found)
    if _here(options.engine, targets):
        unfinished = home.folder() / "quality" / "unfinished"
        return assessment.assessed(book, targets, as_of=as_of, progress=options.progress, unfinished=unfinished)
    from taihang.data.quality.pushdown import running  # noqa: PLC0415 - the other engines' dialects are large

    return running.assess(book, targets, engine=running.usable(options.engine), as_of=as_of)


class _Made:
    """A report on one assessment, with what earlier runs say of it."""

    def __init__(
        self, found: assessment.Assessment, cut: frozenset[str], options: Options, seen: dataset.Dataset | None
    ) -> None:
        self.options, self.cut, self.seen = options, cut, seen
        self.history = history.History(home.folder() / "quality" / "history")
        self.name = ", ".join(f"{name}={Path(on.source.name).name}" for name, on in found.targets.items())
        if seen is not None:
            self.name = f"dataset={seen.name}"
        if options.beside is not None:
            self.name = options.beside.about.name
        self.earlier = self.history.earlier(self.name)
        self.raw = found
        found = sampling.opened(found, cut)
        self.found, self.first = changes.judged(found, self.earlier)
        self.scores = verdicts.scores(self.found, cut)

    def report(self, folder: Path, files: dict[str, bytes | Path]) -> document.Report:
        """The report; its files are written below `folder` and named in `files`."""
        found, options = self.found, self.options
        exported: dict[str, tuple[str, export.Exported]] = {}
        digests: dict[str, evidence.Digest] = {}
        for number, name in enumerate(found.targets):
            plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in name).strip("-") or str(number)
            file = f"evidence/bad-rows-{plain}.parquet"
            if file in files:
                file = f"evidence/bad-rows-{plain}-{number}.parquet"
            path = folder / Path(file).name
            made = export.export(found, name, path)
            if made is not None:
                files[file] = path
                exported[name] = file, made
                with path.open("rb") as stream:
                    digests[name] = evidence.Digest(sha256=ids.digest_stream(stream), covers="file", file=file)
        hashes = {name: on.source.digest() for name, on in found.targets.items()}
        told = verdicts.findings(found, {name: sha256 for name, (sha256, _) in hashes.items()}, digests)
        sampled = (_t("assess.sampled", rows=options.sample, tables=", ".join(sorted(self.cut))),) if self.cut else ()
        title = "assess.title_sample" if self.cut else "assess.title"
        beside = options.beside or Beside(self.seen.asset if self.seen else _asset(found.targets, hashes))
        name = ", ".join(found.targets)
        if self.seen or options.beside:
            name = self.seen.name if self.seen else Path(beside.about.name).name
        return document.Report(
            title=_t(title, name=name),
            created=found.as_of,
            asset=beside.about,
            findings=told,
            scorecard=self.scores,
            produced_by=(
                words.Producer(name="taihang", version=taihang.__version__),
                words.Producer(name=found.book.id, version=found.book.version, sha256=found.book.sha256),
            ),
            not_judged=(*verdicts.not_judged(found, self.cut, self.first), *beside.not_judged),
            limits=(*sampled, *(self.seen.limits() if self.seen else ()), *exhibits.faults(found), *beside.limits),
            sections=(
                *((self.seen.facts(),) if self.seen else ()),
                *beside.sections,
                *boards.boards(found, self.scores, () if self.cut else self.earlier, self._times()),
                *(standards.section(found, name) for name in self._standards()),
                *exhibits.sections_of(found, told, exported, show_values=options.show_values),
            ),
        )

    def _standards(self) -> tuple[str, ...]:
        """The standards asked for, and the shipped one that the book itself is."""
        own = (self.found.book.id,) if "standard" in self.found.book.scope and self.seen is not None else ()
        return tuple(dict.fromkeys((*self.options.standards, *own)))

    def keep(self, report: document.Report) -> None:
        """Add the run to the history of the asset; a sample is no run."""
        if self.options.keep and not self.cut:
            self.history.add(self.name, history.Run.of(self.raw, self.scores, report.asset.sha256))

    def _times(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for one in self.options.by_time:
            table, dot, column = one.partition(".")
            if dot and table in self.found.targets:
                found[table] = column
            else:
                holders = [n for n, on in self.found.targets.items() if one in on.source.schema.names]
                found |= dict.fromkeys(holders or list(self.found.targets)[:1], one)
        return found


def _t(key: str, **values: object) -> i18n.Text:
    return i18n.Message(key=f"app:{key}", values=values).both()


def asset_of(targets: Mapping[str, target.Target]) -> asset.Asset:
    """Tables as the asset that a report on them names."""
    return _asset(targets, {name: on.source.digest() for name, on in targets.items()})


def _asset(targets: Mapping[str, target.Target], hashes: Mapping[str, tuple[str, int]]) -> asset.Asset:
    values: Sequence[tuple[str, int]] = list(hashes.values())
    names = [Path(on.source.name).name for on in targets.values()]
    sha256 = values[0][0] if len(values) == 1 else ids.digest_json([[n, *h] for n, h in hashes.items()])
    return asset.Asset(kind="table", name=", ".join(names), sha256=sha256, size=sum(size for _, size in values))

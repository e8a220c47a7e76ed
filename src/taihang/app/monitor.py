"""Monitor: a history of an asset in, what is unusual about its newest points out."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq

import taihang
from taihang.core import asset, errors, finding, i18n, ids, words
from taihang.data.quality.monitors import days, exhibits, reading, season, track, watch
from taihang.report import bundle, document
from taihang.rules import judge, rulebook
from taihang.rules import table as tabling

Path_ = str | os.PathLike[str]
OBSERVED = "evidence/monitor.parquet"
_LARGEST_FEEDBACK = 16 << 20
_NAMES = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Monitored:
    """The report, its page, and what was watched. `exit_code`: 1 with a finding at or above `fail_on`, else 0."""

    report: document.Report
    page: Path
    found: watch.Watched
    exit_code: int


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """How a history is watched and told; see watch.Options.

    `history` may be a folder of reports of profile and assess, or a table; `time` names the table's column of times,
    `asset` which of several assets. `calendar`: `china`, `none` or a file. `feedback`: a CSV of monitor, at, verdict.
    `rules`: a book over the tables `monitor` and `drift` instead of the shipped one.
    """

    asset: str | None = None
    time: str | None = None
    zone: str = "Asia/Shanghai"
    calendar: str = "china"
    model: watch.Model = "seasonal"
    budget: float = 1.0
    last: int = 1
    since: datetime.datetime | None = None
    feedback: Path_ | None = None
    rules: Path_ = watch.BOOK
    formats: tuple[str, ...] = bundle.DEFAULT


def monitor(
    history: Path_ | reading.History,
    *,
    out: Path_,
    lang: i18n.Language | None = None,
    fail_on: words.Level | Literal["red", "orange", "yellow", "blue", "info"] | None = None,
    options: Options | None = None,
    told: Callable[[str], Mapping[tuple[str, str], str]] | None = None,
    subject: asset.Asset | None = None,
) -> Monitored:
    """Judge the newest points of a history by bands learned from the earlier ones; write a report to `out`.

    `told` gives feedback on the asset of a name, beside that of the options' file; `subject` is the version that the
    report is about, else the history itself. Raises errors.UserError for what cannot be used,
    errors.Failure when the machine fails.
    """
    options = options or Options()
    if lang is not None:
        i18n.use(lang)
    bundle.known(options.formats)
    bundle.usable(Path(out))
    if not 0 < options.budget <= 1000 or not options.last >= 1:
        raise errors.UserError("app:monitor.budget", budget=options.budget)
    zone = season.zone_of(options.zone)
    calendar = days.load(options.calendar)
    book = rulebook.load(options.rules)
    feedback = _feedback(Path(options.feedback)) if options.feedback is not None else {}
    if not isinstance(history, reading.History):
        place = Path(history)
        history = (
            reading.folder(place, options.asset) if place.is_dir() else reading.table(str(history), options.time, zone)
        )
    if told is not None:
        feedback = {**told(history.panel.asset), **feedback}
    since = options.since
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=zone)
    found = watch.watch(
        history.panel, watch.Options(options.model, options.budget, zone, calendar, options.last, since, feedback)
    )
    report, judged = _report(history, found, book, subject)
    files: dict[str, bytes | Path] = {OBSERVED: judged}
    paths = bundle.write(report, Path(out), i18n.current(), files, options.formats)
    floor = words.Level(fail_on) if fail_on is not None else None
    failed = floor is not None and any(f.level.reaches(floor) for f in report.findings)
    return Monitored(report, paths.page, found, 1 if failed else 0)


def _report(
    history: reading.History, found: watch.Watched, book: rulebook.Rulebook, subject: asset.Asset | None
) -> tuple[document.Report, bytes]:
    on = found.panel
    producer = words.Producer(name="taihang", version=taihang.__version__)
    contents = {d for d in on.digests if d}
    sha256 = ids.digest_json([on.asset, [t.isoformat() for t in on.times], [d or "" for d in on.digests]])
    if len(contents) == 1:
        sha256 = contents.pop()
    tables = {
        watch.TABLE: tabling.Table(found.data, asset=sha256, produced_by=(producer,)),
        watch.DRIFT: tabling.Table(watch.drifts(history.drifts), asset=sha256, produced_by=(producer,)),
    }
    judgement = judge.judge(book, tables)
    made = document.Report(
        title=_t("monitor.title", name=on.asset),
        created=datetime.datetime.now(datetime.UTC).astimezone(found.options.zone),
        synthetic=history.synthetic or bool(subject and subject.synthetic),
        asset=subject
        or asset.Asset(
            kind="table", name=on.asset, sha256=sha256, size=int(on.values.nbytes), synthetic=history.synthetic
        ),
        findings=tuple(map(_told_once, judgement.findings)),
        produced_by=(producer, words.Producer(name=book.id, version=book.version, sha256=book.sha256)),
        not_judged=_not_judged(judgement.not_judged, found, book, drifted=bool(history.drifts)),
        limits=_limits(history, found),
        sections=exhibits.sections_of(found, history.drifts),
    )
    sink = io.BytesIO()
    pq.write_table(found.data, sink)
    return made, sink.getvalue()


def _told_once(one: finding.Finding) -> finding.Finding:
    """The finding without the measures that its message repeats."""
    return one.model_copy(update={"measured": {k: v for k, v in one.measured.items() if not k.startswith("told_")}})


def _not_judged(
    left: tuple[finding.NotJudged, ...], found: watch.Watched, book: rulebook.Rulebook, *, drifted: bool
) -> tuple[finding.NotJudged, ...]:
    """Rules about what this history has; where it is too short, how much is missing."""
    kinds = {f"monitor.{one.kind}" for one in found.panel.monitors}
    points, span = track.needs(found.season)
    values = {
        "points": len(found.panel.times), "days": f"{found.panel.span_s / 86400:.1f}", "need_points": points,
        "need_days": f"{span / 86400:.0f}",
    }  # fmt: skip
    made = []
    for one in left:
        if one.rule is not None and (one.rule == "drift.psi" and not drifted):
            continue
        if one.rule is not None and one.rule.startswith("monitor.") and book.id == watch.BOOK:
            if one.rule not in kinds:
                continue
            reason = i18n.Message(key="data.quality.monitors:not_judged.short", values=values).both()
            made.append(one.model_copy(update={"reason": reason, "code": "history"}))
        else:
            made.append(one)
    return tuple(made)


def _limits(history: reading.History, found: watch.Watched) -> tuple[i18n.Text, ...]:
    made = []
    if found.short and len(found.short) < len(found.panel.monitors):
        made.append(exhibits.t("limit.partly", count=len(found.short), names=", ".join(found.short[:_NAMES])))
    if history.left:
        made.append(exhibits.t("limit.left", count=history.left))
    if history.unread:
        made.append(exhibits.t("limit.unread", count=len(history.unread), names=", ".join(history.unread[:_NAMES])))
    if found.years:
        made.append(exhibits.t("limit.years", years=", ".join(map(str, found.years))))
    if found.lost:
        made.append(exhibits.t("limit.lost", count=len(found.lost)))
    if any(not one.exact for one in history.drifts):
        made.append(exhibits.t("limit.rough"))
    if len(found.panel.times) > 1 and not found.season.daily and not found.season.intraday:
        made.append(exhibits.t("limit.gaps"))
    return tuple(made)


def _feedback(path: Path) -> dict[tuple[str, str], str]:
    """Feedback by (monitor, ISO time). Raises errors.UserError."""
    try:
        if path.stat().st_size > _LARGEST_FEEDBACK:
            raise errors.UserError("data.quality.monitors:reading.large", path=path, most=_LARGEST_FEEDBACK >> 20)
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")))
        made = {}
        for number, row in enumerate(rows, 2):
            name, at, verdict = ((row.get(k) or "").strip() for k in ("monitor", "at", "verdict"))
            if verdict not in {"false", "true"} or not name or not _is_time(at):
                raise errors.UserError("data.quality.monitors:feedback.file", path=path, line=number)
            made[name, at] = verdict
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise errors.UserError("data.quality.monitors:reading.profile", path=path, reason=reason) from None
    return made


def _is_time(text: str) -> bool:
    try:
        return datetime.datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _t(key: str, **values: object) -> i18n.Text:
    return i18n.Message(key=f"app:{key}", values=values).both()

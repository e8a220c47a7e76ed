"""Reading: a history from reports in a folder, or from a table with a column of times."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pydantic

from taihang.core import errors, scorecard
from taihang.data.profile import profile as profiles
from taihang.data.quality.monitors import drift, features, panel
from taihang.engines.sources import opening, plain, source
from taihang.report import json as reporting

PROFILE = "evidence/profile.json"
MOST_REPORTS = 20_000
MOST_MONITORS = 2_000
_LARGEST = 256 << 20
_MOST_POINTS = 500_000


@dataclasses.dataclass(frozen=True)
class Told:
    """One report of an asset: when it was made, of which content, and what it measured."""

    at: datetime.datetime
    asset: str
    sha256: str
    source: str
    profile: profiles.Profile | None = None
    scores: scorecard.Scorecard | None = None
    synthetic: bool = False


@dataclasses.dataclass(frozen=True)
class History:
    """A panel with the measures of the newest change, and which files were no reports that could be read."""

    panel: panel.Panel
    drifts: tuple[drift.Drift, ...] = ()
    unread: tuple[str, ...] = ()
    synthetic: bool = False
    left: int = 0


def folder(path: Path, asset: str | None = None) -> History:
    """All reports of profile and assess below a folder. `asset` chooses one by its name where there are several.

    A report that cannot be read is named in `unread`. Raises errors.UserError for a folder without reports.
    """
    if not path.is_dir():
        raise errors.UserError("data.quality.monitors:reading.folder", path=path)
    told: list[Told] = []
    unread: list[str] = []
    for file in _reports(path):
        try:
            told.append(of_report(file.parent))
        except errors.TaihangError:
            unread.append(str(file))
    names = sorted({one.asset for one in told})
    if not names:
        raise errors.UserError("data.quality.monitors:reading.none", path=path, unread=len(unread))
    if asset is None and len(names) > 1:
        raise errors.UserError("data.quality.monitors:reading.several", path=path, names=", ".join(names[:10]))
    if asset is not None and asset not in names:
        raise errors.UserError(
            "data.quality.monitors:reading.asset", path=path, asset=asset, names=", ".join(names[:10])
        )
    return history([one for one in told if one.asset == (asset or names[0])], tuple(unread))


def of_report(place: Path) -> Told:
    """What one report's folder says. Raises errors.UserError."""
    file, measured = place / reporting.NAME, place / PROFILE
    report = reporting.load(_read(file))
    profile = None
    if measured.is_file():
        profile = of_profile(_read(measured), str(measured))
    return Told(
        at=profile.created if profile else report.created,
        asset=profile.asset.name if profile else report.asset.name,
        sha256=report.asset.sha256,
        source=str(place),
        profile=profile,
        scores=report.scorecard if report.scorecard.scores else None,
        synthetic=report.synthetic,
    )


def of_profile(data: bytes, where: str) -> profiles.Profile:
    """A profile from its JSON. Raises errors.UserError."""
    try:
        return profiles.Profile.model_validate_json(data)
    except pydantic.ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise errors.UserError("data.quality.monitors:reading.profile", path=where, reason=reason) from None


def history(told: Sequence[Told], unread: tuple[str, ...] = ()) -> History:
    """Reports of one asset as a panel; each profile is compared with the one before it."""
    order = sorted(told, key=lambda one: one.at)
    rows: list[tuple[datetime.datetime, dict[str, float]]] = []
    known: dict[str, panel.Monitor] = {}
    before: profiles.Profile | None = None
    drifts: tuple[drift.Drift, ...] = ()
    for one in order:
        found: features.Found = {}
        if one.scores is not None:
            found |= features.of_scores(one.scores)
        if one.profile is not None:
            found |= features.of_profile(one.profile)
            if before is not None:
                changed, drifts = features.of_change(before, one.profile)
                found |= changed
            before = one.profile
        if rows:
            gap = (one.at - rows[-1][0]).total_seconds()
            found["interval"] = panel.Monitor("interval", "freshness", "", "s", high_only=True), gap
        known |= {name: monitor for name, (monitor, _) in found.items()}
        rows.append((one.at, {name: value for name, (_, value) in found.items()}))
    kept = dict(list(known.items())[:MOST_MONITORS])
    made = panel.of_rows(
        order[-1].asset, rows, kept, sources=[one.source for one in order], digests=[one.sha256 for one in order]
    )
    return History(made, drifts, unread, any(one.synthetic for one in order), len(known) - len(kept))


def table(spec: str, time: str | None, zone: datetime.tzinfo) -> History:
    """Number columns of a table over its column of times: the one named, or the first that holds times.

    Times without a zone are of `zone`. Raises errors.UserError.
    """
    opened = opening.open(spec)
    column = time_column(opened, time)
    numbers = [c.name for c in opened.columns if c.name != column and is_number(c.type)]
    if not numbers:
        raise errors.UserError("data.quality.monitors:reading.numbers", path=opened.name)
    every: list[datetime.datetime] = []
    parts: list[np.ndarray] = []
    for chunk in opened.chunks([column, *numbers]):
        some = stamps(chunk.data.column(column), opened.name, column, zone)
        found = [floats(chunk.data.column(name)) for name in numbers]
        keep = np.array([t is not None for t in some], bool)
        every += [t for t in some if t is not None]
        parts.append(np.column_stack(found)[keep])
        if len(every) > _MOST_POINTS:
            raise errors.UserError("data.quality.monitors:reading.long", path=opened.name, most=_MOST_POINTS)
    if not every:
        raise errors.UserError("data.quality.monitors:reading.times", path=opened.name, column=column)
    sha256, _ = opened.digest()
    kept = numbers[:MOST_MONITORS]
    values = np.concatenate(parts)[:, : len(kept)]
    # Of two rows of one time the later one stays.
    places = {at: row for row, at in enumerate(every)}
    order = sorted(places)
    values = values[[places[at] for at in order]]
    values[~np.isfinite(values)] = np.nan
    monitors = [panel.Monitor(name, "value") for name in kept]
    gaps = np.append(np.nan, np.diff([t.timestamp() for t in order]))
    monitors.append(panel.Monitor("interval", "freshness", "", "s", high_only=True))
    made = panel.Panel(
        Path(opened.name).name, tuple(order), tuple(monitors), np.column_stack([values, gaps]),
        (opened.name,) * len(order), (sha256,) * len(order),
    )  # fmt: skip
    return History(made, left=len(numbers) - len(kept))


def _reports(path: Path) -> Iterable[Path]:
    count = 0
    for place, folders, files in os.walk(path):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "evidence")
        if reporting.NAME in files:
            count += 1
            if count > MOST_REPORTS:
                raise errors.UserError("data.quality.monitors:reading.many", path=path, most=MOST_REPORTS)
            yield Path(place) / reporting.NAME


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise errors.UserError("data.quality.monitors:reading.large", path=path, most=_LARGEST >> 20)
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise errors.UserError("data.quality.monitors:reading.profile", path=path, reason=reason) from None


def time_column(opened: source.Source, named: str | None) -> str:
    """The column of times: the one named, else the first that holds some. Raises errors.UserError."""
    names = [c.name for c in opened.columns]
    if named is not None:
        if named not in names:
            known = ", ".join(names[:40])
            raise errors.UserError("engines.sources:column", path=opened.name, column=named, known=known)
        return named
    for column in opened.columns:
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            return column.name
    texts = [c.name for c in opened.columns if pa.types.is_string(c.type) or pa.types.is_large_string(c.type)]
    for chunk in opened.chunks(texts, rows=100) if texts else ():
        for name in texts:
            some = [v for v in chunk.data.column(name).to_pylist()[:20] if v]
            if some and all(_parsed(v) is not None for v in some):
                return name
        break
    raise errors.UserError("data.quality.monitors:reading.no_time", path=opened.name, known=", ".join(names[:40]))


def _parsed(value: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(value.strip().replace("/", "-"))
    except ValueError:
        return None


def stamps(values: pa.Array, where: str, column: str, zone: datetime.tzinfo) -> list[datetime.datetime | None]:
    """Times of a column, those without a zone in `zone`; None for NULL. Raises errors.UserError for another text."""
    kind = values.type
    if pa.types.is_date(kind):
        values = values.cast(pa.timestamp("us"))
    elif pa.types.is_timestamp(kind):
        values = pc.cast(values, pa.timestamp("us", kind.tz), safe=False)
    elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise errors.UserError("data.quality.monitors:reading.times", path=where, column=column)
    found: list[datetime.datetime | None] = []
    for value in plain.listed(values):
        at = _parsed(value) if isinstance(value, str) else value
        if at is None and value:
            raise errors.UserError(
                "data.quality.monitors:reading.time", path=where, column=column, value=str(value)[:80]
            )
        found.append(at if at is None or at.tzinfo else at.replace(tzinfo=zone))
    return found


def is_number(kind: pa.DataType) -> bool:
    """True for whole, floating and decimal numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def floats(values: pa.Array) -> np.ndarray:
    """A column of numbers as doubles, NaN for NULL."""
    made: np.ndarray = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return made

"""Timing: the time series of a table's columns, and the path that somebody or something took."""

from __future__ import annotations

import datetime
import json
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import errors
from taihang.data.quality.media import unfit
from taihang.data.quality.metrics import series, trajectory
from taihang.data.quality.monitors import reading
from taihang.engines.sources import opening, source

Floats = npt.NDArray[np.float64]
PATHS = frozenset({".gpx", ".geojson"})
TABLES = frozenset({".csv", ".tsv", ".parquet", ".pq", ".arrow", ".feather"})
_TIMES = ("time", "timestamp", "ts", "t", "seconds", "时间", "时间戳")
_AXES = (
    (("lat", "latitude", "纬度"), ("lon", "lng", "long", "longitude", "经度")),
    (("y", "north", "northing"), ("x", "east", "easting")),
)
_EARTH_M = 6_371_008.8  # mean radius, IUGG
_MOST_TRACKS = 10_000
# Whole numbers since 1970 in thousandths, millionths and thousand-millionths of a second.
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))


def columns(path: Path, most: int) -> Iterator[tuple[str, series.Series]]:
    """Each number column of a table over its column of times, in the order of the file.

    Raises unfit.Unfit: `untimed`, `no_numbers`, `large` for more than `most` rows; errors.UserError of the source.
    """
    opened, time, numbers = _opened(path)
    times, values = _read(opened, time, numbers, most)
    for place, name in enumerate(numbers):
        yield name, series.Series(times, values[:, place])


def paths(path: Path, most: int, largest: int) -> Iterator[tuple[str, trajectory.Path]]:
    """Each path of a GPX or GeoJSON document, or the one of a table with a time and two coordinates.

    Raises unfit.Unfit: `untimed`, `no_path`, `coordinates` beyond the globe, `large`, `damaged`.
    """
    suffix = path.suffix.lower()
    if suffix in PATHS:
        if path.stat().st_size > largest:
            raise unfit.Unfit("large")
        data = path.read_bytes()
        found = _gpx(data) if suffix == ".gpx" else _geojson(data)
        if not found:
            raise unfit.Unfit("no_path")
        for name, stamps, places in found[:_MOST_TRACKS]:
            yield name, _path(stamps, places)
        return
    opened, time, numbers = _opened(path)
    for north, east in _AXES:
        pair = [next((n for n in numbers if n.strip().lower() in known), None) for known in (north, east)]
        if pair[0] is not None and pair[1] is not None:
            times, values = _read(opened, time, [pair[0], pair[1]], most)
            yield "", _path(times, values) if north is _AXES[0][0] else trajectory.Path(times, values[:, ::-1])
            return
    raise unfit.Unfit("no_path")


def _opened(path: Path) -> tuple[source.Source, str, list[str]]:
    opened = opening.open(str(path))
    try:
        time = reading.time_column(opened, None)
    except errors.UserError:
        named = [c.name for c in opened.columns if c.name.strip().lower() in _TIMES]
        if not named:
            raise unfit.Unfit("untimed") from None
        time = named[0]
    numbers = [c.name for c in opened.columns if c.name != time and reading.is_number(c.type)]
    if not numbers:
        raise unfit.Unfit("no_numbers")
    return opened, time, numbers


def _read(opened: source.Source, time: str, numbers: Sequence[str], most: int) -> tuple[Floats, Floats]:
    found: list[Floats] = []
    parts: list[Floats] = []
    rows = 0
    for chunk in opened.chunks([time, *numbers]):
        column = chunk.data.column(time)
        if reading.is_number(column.type):
            seconds = reading.floats(column)
        elif time.strip().lower() in _TIMES and (plain := _plain(column)) is not None:
            seconds = plain
        else:
            at = reading.stamps(column, opened.name, time, datetime.UTC)
            seconds = np.array([t.timestamp() if t is not None else math.nan for t in at])
        keep = np.isfinite(seconds)
        found.append(seconds[keep])
        values = np.column_stack([reading.floats(chunk.data.column(name)) for name in numbers])[keep]
        values[~np.isfinite(values)] = np.nan
        parts.append(values)
        rows += len(values)
        if rows > most:
            raise unfit.Unfit("large")
    if not rows:
        raise unfit.Unfit("untimed")
    times = np.concatenate(found)
    size = float(np.median(np.abs(times)))
    return times / next((unit for least, unit in _UNITS if size > least), 1.0), np.concatenate(parts)


def _plain(column: pa.Array) -> Floats | None:
    """Seconds that stand in a column of texts, as long whole numbers do."""
    if not pa.types.is_string(column.type):
        return None
    try:
        return reading.floats(column)
    except pa.ArrowInvalid:
        return None


def _path(times: Sequence[float] | Floats, places: Sequence[tuple[float, float]] | Floats) -> trajectory.Path:
    """Degrees (n, 2) of latitude and longitude as metres east and north of the first position."""
    at, degrees = np.asarray(times, np.float64), np.asarray(places, np.float64).reshape(-1, 2)
    whole = np.isfinite(degrees).all(axis=1)
    at, degrees = at[whole], degrees[whole]
    if not len(at):
        raise unfit.Unfit("no_path")
    if not np.isfinite(at).all():
        raise unfit.Unfit("untimed")
    if (np.abs(degrees) > (90.0, 180.0)).any():
        raise unfit.Unfit("coordinates")
    moved = np.radians(degrees - degrees[0])
    moved[:, 1] = (moved[:, 1] + math.pi) % (2 * math.pi) - math.pi  # across the date line is a small step
    east = moved[:, 1] * math.cos(math.radians(float(degrees[:, 0].mean())))
    return trajectory.Path(at, _EARTH_M * np.column_stack([east, moved[:, 0]]))


_Track = tuple[str, list[float], list[tuple[float, float]]]


def _gpx(data: bytes) -> list[_Track]:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise unfit.Unfit("damaged")
    try:
        root = ET.fromstring(data)  # noqa: S314 - see above
    except (ET.ParseError, ValueError, LookupError, RecursionError):
        raise unfit.Unfit("damaged") from None
    made: list[_Track] = []
    for number, track in enumerate(root.iterfind("{*}trk")):
        points = list(track.iterfind("{*}trkseg/{*}trkpt"))
        if points:
            times = [_seconds(one.findtext("{*}time")) for one in points]
            made.append((
                (track.findtext("{*}name") or str(number)).strip()[:200], times,
                [(_number(one.get("lat")), _number(one.get("lon"))) for one in points],
            ))  # fmt: skip
    return made


def _geojson(data: bytes) -> list[_Track]:
    try:
        root = json.loads(data)
    except (ValueError, RecursionError):
        raise unfit.Unfit("damaged") from None
    features = root.get("features") if isinstance(root, dict) and "features" in root else [root]
    made: list[_Track] = []
    for number, one in enumerate(features if isinstance(features, list) else []):
        shape = one.get("geometry") if isinstance(one, dict) else None
        if not isinstance(shape, dict) or shape.get("type") != "LineString":
            continue
        said = one.get("properties")
        said = said if isinstance(said, dict) else {}
        coordinates = shape.get("coordinates")
        coordinates = coordinates if isinstance(coordinates, list) else []
        times = _stamps(said)
        if len(times) != len(coordinates):
            raise unfit.Unfit("untimed")
        pairs = [
            (_number(c[1]), _number(c[0])) if isinstance(c, list) and len(c) > 1 else (math.nan, math.nan)
            for c in coordinates
        ]
        made.append((str(said.get("name") or number)[:200], [_seconds(t) for t in times], pairs))
    return made


def _stamps(said: Mapping[str, Any]) -> list[Any]:
    """Times of a line, as converters from GPX write them."""
    more = said.get("coordinateProperties")
    for found in (said.get("coordTimes"), said.get("times"), more.get("times") if isinstance(more, dict) else None):
        if isinstance(found, list):
            return found
    return []


def _seconds(given: Any) -> float:
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return next((given / unit for least, unit in _UNITS if abs(given) > least), float(given))
    try:
        at = datetime.datetime.fromisoformat(str(given or "").strip())
    except ValueError:
        return math.nan
    return at.replace(tzinfo=at.tzinfo or datetime.UTC).timestamp()


def _number(given: Any) -> float:
    try:
        return float(given) if given is not None else math.nan
    except (TypeError, ValueError, OverflowError):
        return math.nan

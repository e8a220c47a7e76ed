"""Zones: polygons drawn once on a frame and kept as a file.

File form (`*.zones.yaml`)::

    taihang: zones/1
    frame: {time_s: 0.0, width: 960, height: 540, image: reference.png}   # image is optional
    zones:
      - {name: shaft, kind: restricted, points: [[10, 20], [200, 20], [200, 300]]}

Points are pixels of the shown frame; `image`, beside the file, is the frame they were drawn on.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pydantic
import yaml

from taihang.core import errors, ids, words

Kind = Literal["restricted", "post", "equipment", "area"]
KINDS: tuple[Kind, ...] = ("restricted", "post", "equipment", "area")
_LARGEST_FILE = 1 << 20
_MOST_ZONES = 200
_MOST_POINTS = 500


class Zone(words.Word):
    """A named polygon in pixels of the frame it was drawn on."""

    name: str = pydantic.Field(min_length=1, max_length=100)
    kind: Kind
    points: tuple[tuple[float, float], ...] = pydantic.Field(min_length=3, max_length=_MOST_POINTS)

    def array(self) -> npt.NDArray[np.float64]:
        """The corners, shape (n, 2)."""
        return np.asarray(self.points, dtype=np.float64)


class Drawn(words.Word):
    """The frame the zones were drawn on; `video` is the SHA-256 of the film it is from."""

    time_s: float = pydantic.Field(default=0.0, ge=0)
    width: int = pydantic.Field(ge=1, le=100_000)
    height: int = pydantic.Field(ge=1, le=100_000)
    image: str | None = None
    video: words.Sha256 | None = None


class Zones(words.Word):
    """The zones of one camera view; `sha256` covers the file."""

    frame: Drawn
    zones: tuple[Zone, ...] = pydantic.Field(max_length=_MOST_ZONES)
    sha256: words.Sha256
    path: str

    def of_kind(self, kind: Kind) -> tuple[Zone, ...]:
        """The zones of one kind, in file order."""
        return tuple(z for z in self.zones if z.kind == kind)

    def image(self) -> Path | None:
        """The reference picture beside the file, if the file names one."""
        return Path(self.path).parent / self.frame.image if self.frame.image else None

    def scaled(self, width: int, height: int) -> Zones:
        """The zones for a frame of another size.

        Raises errors.UserError when the sizes differ in shape by more than 1 %.
        """
        fx, fy = width / self.frame.width, height / self.frame.height
        if (fx, fy) == (1.0, 1.0):
            return self
        if abs(fx / fy - 1) > 0.01:
            drawn = f"{self.frame.width}x{self.frame.height}"
            raise errors.UserError("use.video:zones.size", path=self.path, drawn=drawn, shown=f"{width}x{height}")
        moved = tuple(z.model_copy(update={"points": tuple((x * fx, y * fy) for x, y in z.points)}) for z in self.zones)
        return self.model_copy(
            update={"zones": moved, "frame": self.frame.model_copy(update={"width": width, "height": height})}
        )


def load(path: Path) -> Zones:
    """Read a zones file.

    Raises errors.UserError, naming the file and the zone, for anything that is not zones inside
    their frame.
    """
    data = _read(path)
    if not isinstance(data, dict):
        raise errors.UserError("use.video:zones.form", path=path, reason="taihang: zones/1, frame:, zones:")
    data = dict(data)
    if data.pop("taihang", None) != "zones/1":
        raise errors.UserError("use.video:zones.form", path=path, reason="taihang: zones/1")
    try:
        zones = Zones.model_validate({**data, "sha256": ids.digest(path.read_bytes()), "path": str(path)})
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        raise errors.UserError("use.video:zones.form", path=path, reason=f"{place}: {first['msg']}") from None
    _check(zones, path)
    return zones


def _read(path: Path) -> Any:
    try:
        size = path.stat().st_size
        if not path.is_file() or size > _LARGEST_FILE:
            raise errors.UserError("use.video:zones.form", path=path, reason=f"> {_LARGEST_FILE} bytes")
        text = path.read_text(encoding="utf-8")
        # Aliases let a small file unfold into a huge one.
        if any(isinstance(e, yaml.AliasEvent) for e in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise errors.UserError("use.video:zones.form", path=path, reason="YAML aliases")
        return yaml.safe_load(text)
    except OSError as error:
        raise errors.UserError("use.video:zones.unreadable", path=path, reason=error.strerror) from None
    except (UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise errors.UserError("use.video:zones.form", path=path, reason=reason) from None


def _check(zones: Zones, path: Path) -> None:
    width, height = zones.frame.width, zones.frame.height
    image = zones.frame.image
    if image and (Path(image).is_absolute() or ".." in Path(image).parts):
        raise errors.UserError("use.video:zones.form", path=path, reason="frame.image")
    names: set[str] = set()
    for zone in zones.zones:
        if zone.name in names:
            raise errors.UserError("use.video:zones.twice", path=path, zone=zone.name)
        names.add(zone.name)
        for x, y in zone.points:
            if not (math.isfinite(x) and math.isfinite(y) and 0 <= x <= width and 0 <= y <= height):
                size = f"{width}x{height}"
                raise errors.UserError(
                    "use.video:zones.outside", path=path, zone=zone.name, x=f"{x:g}", y=f"{y:g}", size=size
                )
        if area(zone.array()) < 1.0:
            raise errors.UserError("use.video:zones.flat", path=path, zone=zone.name)


def area(points: npt.NDArray[np.float64]) -> float:
    """Area of a simple polygon in square pixels (shoelace)."""
    x, y = points[:, 0], points[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def inside(points: npt.NDArray[np.float64], polygon: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which of `points` (n, 2) lie in `polygon` (m, 2), by the even-odd rule."""
    x, y = points[:, 0][:, None], points[:, 1][:, None]
    x0, y0 = polygon[:, 0], polygon[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    crosses = (y0 > y) != (y1 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = (x1 - x0) * (y - y0) / (y1 - y0) + x0
    hits = crosses & (x < at)
    return np.asarray(hits.sum(axis=1) % 2 == 1)

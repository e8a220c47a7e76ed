"""Orientation: how a stored picture is turned before it is shown (ISO/IEC 14496-12, track matrix)."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import SideDataContainer, Type

from taihang.engines.media import frame as frames


@dataclasses.dataclass(frozen=True, slots=True)
class Orientation:
    """Mirror left-right first when `mirror`, then turn clockwise by `turns` quarters.

    `exact` is False when the file asks for an angle that is no quarter turn: the nearest one is used.
    """

    turns: int = 0
    mirror: bool = False
    exact: bool = True

    def shown(self, width: int, height: int) -> tuple[int, int]:
        """Width and height as shown of a stored width and height."""
        return (height, width) if self.turns % 2 else (width, height)

    def image(self, stored: frames.Image) -> frames.Image:
        """The picture as shown, contiguous."""
        turned = np.rot90(stored[:, ::-1] if self.mirror else stored, -self.turns)
        return np.ascontiguousarray(turned)

    def vectors(self, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Directions (right, down) in the stored picture as directions in the shown one."""
        if self.mirror:
            x = -x
        for _ in range(self.turns):
            x, y = -y, x
        return x, y

    def points(
        self, x: npt.NDArray[Any], y: npt.NDArray[Any], width: int, height: int
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Pixel centres in the stored picture (`width` x `height`) as pixels of the shown one."""
        if self.mirror:
            x = width - 1 - x
        for _ in range(self.turns):
            x, y = height - 1 - y, x
            width, height = height, width
        return x, y


def of(decoded: Any) -> Orientation:
    """Orientation of a decoded PyAV frame, from its display matrix."""
    found = side_data(decoded, Type.DISPLAYMATRIX)
    if found is None:
        return Orientation()
    matrix = np.frombuffer(bytes(found)[:36], dtype="=i4").astype(float)
    if len(matrix) < 9:
        return Orientation()
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    mirror = a * d - b * c < 0
    if mirror:
        a, b = -a, -b
    if not (a or b):
        return Orientation(exact=False)
    quarters = math.atan2(b, a) / (math.pi / 2)
    turns = round(quarters)
    return Orientation(turns % 4, mirror, abs(quarters - turns) < 0.02)


def side_data(decoded: Any, kind: Type) -> Any:
    """A decoded frame's side data of one kind, or None.

    `frame.side_data` would tie the frame to itself, and a film's frames would pile up until the
    garbage collector runs; a container of our own does not.
    """
    container = SideDataContainer(decoded)  # type: ignore[call-arg]
    return next((s for s in container if s.type == kind), None)

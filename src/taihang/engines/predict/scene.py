"""What is known of a scene before any frame is looked at closely."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import numpy.typing as npt

Camera = Literal["fixed", "worn", "unknown"]
Image = npt.NDArray[np.uint8]


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """The camera, and for a fixed one what it sees when nobody is there.

    `background` is (h, w, 3) uint8 RGB, smaller than the frames but of their shape.
    """

    camera: Camera = "unknown"
    background: Image | None = None

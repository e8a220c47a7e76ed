"""Backdrop: the place without people in one frame, and what is needed to put people into it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

from taihang.use.video.scene import zone
from taihang.use.video.scene.image import Field, Pixels
from taihang.use.video.scene.view import View


@dataclasses.dataclass(frozen=True, slots=True)
class Backdrop:
    """`picture` may be drawn on; `depth` is in metres, None when nothing can hide a person; `brightness`
    tells the light on a person at (x, z); `smear` is the motion blur sideways, in pixels."""

    picture: Pixels
    view: View
    depth: Field | None
    brightness: Callable[[float, float], float]
    smear: int = 0


class Place(Protocol):
    """Where people are, seen by a fixed or a moving camera; `reference_s` is when its zones are drawn."""

    grounds: tuple[zone.Ground, ...]
    reference_s: float

    def backdrop(self, number: int) -> Backdrop:
        """The place in a frame; frames may be asked for in any order."""

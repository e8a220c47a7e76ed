"""What is known of a scene before any frame is looked at closely."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from taihang.engines.predict import background as backgrounds

if TYPE_CHECKING:
    from taihang.engines.media import frame as media

Camera = Literal["fixed", "worn", "unknown"]
_KEPT = 96


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """The camera, and what it sees when nobody is there, where that could be learnt.

    `background` is (h, w, 3) uint8 RGB, smaller than the frames but of their shape.
    """

    camera: Camera = "unknown"
    background: backgrounds.Image | None = None


def of(frames: Iterable[media.Frame], camera: Camera = "unknown") -> Scene:
    """The scene that a film's frames show, such as its key frames, in the order of time.

    They may be many: an even sample of them is kept, and small. A worn camera has no background,
    and so has a film of too few frames or one in which little stays the same.
    """
    kept: list[backgrounds.Image] = []
    if camera != "worn":
        stride = 1
        for place, frame in enumerate(frames):
            if place % stride:
                continue
            kept.append(backgrounds.small(frame.image))
            if len(kept) > _KEPT:
                kept, stride = kept[::2], stride * 2
        kept = [image for image in kept if image.shape == kept[0].shape]
    return Scene(camera, backgrounds.learn(kept))

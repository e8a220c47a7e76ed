"""A rendered mine-inspection video with planted events: made by this project, marked synthetic, its truth known.

`render(path, script, seed)` writes a video with its truth beside it; `sample()` is the script that is
used when no video is named; `random_script(seed, …)` makes others. Loaded when first used: drawing is heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taihang.use.video.scene.chance import random_script as random_script
    from taihang.use.video.scene.film import render as render
    from taihang.use.video.scene.script import Camera as Camera
    from taihang.use.video.scene.script import Event as Event
    from taihang.use.video.scene.script import Script as Script
    from taihang.use.video.scene.script import sample as sample
    from taihang.use.video.scene.truth import Truth as Truth

_LAZY = {
    "render": "film",
    "Camera": "script",
    "Event": "script",
    "Script": "script",
    "sample": "script",
    "random_script": "chance",
    "Truth": "truth",
}
__all__ = ["Camera", "Event", "Script", "Truth", "random_script", "render", "sample"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"taihang.use.video.scene.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Sample: a synthetic video with planted events, with its zones and its truth beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from taihang.core import job
from taihang.use.video.scene import chance, film, script


def sample(
    out: Path, camera: Literal["fixed", "worn"] = "fixed", seed: int = 0, progress: job.Progress | None = None
) -> list[Path]:
    """Render a sample to `out` (.mp4); returns the files written.

    Before the fixed camera every event of the demonstration happens once; the worn camera's round
    is drawn by lot from `seed`. Raises errors.UserError when it cannot be written there.
    """
    plan = script.sample() if camera == "fixed" else chance.random_script(seed, 1.5, "worn")
    made = film.render(out, plan, seed, progress)
    return [made.video, made.zones_file, made.manifest_file]

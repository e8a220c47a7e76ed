"""Sample: a synthetic video with planted events, with its zones and its truth beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from taihang.core import job
from taihang.use.video.scene import film, script


def sample(
    out: Path, camera: Literal["fixed", "worn"] = "fixed", seed: int = 0, progress: job.Progress | None = None
) -> list[Path]:
    """Render the sample to `out` (.mp4); returns the files written.

    Raises errors.UserError when it cannot be written there.
    """
    made = film.render(out, script.sample(camera), seed, progress)
    return [made.video, made.zones_file, made.manifest_file]

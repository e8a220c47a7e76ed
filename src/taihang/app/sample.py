"""Sample: a synthetic video with planted events, with its zones and its truth beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
import pyarrow as pa

from taihang.app import home
from taihang.core import errors, job
from taihang.engines import stages
from taihang.use.video.scene import chance, film, script


def sample(
    out: Path, camera: Literal["fixed", "worn"] = "fixed", seed: int = 0, progress: job.Progress | None = None
) -> list[Path]:
    """Render a sample to `out` (.mp4); returns the files written.

    Before the fixed camera every event of the demonstration happens once; the worn camera's round
    is drawn by lot from `seed`. What was rendered before under this name is written again, not rendered.
    Raises errors.UserError when it cannot be written there.
    """
    plan = script.sample() if camera == "fixed" else chance.random_script(seed, 1.5, "worn")
    files = [out, out.with_suffix(".zones.yaml"), out.with_suffix(".synthetic.json")]
    if out.is_dir() or not out.parent.is_dir():
        raise errors.UserError("use.video.scene:no_folder", path=out)

    def rendered() -> pa.Table:
        film.render(out, plan, seed, progress)
        return pa.table({"data": pa.array([file.read_bytes() for file in files], pa.large_binary())})

    key = {
        "script": plan.model_dump(mode="json"),
        "seed": seed,
        "name": out.name,
        "code": stages.code_version("taihang.use.video.scene"),
        "libraries": [av.__version__, cv2.__version__, np.__version__],
    }
    kept = stages.Stages(home.folder() / "stages" / "sample").table("film", key, rendered)
    for file, data in zip(files, kept["data"], strict=True):
        if not file.exists() or file.read_bytes() != data.as_py():
            stages.write_bytes(file, data.as_py())
    return files

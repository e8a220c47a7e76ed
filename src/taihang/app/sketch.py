"""Sketch: a page on which zones are drawn on one frame and saved, with no server and no network."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import json
import typing
from pathlib import Path

import jinja2
import numpy as np

from taihang.core import errors, i18n
from taihang.engines import stages
from taihang.engines.media import clips, frames
from taihang.engines.media import packets as packeting
from taihang.engines.media import probe as probing
from taihang.use.video.zoning import zones


def sketch(video: Path, out: Path, at_s: float = 0.0) -> list[Path]:
    """Write the page `out` (.html) with the frame at `at_s` seconds; the picture goes beside it.

    Returns the files written. Raises errors.UserError when the video has no frame there.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise errors.UserError("app:sketch.not_html", path=out)
    probe = probing.probe(video)
    packets = packeting.packets(video)
    number = int(np.searchsorted(packets["time_s"].to_numpy(), at_s, side="right")) - 1
    shot = next(iter(frames.frames(video, [max(number, 0)], packets)), None)
    if shot is None or at_s > probe.duration_s:
        raise errors.UserError(
            "app:sketch.no_frame", path=video, time_s=f"{at_s:g}", duration_s=f"{probe.duration_s:.1f}"
        )
    picture = out.with_name(f"{out.stem}.reference.png")
    png = clips.still(shot.image, "png")
    stages.write_bytes(picture, png)
    height, width = shot.image.shape[:2]
    facts = {
        "width": width,
        "height": height,
        "time_s": round(shot.time_s, 3),
        "image": picture.name,
        "yaml": f"{video.stem}.zones.yaml",
        "video": probe.sha256,
        "kinds": {k: i18n.text(f"app:sketch.kinds.{k}") for k in zones.KINDS},
        **{k: i18n.text(f"app:sketch.{k}") for k in ("remove", "need_name", "other_name", "need_points")},
    }
    stages.write_bytes(out, _page(video.name, png, facts).encode())
    return [out, picture]


def _page(video: str, png: bytes, facts: dict[str, typing.Any]) -> str:
    folder = importlib.resources.files("taihang.app").joinpath("templates")
    style, script, page = (folder.joinpath(f"sketch.{kind}").read_text("utf-8") for kind in ("css", "js", "html"))
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    # "<" cannot end the script element early, and U+2028/9 are legal in JSON but not in old scripts.
    safe = json.dumps(facts, ensure_ascii=True).replace("<", "\\u003c")
    return environment.from_string(page).render(
        language={"zh": "zh-CN", "en": "en"}[i18n.current()],
        t=lambda key, **values: i18n.text(f"app:{key}", None, **values),
        video=video,
        yaml=facts["yaml"],
        kinds=zones.KINDS,
        width=facts["width"],
        height=facts["height"],
        image=base64.b64encode(png).decode(),
        facts=safe,
        style=style,
        script=script,
        style_hash=_csp(style),
        script_hash=_csp(script),
    )


def _csp(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

"""Harvest: pictures of the segments that came to a receiving end, as samples that the edge found hard."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from taihang.core import errors
from taihang.engines.media import live
from taihang.model.distil import pictures
from taihang.model.routing import complexity
from taihang.use.video.cascade import cloud, link, spool

_UNTOLD = 0.5  # how hard a segment is whose facts do not say


# What a file from elsewhere may raise: one that nests too deeply, or tells a number that no float holds, too.
_NONE = (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


def is_one(folder: Path) -> bool:
    """True for the folder of a receiving end."""
    return (folder / "segments").is_dir()


def pictures_of(folder: Path, fps: float = 0.5) -> Iterator[pictures.Picture]:
    """Pictures of all segments whose clip is there, `fps` a second, in order of the segments' names.

    A clip that cannot be read is left out: what nodes send is not trusted. Raises errors.UserError for a folder of no
    receiving end and for one without any picture.
    """
    if not is_one(folder):
        raise errors.UserError("use.video:edge.no_cloud", path=folder)
    count = 0
    for place in sorted((folder / "segments").iterdir()):
        if place.name.startswith(".") or not (place / spool.FILM).is_file():
            continue
        hard, answered = _hard(place), _answered(place)
        with contextlib.suppress(errors.TaihangError):
            for shot in live.Live(str(place / spool.FILM), fps).shots():
                if isinstance(shot, live.Shot):
                    count += 1
                    yield pictures.named(f"{place.name}/{shot.number}", shot.image, hard, answered)
    if not count:
        raise errors.UserError("model.distil:no_pictures", path=folder)


def _hard(place: Path) -> float:
    """How hard the edge found a segment, in 0 to 1."""
    with contextlib.suppress(*_NONE):
        told: dict[str, Any] = json.loads((place / spool.FACTS).read_bytes())
        value = complexity.Complexity(**told["complexity"]).value
        if 0 <= value <= 1:
            return float(value)
    return _UNTOLD


def _answered(place: Path) -> pictures.Answered | None:
    """The answer to a segment, where it is one to just what came and says yes or no."""
    with contextlib.suppress(*_NONE):
        said = link.Answer.model_validate_json((place / cloud.ANSWER).read_bytes())
        rule = json.loads((place / spool.FACTS).read_bytes())["rule"]
        entry = json.loads((place / cloud.ENTRY).read_bytes())
        if said.violated is not None and said.sha256 == entry["sha256"] and isinstance(rule, str):
            return pictures.Answered(place.name, rule, said.violated)
    return None

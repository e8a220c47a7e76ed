"""Memory: lessons of runs that passed the gate, rehearsed in later ones so that nothing is forgotten.

What a refused run learnt from is never remembered: poison would come back with every rehearsal.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from taihang.core import ids
from taihang.engines import stages
from taihang.model.distil import answers, training

MOST = 500
_FILE, _SEEN = "memory.npz", "seen.json"
_FIELDS = ("heat", "sides", "trust", "attention")


@dataclasses.dataclass(frozen=True, slots=True)
class Memory:
    """Lessons below a folder. `classes` and `size` are the student's: lessons of another form are no lessons."""

    folder: Path
    classes: tuple[str, ...]
    size: tuple[int, int]

    def lessons(self) -> list[training.Lesson]:
        """Those that are kept; none when the file is damaged or of another form."""
        try:
            with np.load(self.folder / _FILE, allow_pickle=False) as kept:
                told = json.loads(bytes(kept["told"]))
                if told["classes"] != list(self.classes) or told["size"] != list(self.size):
                    return []
                images, maps = kept["images"], {name: kept[name].astype(np.float32) for name in _FIELDS}
                hard = {name: kept[f"hard_{name}"].astype(np.float32) for name in _FIELDS}
                return [
                    training.Lesson(name, images[k], _maps(hard, k), _maps(maps, k), float(level))
                    for k, (name, level) in enumerate(told["lessons"])
                ]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return []

    def remember(self, lessons: Sequence[training.Lesson]) -> None:
        """Add lessons; of more than `MOST` a random choice stays, the same whatever the order they came in."""
        known = {one.name: one for one in (*self.lessons(), *lessons)}
        kept = sorted(known.values(), key=lambda one: ids.digest(one.name.encode()))[:MOST]
        if not kept:
            return
        told = {
            "classes": list(self.classes),
            "size": list(self.size),
            "lessons": [[one.name, one.difficulty] for one in kept],
        }
        parts = {
            "told": np.frombuffer(json.dumps(told, ensure_ascii=False).encode(), np.uint8),
            "images": np.stack([one.image for one in kept]),
        }
        for name in _FIELDS:
            parts[f"hard_{name}"] = np.stack([getattr(one.hard, name) for one in kept]).astype(np.float16)
            parts[name] = np.stack([getattr(one.soft or one.hard, name) for one in kept]).astype(np.float16)
        held = io.BytesIO()
        np.savez_compressed(held, **parts)  # type: ignore[arg-type]
        stages.write_bytes(self.folder / _FILE, held.getvalue())

    def seen(self) -> set[str]:
        """Pictures that were asked about, each with the teacher that was asked."""
        try:
            found = json.loads((self.folder / _SEEN).read_bytes())
            return {str(one) for one in found} if isinstance(found, list) else set()
        except (OSError, ValueError):
            return set()

    def note(self, asked: set[str]) -> None:
        """These were asked about too."""
        stages.write_bytes(self.folder / _SEEN, json.dumps(sorted(self.seen() | asked)).encode())


def _maps(kept: dict[str, answers.Floats], place: int) -> answers.Maps:
    return answers.Maps(*(kept[name][place] for name in _FIELDS))

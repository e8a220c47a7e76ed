"""Films to train the shipped temporal classifier on: drawn by the project's own renderer, with their labels.

    python -m bench.temporal.scenes FOLDER [--worn 14] [--fixed 8] [--first 1000]

Writes FOLDER/NAME.mp4 and FOLDER/labels.csv, which `taihang temporal train FOLDER` takes. Films that are
there are not drawn again. Seeds start at 1000, so that no bench or sample shows a scene of the training.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np

from taihang.use.video.scene import chance, film, truth

# (seconds, width, height, frames a second): a worn camera's vectors want a finer grid.
FORMS = {"worn": (45.0, 640, 360, 30), "fixed": (60.0, 432, 240, 15)}
CROWD = 3
MOVES = 0.3  # metres a second
SHORTEST_S = 0.4


def spans(flags: np.ndarray, fps: float) -> list[tuple[float, float]]:
    """Runs of frames as seconds; gaps and runs shorter than SHORTEST_S are not kept."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    runs: list[list[int]] = []
    for first, last in edges.reshape(-1, 2).tolist():
        if runs and first - runs[-1][1] < SHORTEST_S * fps:
            runs[-1][1] = last
        else:
            runs.append([first, last])
    return [(a / fps, b / fps) for a, b in runs if b - a >= SHORTEST_S * fps]


def labels(made: truth.Truth) -> list[tuple[float, float, str]]:
    """What goes on in a film, by class."""
    script, boxes = made.manifest.script, made.boxes
    tall = (boxes["y1"].to_numpy() - boxes["y0"].to_numpy()) / script.height
    seen = (boxes["visible"].to_numpy() >= truth.SEEN) & (tall >= truth.TALL)
    number, moves = boxes["number"].to_numpy(), boxes["speed"].to_numpy() >= MOVES
    count = script.frames

    def per_frame(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(number[chosen], minlength=count)[:count]

    found = {
        "walking": per_frame(seen & moves) > 0,
        "still": per_frame(seen & ~moves) > 0,
        "gathering": per_frame(seen) >= CROWD,
    }
    rows = [(a, b, name) for name, flags in found.items() for a, b in spans(flags, script.fps)]
    rows += [(e.at_s, e.end_s, "machine") for e in script.of("equipment")]
    return rows


def draw(folder: Path, camera: str, seed: int) -> list[tuple[float, float, str]]:
    """The film of a seed and its labels, from the folder when it is there."""
    path = folder / f"{camera}-{seed}.mp4"
    notes = path.with_suffix(".labels.json")
    if not notes.exists():
        seconds, width, height, fps = FORMS[camera]
        plan = chance.random_script(seed, seconds / 60, camera)  # type: ignore[arg-type]
        look = {"width": width, "height": height, "fps": fps, "staff": seed % 3}
        made = film.render(path, plan.model_copy(update=look), seed)
        notes.write_text(json.dumps(labels(made)))
    return [(a, b, name) for a, b, name in json.loads(notes.read_text())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--worn", type=int, default=14)
    parser.add_argument("--fixed", type=int, default=8)
    parser.add_argument("--first", type=int, default=1000)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for k in range(max(options.worn, options.fixed)):
        for camera, wanted in (("worn", options.worn), ("fixed", options.fixed)):
            if k < wanted:
                seed = options.first + k
                rows += [(f"{camera}-{seed}.mp4", *row) for row in draw(options.folder, camera, seed)]
                print(camera, seed, flush=True)
    with (options.folder / "labels.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(("file", "start", "end", "class"))
        writer.writerows(rows)


if __name__ == "__main__":
    main()

"""Films to train the shipped temporal classifier on: drawn by the project's own renderer, with their labels.

    python -m bench.temporal.scenes FOLDER [--worn 10] [--fixed 6] [--first 1000]

Writes FOLDER/NAME.mp4 and FOLDER/labels.csv, which `taihang temporal train FOLDER` takes. Films that are
there are not drawn again. Seeds start at 1000, so that no bench or sample shows a scene of the training.
The coder's settings vary from film to film as cameras' do: distance of key frames, B-frames, quality.
"""

from __future__ import annotations

import argparse
import csv
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow as pa

from taihang.use.video.scene import chance, film, script, truth

# (seconds, width, height, frames a second): a worn camera's vectors want a finer grid.
FORMS = {"worn": (48.0, 640, 360, 30), "fixed": (48.0, 432, 240, 15)}
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


def labels(plan: script.Script, boxes: pa.Table) -> list[tuple[float, float, str]]:
    """What goes on in a film, by class; `boxes` as `truth.BOXES`."""
    tall = (boxes["y1"].to_numpy() - boxes["y0"].to_numpy()) / plan.height
    seen = (boxes["visible"].to_numpy() >= truth.SEEN) & (tall >= truth.TALL)
    number, moves = boxes["number"].to_numpy(), boxes["speed"].to_numpy() >= MOVES
    count = plan.frames

    def per_frame(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(number[chosen], minlength=count)[:count]

    found = {
        "walking": per_frame(seen & moves) > 0,
        "still": per_frame(seen & ~moves) > 0,
        "gathering": per_frame(seen) >= CROWD,
    }
    rows = [(a, b, name) for name, flags in found.items() for a, b in spans(flags, plan.fps)]
    rows += [(e.at_s, e.end_s, "machine") for e in plan.of("equipment")]
    return rows


def draw(folder: Path, camera: str, seed: int) -> list[tuple[float, float, str]]:
    """The film of a seed and its labels, from the folder when it is there."""
    path = folder / f"{camera}-{seed}.mp4"
    notes = path.with_suffix(".labels.json")
    if not notes.exists():
        seconds, width, height, fps = FORMS[camera]
        # Every other film without faults of the lens: those show nobody for a while.
        plan = chance.random_script(seed, seconds / 60, camera, null=seed % 2 == 1)  # type: ignore[arg-type]
        plan = plan.model_copy(update={"width": width, "height": height, "fps": fps, "staff": seed % 3})
        notes.write_text(json.dumps(labels(plan, render(path, plan, seed))))
    return [(a, b, name) for a, b, name in json.loads(notes.read_text())]


def render(path: Path, plan: script.Script, seed: int) -> pa.Table:
    """Write the film; where everybody is, as `truth.BOXES`."""
    place, people = film.setting(plan, seed)
    rows = film.Rows(plan)
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = "synthetic"
        coder = {"preset": "veryfast", "crf": str(22 + seed % 3 * 3), "sc_threshold": "0", "threads": "1",
                 "g": str(plan.fps * (2, 3, 4)[seed % 3] // 2), "bf": str(seed // 2 % 2 * 2)}  # fmt: skip
        stream = container.add_stream("libx264", rate=plan.fps, options=coder)
        stream.width, stream.height, stream.pix_fmt = plan.width, plan.height, "yuv420p"
        stream.time_base = Fraction(1, plan.fps)
        for picture in film.pictures(plan, seed, place, people, rows):
            shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(shown))
        container.mux(stream.encode())
    return rows.table()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--worn", type=int, default=10)
    parser.add_argument("--fixed", type=int, default=6)
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

"""Films to train the shipped temporal classifier on: drawn by the project's own renderer, with their labels.

    python -m bench.temporal.scenes FOLDER [--worn 30] [--fixed 60] [--first 1002]

Writes FOLDER/NAME.mp4 and FOLDER/labels.csv, which `taihang temporal train FOLDER` takes. Films that are
there are not drawn again. Seeds start at 1000, so that no bench or sample shows a scene of the training.
What costs is a frame, what teaches is a scene. So films are short, only the frames that a step looks at are drawn
(a key frame and the two after it, every half second: at work a step sees no others either), and three films of a
worn camera show one place; they are held back together. A fixed camera knows one chamber, which a network would learn
by heart: so each film of it is a placement of its own, a part of the picture, mirrored or not, lighter or darker. The
coder's settings vary from film to film as cameras' do: B-frames, quality.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow as pa

from taihang.use.video.scene import actor, backdrop, cast, figure, film, lens, patrol, roadway, route, script, truth

# (seconds, width, height): a worn camera's vectors want a finer grid.
FORMS = {"worn": (20.0, 640, 360), "fixed": (24.0, 432, 240)}
FPS, STEP, SHOWN = 30, 15, 3  # frames a second, frames from step to step, frames drawn at each
SHARED = {"worn": 3, "fixed": 1}  # films in one place: a roadway costs as much as the film in it
# What happens, in turn, so that each comes about in as many films: (kind, shortest, longest) in seconds.
EVENTS = (("step", 4, 8), ("fall", 4, 6), ("crowding", 4, 7))
CROWD = 3
MOVES = 0.3  # metres a second


@dataclasses.dataclass(frozen=True, slots=True)
class Placement:
    """How a fixed camera hangs: `left`, `top`, `zoom` of the picture that it takes in, `mirrored`, `gamma`."""

    left: int = 0
    top: int = 0
    zoom: float = 1.0
    mirrored: bool = False
    gamma: float = 1.0

    @classmethod
    def of(cls, plan: script.Script, seed: int) -> Placement:
        """The placement of a film: drawn for a fixed camera; a worn one goes where it goes."""
        if plan.camera != "fixed":
            return cls()
        dice = np.random.default_rng((seed, 47))
        zoom = float(dice.uniform(1, 1.5))
        spare = np.array([plan.width, plan.height]) * (1 - 1 / zoom)
        # People stand in the middle and below: a part without them would show nothing.
        left, top = (spare * (float(dice.uniform(0.2, 0.8)), float(dice.uniform(0.3, 0.9)))).astype(int)
        return cls(int(left), int(top), zoom, bool(dice.random() < 0.5), float(dice.uniform(0.7, 1.4)))

    def shoot(self, picture: np.ndarray) -> np.ndarray:
        """What is seen of a picture (h, w, 3) uint8."""
        height, width = picture.shape[:2]
        part = picture[
            self.top : self.top + round(height / self.zoom), self.left : self.left + round(width / self.zoom)
        ]
        seen = cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC) if self.zoom > 1 else part
        lit = (255 * (np.arange(256) / 255) ** self.gamma).round().astype(np.uint8)
        return np.ascontiguousarray(cv2.LUT(seen, lit)[:, :: -1 if self.mirrored else 1])

    def boxes(self, table: pa.Table, width: int, height: int) -> pa.Table:
        """`truth.BOXES` as they are seen; what is cut away is not visible."""
        found = {}
        for first, last, start, size in (("x0", "x1", self.left, width), ("y0", "y1", self.top, height)):
            found[first], found[last] = (
                np.clip((table[name].to_numpy() - start) * self.zoom, 0, size) for name in (first, last)
            )
        if self.mirrored:
            found["x0"], found["x1"] = width - found["x1"], width - found["x0"]
        now = (found["x1"] - found["x0"]) * (found["y1"] - found["y0"])
        whole = (table["x1"].to_numpy() - table["x0"].to_numpy()) * (table["y1"].to_numpy() - table["y0"].to_numpy())
        shown = now / np.maximum(whole * self.zoom**2, 1e-6)
        found["visible"] = table["visible"].to_numpy() * np.minimum(shown, 1)
        for name, values in found.items():
            place = table.schema.get_field_index(name)
            table = table.set_column(place, table.schema.field(name), pa.array(values.astype(np.float32)))
        return table


def spans(flags: np.ndarray) -> list[tuple[float, float]]:
    """Runs of steps as seconds, from just before the first to just before the one after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    apart = STEP / FPS
    return [(max(0.0, a * apart - 0.05), b * apart - 0.05) for a, b in edges.reshape(-1, 2).tolist()]


def schedule(camera: str, seed: int) -> script.Script:
    """What happens in a film: two events, one after another, with people who pass, machines and turns of the head."""
    seconds, width, height = FORMS[camera]
    dice = np.random.default_rng((seed, 31))
    events, now = [], float(dice.uniform(2.5, 5))
    # Every fifth film shows nobody but somebody who passes in its second half.
    for place in () if seed % 5 == 4 else (seed % 3, (seed + 1 + seed // 3 % 2) % 3):
        kind, shortest, longest = EVENTS[place]
        lasts = float(dice.uniform(shortest, longest))
        if now + lasts > seconds - 0.5:
            break
        events.append(script.Event(kind=kind, at_s=now, for_s=lasts, people=int(dice.integers(3, 6))))  # type: ignore[arg-type]
        now += lasts + float(dice.uniform(1.5, 4))
    extra = [
        ("passing", 6.0, 0.5 if events else 1.0),
        *([("halt", 4.0, 0.4), ("look", 3.0, 0.3)] if camera == "worn" else []),
    ]
    if camera == "fixed":
        extra += [("equipment", float(dice.uniform(5, 12)), 0.7), ("dust", 8.0, 0.2), ("swinging_lamp", 8.0, 0.2)]
    for kind, lasts, odds in extra:
        if dice.random() < odds:
            late = seconds / 2 if not events and kind == "passing" else 0.5
            at = float(dice.uniform(late, seconds - lasts - 0.5))
            events.append(script.Event(kind=kind, at_s=at, for_s=lasts))  # type: ignore[arg-type]
    return script.Script(
        name=f"{camera}-{seed}", duration_s=seconds, camera=camera, width=width, height=height, fps=FPS,  # type: ignore[arg-type]
        staff=int(seed % 4 == 3), events=tuple(events),
    )  # fmt: skip


def labels(plan: script.Script, boxes: pa.Table, people: list[actor.Actor]) -> list[tuple[float, float, str]]:
    """What goes on in a film, by class; `boxes` as `truth.BOXES`."""
    size = np.maximum(boxes["y1"].to_numpy() - boxes["y0"].to_numpy(), boxes["x1"].to_numpy() - boxes["x0"].to_numpy())
    number = boxes["number"].to_numpy()
    seen = (number % STEP == 0) & (boxes["visible"].to_numpy() >= truth.SEEN) & (size / plan.height >= truth.TALL)
    moves, who = boxes["speed"].to_numpy() >= MOVES, boxes["person"].to_numpy()
    pose = np.array([people[one].pose[at] for one, at in zip(who, number, strict=True)], "<U6")
    busy, fallen = np.isin(pose, figure.TASKS), pose == "fall"
    count = -(-plan.frames // STEP)

    def per_step(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(number[chosen] // STEP, minlength=count)

    found = {
        "walking": per_step(seen & moves) > 0,
        "still": per_step(seen & ~moves & ~busy & ~fallen) > 0,
        "work step": per_step(seen & busy) > 0,
        "fall": per_step(seen & fallen) > 0,
        "gathering": per_step(seen) >= CROWD,
    }
    rows = [(a, b, name) for name, flags in found.items() for a, b in spans(flags)]
    rows += [(e.at_s, e.end_s, "machine") for e in plan.of("equipment")]
    return rows


def draw(folder: Path, camera: str, seed: int) -> list[tuple[float, float, str]]:
    """The film of a seed and its labels, from the folder when it is there."""
    path = folder / f"{camera}-{seed}.mp4"
    notes = path.with_suffix(".labels.json")
    if not notes.exists():
        plan = schedule(camera, seed)
        notes.write_text(json.dumps(labels(plan, *render(path, plan, seed))))
    return [(a, b, name) for a, b, name in json.loads(notes.read_text())]


def setting(plan: script.Script, seed: int) -> tuple[backdrop.Place, list[actor.Actor]]:
    """The place, which films of a worn camera share, and the people of this film."""
    if plan.camera == "fixed":
        return film.setting(plan, seed)
    way = route.walk(plan, seed)
    return roadway.Roadway(plan, shared("worn", seed), way), patrol.direct(plan, seed, way, ())


def shared(camera: str, seed: int) -> int:
    """The seed of a film's place."""
    return seed - seed % SHARED[camera]


def render(path: Path, plan: script.Script, seed: int) -> tuple[pa.Table, list[actor.Actor]]:
    """Write the film; where everybody is, as `truth.BOXES`, and the people."""
    place, people = setting(plan, seed)
    rows, glass, hung = film.Rows(plan), lens.Lens(plan, seed), Placement.of(plan, seed)
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = "synthetic"
        coder = {"preset": "veryfast", "crf": str(22 + seed % 3 * 3), "sc_threshold": "0", "threads": "1",
                 "g": str(SHOWN), "keyint_min": str(SHOWN), "bf": str(seed // 2 % 2)}  # fmt: skip
        stream = container.add_stream("libx264", rate=plan.fps, options=coder)
        stream.width, stream.height, stream.pix_fmt = plan.width, plan.height, "yuv420p"
        stream.time_base = Fraction(1, plan.fps)
        for number in (n for n in range(plan.frames) if n % STEP < SHOWN):
            here = place.backdrop(number)
            drawn = cast.draw(here, people, number)
            rows.add(number, people, place.grounds, drawn)
            picture = cv2.blur(here.picture, (here.smear, 1)) if here.smear > 1 else here.picture
            picture = glass.shoot(picture, number, [one.lamp for one in drawn if one.visible > 0.5])
            shown = av.VideoFrame.from_ndarray(hung.shoot(picture), format="rgb24")
            shown.pts = number
            container.mux(stream.encode(shown))
        container.mux(stream.encode())
    return hung.boxes(rows.table(), plan.width, plan.height), people


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--worn", type=int, default=30)
    parser.add_argument("--fixed", type=int, default=60)
    parser.add_argument("--first", type=int, default=1002)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for k in range(max(options.worn, options.fixed)):
        for camera, wanted in (("worn", options.worn), ("fixed", options.fixed)):
            if k < wanted:
                seed = options.first + k
                place = f"{camera}-{shared(camera, seed)}"
                rows += [(f"{camera}-{seed}.mp4", *row, place) for row in draw(options.folder, camera, seed)]
                print(camera, seed, flush=True)
    with (options.folder / "labels.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(("file", "start", "end", "class", "place"))
        writer.writerows(rows)


if __name__ == "__main__":
    main()

"""The clips of the presence bench: real ones beside the checkout, and one that is rendered here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from taihang.engines.media import frame as media

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TAIHANG_TEST_DATA", ROOT.parent / "shared" / "data"))
VIDEO = DATA / "video"
PEOPLE = "intel_one-by-one-person.mp4"
WORKER = "intel_worker-zone-detection.preview.gif"
TRAFFIC = "dvrscan_traffic_camera.mp4"
WALK = "gopro_max-heromode.mp4"
EMPTY = "rendered empty room (synthetic)"
UPRIGHT = "rendered upright things (synthetic)"
CAMERA = {PEOPLE: "fixed", WORKER: "fixed", TRAFFIC: "fixed", WALK: "worn", EMPTY: "fixed", UPRIGHT: "fixed"}
ROOM_S = 30


def frames(clip: str) -> Iterator[media.Frame]:
    """Every frame of a clip in presentation order."""
    if clip == EMPTY:
        yield from _room()
        return
    if clip == UPRIGHT:
        yield from _things()
        return
    with av.open(str(VIDEO / clip)) as container:
        first = None
        for number, shown in enumerate(container.decode(video=0)):
            time_s = float(shown.pts * shown.time_base)
            first = time_s if first is None else first
            yield media.Frame(
                shown.to_ndarray(format="rgb24"), time_s - first, shown.pts, number, bool(shown.key_frame)
            )


def _room() -> Iterator[media.Frame]:
    """A hall with pillars, a belt that carries crates, a swinging lamp, a light that is switched on
    at 15 s, and sensor noise: much moves, nobody is there. 5 frames a second."""
    noise = np.random.default_rng(20261121)
    y, x = np.mgrid[:432, :768].astype(np.float32)
    base = 90 + 40 * (y < 200) + 12 * np.sin(x / 37) + 8 * np.sin((x + y) / 11) * (y >= 200)
    for left in (120, 420, 640):
        base[40:330, left : left + 26] = 170
    for number in range(ROOM_S * 5):
        time_s = number / 5
        image = base.copy()
        for crate in range(3):
            left = int((time_s * 60 + crate * 300) % 900) - 100
            image[250:310, max(0, left) : max(0, left + 80)] = 60 + 40 * crate
        swing = int(300 + 60 * np.sin(time_s * 1.7))
        image[60:150, swing : swing + 18] = 210
        image *= 0.75 if time_s < 15 else 1.0
        shown = np.clip(image[:, :, None] * (1, 0.97, 0.9) + noise.normal(0, 4, (432, 768, 3)), 0, 255)
        yield media.Frame(shown.astype(np.uint8), time_s, number, number, number % 5 == 0)


def _things() -> Iterator[media.Frame]:
    """Upright things of a person's height that pass one after another and wait: a cupboard, a gas
    bottle, a stack of drums, a door that opens, a hook block on its chain. 5 frames a second."""
    noise = np.random.default_rng(20261122)
    y, x = np.mgrid[:432, :768].astype(np.float32)
    base = 120 + 30 * (y < 220) + 9 * np.sin(x / 29) + 10 * np.sin((x * 0.4 + y) / 9) * (y >= 220)
    for number in range(ROOM_S * 5):
        time_s = number / 5
        image = base.copy()
        kind, phase = divmod(time_s, 6)
        if phase > 1:
            # In from the left in two seconds, then still.
            middle = int(-80 + min(phase - 1, 2) / 2 * 460)
            _thing(image, int(kind), middle, phase)
        shown = np.clip(image[:, :, None] * (0.98, 1, 0.96) + noise.normal(0, 4, (432, 768, 3)), 0, 255)
        yield media.Frame(shown.astype(np.uint8), time_s, number, number, number % 5 == 0)


def _thing(image, kind, middle, phase):
    def box(x0, y0, x1, y1, value):
        image[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = value

    if kind == 0:  # a cupboard with two doors
        box(middle - 50, 130, middle + 50, 380, 70)
        box(middle - 2, 135, middle + 2, 375, 30)
    elif kind == 1:  # a gas bottle: round shoulders and a valve, the likest to a person
        rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
        image[(np.abs(columns - middle) < 36) & (rows > 185) & (rows < 385)] = 50
        image[((columns - middle) / 36) ** 2 + ((rows - 185) / 30) ** 2 < 1] = 50
        box(middle - 9, 130, middle + 9, 165, 60)
    elif kind == 2:  # three drums
        for place, value in enumerate((40, 90, 60)):
            box(middle - 45, 130 + place * 83, middle + 45, 130 + place * 83 + 80, value)
    elif kind == 3:  # a door in the wall that opens
        box(300, 120, 300 + int(30 + 80 * min(phase - 1, 1)), 370, 35)
    else:  # a hook block on its chain
        box(middle - 4, 0, middle + 4, 180, 45)
        box(middle - 34, 180, middle + 34, 330, 60)
        box(middle - 12, 330, middle + 12, 380, 50)

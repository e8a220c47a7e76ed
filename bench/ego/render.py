"""One seed's video and its truth: the walk drawn, people pasted where the world says, coded as a body camera does."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from bench.ego import cutouts, inputs, scene, walk

VERSION = 2
SECONDS = 100
VISIBLE = 1200  # pixels of a person that make it visible: 0.3% of the picture


class Pose(NamedTuple):
    """One drawing of a person: cut-out, frame of it, foot (picture pixels), height, mirrored, brightness."""

    cutout: cutouts.Cutout
    frame: int
    foot: np.ndarray
    tall: float
    flipped: bool
    shade: float


def _paste(picture: np.ndarray, pose: Pose) -> int:
    """Draw one person; the number of its visible pixels."""
    cutout, place, tall = pose.cutout, pose.foot, pose.tall
    sprite = cutout.frames[pose.frame]
    scale = tall / cutout.tall
    foot_x = sprite.shape[1] - cutout.foot[0] if pose.flipped else cutout.foot[0]
    if pose.flipped:
        sprite = sprite[:, ::-1]
    if scale < 0.5:
        sprite = cv2.resize(sprite, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        half = 0.5
    else:
        half = 1.0
    x0, y0 = int(place[0] - foot_x * scale) - 2, int(place[1] - cutout.foot[1] * scale) - 2
    wide, high = int(sprite.shape[1] * scale / half) + 5, int(sprite.shape[0] * scale / half) + 5
    left, top, right, bottom = max(0, x0), max(0, y0), min(walk.WIDTH, x0 + wide), min(walk.HEIGHT, y0 + high)
    _shadow(picture, place, tall)
    if left >= right or top >= bottom:
        return 0
    move = np.array([[scale / half, 0, place[0] - foot_x * scale - left],
                     [0, scale / half, place[1] - cutout.foot[1] * scale - top]])  # fmt: skip
    size = (right - left, bottom - top)
    colour = cv2.warpAffine(np.ascontiguousarray(sprite[..., :3]), move, size, flags=cv2.INTER_LINEAR)
    alpha = cv2.warpAffine(np.ascontiguousarray(sprite[..., 3]), move, size, flags=cv2.INTER_LINEAR)
    part = picture[top:bottom, left:right].astype(np.float32)
    share = alpha[..., None].astype(np.float32) / 255
    # The source crushes its blacks; daylight does not.
    lit = np.clip((16 + colour.astype(np.float32) * 0.93) * pose.shade, 0, 255)
    picture[top:bottom, left:right] = (lit * share + part * (1 - share)).astype(np.uint8)
    return int((alpha > 127).sum())


def _shadow(picture: np.ndarray, place: np.ndarray, tall: float) -> None:
    """A soft dark spot under the feet; without it people float."""
    wide, high = tall * 0.22, tall * 0.05
    left, top = max(0, int(place[0] - 2 * wide)), max(0, int(place[1] - 3 * high))
    right, bottom = min(walk.WIDTH, int(place[0] + 2 * wide)), min(walk.HEIGHT, int(place[1] + 3 * high))
    if left >= right or top >= bottom:
        return
    ys, xs = np.mgrid[top:bottom, left:right].astype(np.float32)
    dark = np.exp(-(((xs - place[0]) / wide) ** 2) - ((ys - place[1]) / high) ** 2)
    part = picture[top:bottom, left:right]
    part[:] = (part * (1 - 0.45 * dark)[..., None]).astype(np.uint8)


def _draw(world: scene.Scene, cam: walk.Camera, number: int) -> np.ndarray:
    """The background of one output frame: interpolated and shaken."""
    size = (walk.WIDTH, walk.HEIGHT)
    still = world.at(float(cam.place[number]))
    return cv2.warpAffine(still, cam.view[number].copy(), size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _expose(
    picture: np.ndarray, cam: walk.Camera, number: int, noise: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    factors = cam.gain[number] * cam.white[number]
    tables = [np.clip(np.arange(256) * f, 0, 255).astype(np.uint8) for f in factors]
    picture = cv2.merge([cv2.LUT(picture[..., c], tables[c]) for c in range(3)])
    dy, dx = rng.integers(0, 64, 2)
    grain = noise[dy : dy + walk.HEIGHT, dx : dx + walk.WIDTH]
    return cv2.add(picture, cv2.merge([grain] * 3), dtype=cv2.CV_8U)


def _streams(seed: int) -> dict[str, str]:
    """Coder settings: fixed GOP as body cameras have, no scene-cut key frames."""
    return {
        "preset": "veryfast",
        "g": str((30, 45, 60)[seed % 3]),
        "sc_threshold": "0",
        "bf": str((0, 2)[seed % 2]),
        "maxrate": "3M",
        "bufsize": "3M",
        "threads": "1",
    }


def render(seed: int, out: Path, seconds: float = SECONDS) -> dict[str, object]:
    """Write `out` (MP4) and return the truth: visits with first and last second of ≥ VISIBLE pixels."""
    cv2.setNumThreads(1)
    world, people = scene.load(), cutouts.load()
    rng = np.random.default_rng([20261121, seed])
    count = round(seconds * walk.FPS)
    cam = walk.camera(rng, count, world)
    plan = walk.visits(rng, cam, world, people)
    noise = np.random.default_rng(7).normal(0, 1.6, (walk.HEIGHT + 64, walk.WIDTH + 64)).round().astype(np.int16)
    pixels = np.zeros((len(plan), count), int)
    with av.open(str(out), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=walk.FPS, options=_streams(seed))
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = walk.WIDTH, walk.HEIGHT, "yuv420p", 2_000_000
        stream.time_base = Fraction(1, walk.FPS)
        for number in range(count):
            picture = _draw(world, cam, number)
            for index, visit in enumerate(plan):
                k = number - visit.start
                if 0 <= k < len(visit.tall):
                    at = cam.view[number][:, :2] @ visit.foot[k] + cam.view[number][:, 2]
                    which, beat = visit.sprite[k]
                    tall = visit.tall[k] * walk.ZOOM
                    pose = Pose(people[which], int(beat), at, tall, bool(visit.flipped[k]), visit.shade)
                    pixels[index, number] = _paste(picture, pose)
            picture = _expose(picture, cam, number, noise, rng)
            if cam.mirrored:
                picture = np.ascontiguousarray(picture[:, ::-1])
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    stays = []
    for row, visit in zip(pixels, plan, strict=True):
        seen = np.flatnonzero(row >= VISIBLE)
        if len(seen):
            stays.append({"appears_s": round(seen[0] / walk.FPS, 3), "leaves_s": round(seen[-1] / walk.FPS, 3),
                          "pixels": int(row.max()), "tall": round(float(visit.tall.max()), 1),
                          "who": people[visit.sprite[0, 0]].name})  # fmt: skip
    return {"seed": seed, "seconds": seconds, "fps": walk.FPS, "visible_pixels": VISIBLE, "stays": stays,
            "mirrored": cam.mirrored}  # fmt: skip


def video(seed: int) -> tuple[Path, dict[str, object]]:
    """The seed's file and truth from the cache, rendered when missing."""
    path = inputs.cache() / f"walk-{VERSION}-{seed:02d}.mp4"
    notes = path.with_suffix(".json")
    if not (path.exists() and notes.exists()):
        spare = path.with_suffix(f".{os.getpid()}.part")
        truth = render(seed, spare)
        notes.write_text(json.dumps(truth, indent=1))
        spare.replace(path)
    return path, json.loads(notes.read_text())

"""People cut from fixed-camera footage: sequences of premattes (colour + alpha) with the feet at the bottom.

The background is the median of the nearest frames in which the detector saw nobody; the difference to it seeds a
GrabCut inside the detector's box; edges are softened and the old background is taken out of the edge colours.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import onnxruntime as ort

from bench.ego import inputs

VERSION = 2

# (name, file, first frame, last frame, kind): whole bodies inside the picture, found by eye and by the detector.
RANGES: tuple[tuple[str, str, int, int, str], ...] = (
    ("grey-cardigan", "people", 84, 150, "stand"),
    ("grey-cardigan", "people", 182, 188, "walk"),
    ("black-jacket", "people", 260, 330, "stand"),
    ("black-tee", "people", 775, 845, "stand"),
    ("black-tee", "people", 850, 860, "walk"),
    ("grey-coat", "people", 960, 1030, "stand"),
    ("grey-coat", "people", 1182, 1190, "walk"),
    ("grey-shirt", "people", 1270, 1335, "stand"),
    ("worker", "worker", 26, 52, "walk"),
    ("worker", "worker", 54, 70, "stand"),
)


@dataclass(frozen=True, slots=True)
class Cutout:
    """One sequence of one person.

    frames: list of (h, w, 4) uint8 BGRA crops, all of one sequence with the same size and scale; foot is the mean
    place of the feet (x, y) in the crop; tall is the person's height in pixels; fps the source's frame rate.
    """

    name: str
    kind: str
    frames: list[np.ndarray]
    foot: tuple[float, float]
    tall: float
    fps: float


class People:
    """YOLOX-nano, persons only (class 0 of COCO); boxes as x0, y0, x1, y1 in pixels of the given picture."""

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(str(path), options)
        cells, strides = [], []
        for stride in (8, 16, 32):
            side = 416 // stride
            ys, xs = np.mgrid[:side, :side]
            cells.append(np.stack([xs.ravel(), ys.ravel()], 1))
            strides.append(np.full((side * side, 1), stride))
        self.cells, self.strides = np.concatenate(cells), np.concatenate(strides)

    def __call__(self, image: np.ndarray, threshold: float = 0.4) -> list[tuple[float, float, float, float]]:
        ratio = min(416 / image.shape[0], 416 / image.shape[1])
        small = cv2.resize(image, None, fx=ratio, fy=ratio)
        pad = np.full((416, 416, 3), 114, np.uint8)
        pad[: small.shape[0], : small.shape[1]] = small
        out = self.session.run(None, {"images": pad.transpose(2, 0, 1)[None].astype(np.float32)})[0][0]
        centre, size = (out[:, :2] + self.cells) * self.strides, np.exp(out[:, 2:4]) * self.strides
        score = out[:, 4] * out[:, 5]
        keep = score > threshold
        boxes = np.concatenate([centre - size / 2, size], 1)[keep] / ratio
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), score[keep].tolist(), threshold, 0.45)
        return [(x, y, x + w, y + h) for x, y, w, h in boxes[np.array(kept, int).ravel()]]


def _read(path: Path) -> tuple[list[np.ndarray], float]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [f.to_ndarray(format="bgr24") for f in container.decode(stream)], float(stream.average_rate)


def _background(images: list[np.ndarray], boxes: dict[int, list[tuple[float, ...]]], at: int) -> np.ndarray:
    """Median over the frames nearest to `at`, each pixel over those frames in which no box covers it."""
    numbers = sorted(boxes, key=lambda n: abs(n - at))
    empty = [n for n in numbers if not boxes[n]][:15]
    if len(empty) >= 9:
        return np.median([images[n] for n in empty], axis=0).astype(np.uint8)
    stack = np.ma.array([images[n] for n in numbers])
    mask = np.zeros(stack.shape, bool)
    for place, n in enumerate(numbers):
        for x0, y0, x1, y1 in boxes[n]:
            mask[place, max(0, int(y0) - 12) : int(y1) + 16, max(0, int(x0) - 14) : int(x1) + 14] = True
    stack.mask = mask
    return np.ma.median(stack, axis=0).filled(128).astype(np.uint8)


def _matte(image: np.ndarray, behind: np.ndarray, box: tuple[float, ...]) -> np.ndarray:
    """BGRA of the whole picture."""
    height, width = image.shape[:2]
    lab = [
        cv2.cvtColor(cv2.GaussianBlur(i, (0, 0), 0.8), cv2.COLOR_BGR2LAB).astype(np.float32) for i in (image, behind)
    ]
    delta = lab[0] - lab[1]
    # A shadow darkens without changing hue: lightness counts less than colour.
    difference = np.sqrt((0.75 * delta[..., 0]) ** 2 + (1.6 * delta[..., 1]) ** 2 + (1.6 * delta[..., 2]) ** 2)
    x0, y0, x1, y1 = (round(v) for v in (box[0] - 14, box[1] - 10, box[2] + 14, box[3] + 12))
    inside = np.zeros((height, width), bool)
    inside[max(0, y0) : y1, max(0, x0) : x1] = True
    mask = np.full((height, width), cv2.GC_BGD, np.uint8)
    mask[inside & (difference > 9)] = cv2.GC_PR_BGD
    mask[inside & (difference > 20)] = cv2.GC_PR_FGD
    mask[cv2.erode((inside & (difference > 42)).astype(np.uint8), np.ones((5, 5))) > 0] = cv2.GC_FGD
    cv2.setRNGSeed(0)
    cv2.grabCut(image, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    solid = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    solid = cv2.morphologyEx(solid, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid)
    if count < 2:
        return np.dstack([image, np.zeros((height, width), np.uint8)])
    solid = (labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])).astype(np.uint8)
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    alpha = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 1.3)
    alpha = np.clip((alpha - 0.25) / 0.6, 0, 1)
    share = np.maximum(alpha, 0.35)[..., None]
    clean = np.clip((image - (1 - share) * behind) / share, 0, 255)
    return np.dstack([clean.astype(np.uint8), np.round(alpha * 255).astype(np.uint8)])


def _round_top(image: np.ndarray, centre: int, wide: int) -> None:
    """Round the flat top of a head that the picture's edge cut by a few pixels."""
    rows = np.arange(14)[:, None]
    half = wide / 2 * np.sqrt(1 - ((13 - rows) / 14.0) ** 2) + 0.12 * wide
    outside = np.clip(np.abs(np.arange(image.shape[1])[None] - centre) - half, 0, 1)
    image[:14, :, 3] = (image[:14, :, 3] * (1 - outside)).astype(np.uint8)


def _sequence(name: str, kind: str, whole: list[np.ndarray], fps: float) -> Cutout:
    """Crop to the person; a walk is centred on the person frame by frame, so that the gait stays and the way goes."""
    # A frame where the matte lost a part, or a pose the clip cuts at the top, is left out or rounded off.
    areas = np.array([(image[..., 3] > 128).sum() for image in whole])
    whole = [i for i, a in zip(whole, areas, strict=True) if abs(a / np.median(areas) - 1) < 0.2]
    spots = []
    for image in whole:
        ys, xs = np.nonzero(image[..., 3] > 128)
        if ys.min() < 3:
            _round_top(image, int(xs[ys < 8].mean()), int(np.ptp(xs[ys < 8])))
        spots.append((np.median(xs), ys.min(), ys.max(), xs.min(), xs.max()))
    talls = [s[2] - s[1] for s in spots]
    tall = float(np.median(talls))
    half = int(max(max(s[0] - s[3], s[4] - s[0]) for s in spots)) + 6
    up = int(max(talls)) + 8
    frames = []
    for image, spot in zip(whole, spots, strict=True):
        foot_y = spot[2] if kind == "walk" else np.median([s[2] for s in spots])
        foot_x = spot[0] if kind == "walk" else np.median([s[0] for s in spots])
        # A walker also changes size in the source: bring every frame to the sequence's median height.
        scale = tall / (spot[2] - spot[1]) if kind == "walk" and name == "worker" else 1.0
        move = np.array([[scale, 0, half - scale * foot_x], [0, scale, up - scale * foot_y]])
        pre = image.astype(np.float32)
        pre[..., :3] *= pre[..., 3:] / 255
        out = cv2.warpAffine(pre, move, (2 * half, up + 6), flags=cv2.INTER_LINEAR)
        out[..., :3] /= np.maximum(out[..., 3:], 1) / 255
        frames.append(np.clip(out, 0, 255).astype(np.uint8))
    return Cutout(name, kind, frames, (float(half), float(up)), tall, fps)


def _cut() -> list[Cutout]:
    people = People(inputs.DETECTOR)
    cutouts = []
    for source, path in (("people", inputs.PEOPLE), ("worker", inputs.WORKER)):
        images, fps = _read(path)
        wanted = sorted({n for r in RANGES if r[1] == source for n in range(r[2], r[3] + 1)})
        around = range(0, len(images), 4 if source == "people" else 1)
        boxes = {n: people(images[n]) for n in sorted({*wanted, *around})}
        for name, _, first, last, kind in (r for r in RANGES if r[1] == source):
            behind = _background(images, boxes, (first + last) // 2)
            whole = []
            for n in range(first, last + 1, 2 if last - first > 40 else 1):
                if boxes[n]:
                    box = max(boxes[n], key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))
                    whole.append(_matte(images[n], behind, box))
            step = 2 if last - first > 40 else 1
            cutouts.append(_sequence(name, kind, whole, fps / step))
    return cutouts


def load() -> list[Cutout]:
    """The cut-outs, made once and kept in the cache."""
    path = inputs.cache() / f"cutouts-{VERSION}.pkl"
    if not path.exists():
        made = _cut()
        spare = path.with_suffix(f".{os.getpid()}.part")
        spare.write_bytes(pickle.dumps(made))
        spare.replace(path)
    return pickle.loads(path.read_bytes())

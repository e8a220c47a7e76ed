"""Glyph: the few letters that the scene shows, as strokes, since no font may be shipped.

OpenCV draws Latin letters only; these Chinese characters are polylines on a 100 × 100 square,
x to the right, y down, drawn for this project.
"""

from __future__ import annotations

import cv2
import numpy as np

from taihang.use.video.scene.image import Pixels

Stroke = tuple[tuple[int, int], ...]

STROKES: dict[str, tuple[Stroke, ...]] = {
    "合": (
        ((50, 4), (30, 28), (4, 46)),
        ((50, 4), (70, 28), (96, 46)),
        ((30, 46), (70, 46)),
        ((24, 62), (24, 96)),
        ((24, 62), (76, 62), (76, 96)),
        ((24, 90), (76, 90)),
    ),
    "成": (
        ((16, 24), (92, 24)),
        ((18, 24), (18, 58), (4, 96)),
        ((18, 48), (44, 48), (42, 78), (34, 74)),
        ((54, 4), (60, 50), (74, 80), (92, 96), (95, 78)),
        ((84, 42), (70, 66), (48, 90)),
        ((74, 4), (86, 15)),
    ),
    "禁": (
        ((6, 18), (46, 18)),
        ((26, 4), (26, 54)),
        ((26, 22), (6, 46)),
        ((27, 22), (45, 42)),
        ((54, 18), (96, 18)),
        ((75, 4), (75, 54)),
        ((74, 22), (56, 42)),
        ((76, 22), (96, 46)),
        ((24, 62), (76, 62)),
        ((8, 74), (92, 74)),
        ((50, 74), (50, 97), (42, 92)),
        ((32, 80), (16, 95)),
        ((66, 80), (84, 95)),
    ),
    "止": (
        ((52, 6), (52, 92)),
        ((52, 46), (86, 46)),
        ((24, 34), (24, 92)),
        ((6, 92), (94, 92)),
    ),
    "入": (
        ((36, 8), (54, 18), (44, 50), (8, 94)),
        ((50, 36), (66, 68), (94, 94)),
    ),
    "内": (
        ((14, 28), (14, 96)),
        ((14, 28), (86, 28), (86, 92), (76, 90)),
        ((50, 6), (49, 40), (28, 72)),
        ((50, 44), (70, 70)),
    ),
}


def write(
    image: Pixels, text: str, at: tuple[float, float], size: float, *, colour: tuple[int, int, int] = (225, 225, 215)
) -> float:
    """Draw `text` on `image` in place from its top left corner `at`; give back the x where it ends.

    Characters of STROKES take a square of `size` pixels, any other a Latin letter of that height.
    """
    x, y = at
    width = max(1, round(size / 11))
    for letter in text:
        if letter in STROKES:
            for stroke in STROKES[letter]:
                points = np.array(stroke, np.float64) * (size / 100) + (x, y)
                cv2.polylines(image, [np.round(points * 16).astype(np.int32)], False, colour, width, cv2.LINE_AA, 4)
            x += size * 1.12
        else:
            scale = size / 22
            (advance, _), _ = cv2.getTextSize(letter, cv2.FONT_HERSHEY_SIMPLEX, scale, width)
            place = (round(x), round(y + size * 0.95))
            cv2.putText(image, letter, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, width, cv2.LINE_AA)
            x += advance
    return x

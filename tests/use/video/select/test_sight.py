from __future__ import annotations

import cv2
import numpy as np
import pytest

from taihang.use.video.select import sight
from tests.use.video import films


@pytest.mark.parametrize(
    ("spoil", "verdict"),
    [
        (lambda image: image, "clear"),
        (lambda image: (image * 0.1).astype(np.uint8), "dark"),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 6), "blurred"),
        (lambda image: np.full_like(image, 120), "covered"),
        (np.zeros_like, "dark"),
    ],
)
def test_verdicts(spoil, verdict):
    assert sight.measure(sight.grey(spoil(films.view(0, 0)))).verdict == verdict


def test_a_lamp_in_the_dark_shows_something():
    lit = np.full((192, 320, 1), 0.06, np.float32)
    cv2.circle(lit, (100, 100), 40, 1.0, -1)
    image = (films.view(0, 0) * lit).astype(np.uint8)
    assert sight.measure(sight.grey(image)).verdict == "clear"


def test_a_hand_with_sensor_noise_is_still_a_cover():
    dice = np.random.default_rng(0)
    skin = np.clip(dice.normal(80, 2, (192, 320, 3)), 0, 255).astype(np.uint8)
    assert sight.measure(sight.grey(skin)).verdict in ("covered", "blurred")

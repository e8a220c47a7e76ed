from __future__ import annotations

import numpy as np

from taihang.use.video.select import novelty, sight
from tests.use.video import films


def cells(image):
    return novelty.cells(novelty.small(sight.grey(image)))


def test_a_change_of_light_is_nothing_new_and_a_visitor_is():
    empty = films.view(0, 0)
    brighter = np.clip(empty.astype(int) + 25, 0, 255).astype(np.uint8)
    there = films.visitor(empty.copy(), 160)
    assert novelty.steps(cells(empty), cells(brighter)).mean() < 0.02
    changed = novelty.steps(cells(empty), cells(there))
    assert 0.05 < changed.mean() < 0.3
    assert changed[:, 7:9].mean() > 0.4
    assert changed[:, :3].max() == 0


def test_crossing_is_when_the_rim_is_covered():
    at = [None, None, 5, 60, 160, 160, 160]
    pictures = np.array([cells(films.visitor(films.view(0, 0), where)) for where in at])
    times = np.arange(7.0)
    crossed = novelty.crossing(times[1:], pictures[1:])
    assert crossed is not None
    assert 1.5 <= crossed <= 2.5


def test_what_moves_inside_crosses_nothing():
    empty = films.view(0, 0)

    def with_box(x):
        image = empty.copy()
        image[70:120, x : x + 40] = 20
        return image

    pictures = np.array([cells(with_box(x)) for x in (100, 130, 160, 190)])
    assert novelty.crossing(np.arange(4.0), pictures) is None
    assert novelty.crossing(np.arange(2.0), pictures[:2]) is None

from __future__ import annotations

import numpy as np
import pytest

from taihang.engines.media import frame
from taihang.use.video.select import camera, novelty, sight
from tests.use.video import films


def field(dx, dy, present=None):
    known = np.ones(dx.shape, bool) if present is None else present
    return frame.MotionField(dx.astype(np.float32), dy.astype(np.float32), known, 1.0, 16, 0)


def moved(*, x=0.0, y=0.0, zoom=0.0, roll=0.0):
    """Vectors of a scene that shifts, grows and rolls, in pixels a frame."""
    rows, columns, cell = 30, 53, 16
    down, across = np.mgrid[:rows, :columns]
    across, down = (across + 0.5 - columns / 2) * cell, (down + 0.5 - rows / 2) * cell
    return x + zoom * across - roll * down, y + zoom * down + roll * across


def test_what_the_camera_does_is_told_from_vectors_whatever_moves_before_it():
    dx, dy = moved(x=4.0, y=-1.5, zoom=0.01, roll=0.004)
    dx[10:24, 20:27] += 9.0  # somebody walks
    found = camera.of_field(field(dx, dy), 1 / 30)
    width = 53 * 16
    assert found.x == pytest.approx(4.0 * 30 / width, abs=0.01)
    assert found.y == pytest.approx(-1.5 * 30 / width, abs=0.01)
    assert found.zoom == pytest.approx(0.3, abs=0.02)
    assert found.roll == pytest.approx(0.12, abs=0.02)
    assert found.against == pytest.approx(14 * 7 / (30 * 53), abs=0.02)


def test_a_camera_that_pans_alone_has_nothing_against_it():
    dice = np.random.default_rng(0)
    dx, dy = moved(x=6.0, zoom=0.008)
    found = camera.of_field(field(dx + dice.normal(0, 0.3, dx.shape), dy + dice.normal(0, 0.3, dy.shape)), 1 / 30)
    assert found.against < 0.01
    assert found.speed > 0.15


def test_lone_wrong_vectors_are_coding_accidents():
    dx, dy = moved()
    dx[::7, ::9] = 12.0
    assert camera.of_field(field(dx, dy), 1 / 30).against == 0


def test_too_few_vectors_tell_nothing():
    dx, dy = moved()
    present = np.zeros(dx.shape, bool)
    present[0, :20] = True
    assert camera.of_field(field(dx, dy, present), 1 / 30) is None


def luma(image):
    return novelty.small(sight.grey(image))


def test_motion_between_pictures():
    before, after = luma(films.view(0, 0)), luma(films.view(16, 0))
    found = camera.between(before, after, 1.0, 1.0)
    # The camera went right by 16 pixels of 320, so the scene went left.
    assert found.x == pytest.approx(-16 / films.WIDTH, abs=0.01)
    assert found.zoom == pytest.approx(0, abs=0.01)
    assert found.unseen < 0.05


def test_who_came_or_left_is_not_explained_by_the_other_picture():
    empty, there = luma(films.view(0, 0)), luma(films.visitor(films.view(10, 0), 160))
    came, left = camera.between(empty, there, 1.0, 1.0), camera.between(there, empty, 1.0, 1.0)
    walked = camera.between(empty, luma(films.view(10, 0)), 1.0, 1.0)
    assert min(came.unseen, left.unseen) > 5 * walked.unseen

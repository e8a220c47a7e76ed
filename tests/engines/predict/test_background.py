from __future__ import annotations

import numpy as np
import pytest

from taihang.engines.media import frame as media
from taihang.engines.predict import background, scene


def _wall(seed=0):
    base = np.random.default_rng(7).integers(90, 200, (45, 80)).repeat(4, 0).repeat(4, 1)
    noise = np.random.default_rng(seed).integers(-4, 5, base.shape)
    return np.repeat((base + noise).astype(np.uint8)[:, :, None], 3, axis=2)


def _with(image, value, left=140):
    image = image.copy()
    image[30:150, left : left + 40] = value
    return image


def _film():
    """Three people in black stand in one place for most of the time, one after another."""
    images = []
    for visit in range(4):
        images += [_wall(len(images) + n) for n in range(3)]
        if visit < 3:
            images += [_with(_wall(len(images) + n), 10) for n in range(8)]
    return images


def test_what_comes_back_is_the_background_even_where_a_median_shows_people():
    images = _film()
    median = np.median(np.stack(images), axis=0)
    assert np.median(median[40:140, 145:175]) < 20
    learnt = background.learn(images)
    assert np.abs(learnt.astype(int) - _wall())[40:140, 145:175].mean() < 12


def test_light_that_changes_does_not_stand_out_but_a_person_does():
    empty = background.learn([_wall(n) for n in range(8)])
    dim = (_wall(99) * 0.6).astype(np.uint8)
    assert background.standing_out(dim, empty).mean() < 0.01
    mask = background.standing_out(_with(dim, 5), empty)
    [blob] = background.blobs(mask, 50)
    assert (abs(blob.x0 - 140) < 4, abs(blob.y0 - 30) < 4, abs(blob.x1 - 180) < 4, abs(blob.y1 - 150) < 4) == (
        True,
    ) * 4


def test_too_few_frames_or_a_view_that_never_stays_have_no_background():
    assert background.learn([_wall(n) for n in range(7)]) is None
    random = np.random.default_rng(1)
    assert background.learn([random.integers(0, 256, (36, 64, 3)).astype(np.uint8) for _ in range(20)]) is None


def test_another_shape_or_a_changed_view_cannot_be_compared():
    empty = background.learn([_wall(n) for n in range(8)])
    assert background.standing_out(np.zeros((100, 100, 3), np.uint8), empty) is None
    assert background.standing_out(_wall()[::-1, ::-1].copy() ^ 255, empty) is None


@pytest.mark.parametrize(("camera", "known"), [("fixed", True), ("unknown", True), ("worn", False)])
def test_a_scene_of_many_frames_keeps_few(camera, known):
    made = []

    def film():
        for n in range(200):
            made.append(n)
            yield media.Frame(_wall(n % 16), float(n), n, n, True)

    found = scene.of(film(), camera)
    assert found.camera == camera
    assert (found.background is not None) == known
    if known:
        assert found.background.shape == (180, 320, 3)
        assert len(made) == 200


def test_no_frames_no_background():
    assert scene.of([], "fixed").background is None

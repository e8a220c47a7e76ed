from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from taihang.engines.predict import picture, shrinking


def _picture(rows, columns, seed=0):
    """Smooth shapes with an edge and some noise, different in each channel."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    planes = [127 + 90 * np.sin(x / (7 + 3 * n)) * np.cos(y / (11 - 2 * n)) for n in range(3)]
    image = np.stack(planes, axis=-1) + random.normal(0, 8, (rows, columns, 3))
    image[rows // 3 :, columns // 2 :] *= 0.4
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("rows", "columns", "wide", "high"),
    [(432, 768, 352, 352), (1080, 1920, 416, 234), (480, 848, 640, 362), (719, 1279, 101, 99), (40, 40, 39, 39)],
)
def test_each_channel_is_averaged_by_areas_to_within_two_steps_of_256(rows, columns, wide, high):
    image = _picture(rows, columns)
    known = cv2.resize(image, (wide, high), interpolation=cv2.INTER_AREA)
    planes = shrinking.shrink(image, wide, high)
    for channel, plane in enumerate(planes):
        assert plane.shape == (high, wide)
        off = np.abs(plane.astype(int) - known[:, :, channel])
        # At 40 to 39 nothing is averaged but two neighbours: there the two weigh them a little differently.
        assert off.mean() < (0.5 if wide < columns - 1 else 3), channel
        assert off.max() <= (2 if wide < columns - 1 else 25), channel


@pytest.mark.parametrize(("rows", "columns"), [(200, 200), (100, 600), (600, 100), (8, 8), (1, 1)])
def test_what_grows_or_is_tiny_is_as_opencv_makes_it(rows, columns):
    image = _picture(rows, columns)
    way = cv2.INTER_AREA if columns > 300 else cv2.INTER_LINEAR
    known = cv2.resize(image, (300, 300), interpolation=way)
    assert np.array_equal(np.stack(shrinking.shrink(image, 300, 300), axis=-1), known)


def test_the_size_may_change_from_picture_to_picture():
    intake = picture.Intake(64, 64)
    first, second = _picture(120, 200), _picture(300, 170, seed=1)
    alone = [intake.tensor(image)[0] for image in (first, second)]
    again = [intake.tensor(image)[0] for image in (first, second, first)]
    for one, other in zip(again, (*alone, alone[0]), strict=True):
        assert np.array_equal(one, other)


def test_threads_do_not_write_into_each_others_pictures():
    intake = picture.Intake(96, 96, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    images = [_picture(240, 320, seed) for seed in range(4)]
    known = [intake.tensor(image)[0] for image in images]
    wrong = []

    def work(place):
        seen = [intake.tensor(images[place])[0] for _ in range(50)]
        wrong.extend(place for one in seen if not np.array_equal(one, known[place]))

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_tensor_has_the_channels_the_scale_and_the_padding_asked_for():
    image = np.zeros((100, 200, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 51, 102, 204
    intake = picture.Intake(
        50, 50, channels="bgr", resize="letterbox", rescale=1 / 255, mean=(0.1, 0.2, 0.3), std=(1, 2, 0.5)
    )
    values, back = intake.tensor(image)
    assert values.shape == (1, 3, 50, 50)
    assert back.tolist() == [4.0, 4.0]
    for place, (value, mean, std) in enumerate(((0.8, 0.1, 1), (0.4, 0.2, 2), (0.2, 0.3, 0.5))):
        assert np.allclose(values[0, place, :25], (value - mean) / std, atol=1e-5)
        assert np.allclose(values[0, place, 25:], (114 / 255 - mean) / std, atol=1e-5)

from __future__ import annotations

import cv2
import numpy as np
import pytest

from taihang.use.video.zoning import register


def _wall(seed: int = 0) -> np.ndarray:
    """A textured view: blocks of random brightness at several sizes."""
    random = np.random.default_rng(seed)
    image = np.zeros((360, 640), dtype=np.float32)
    for cell in (8, 20, 60):
        coarse = random.uniform(0, 80, (360 // cell + 2, 640 // cell + 2)).astype(np.float32)
        image += cv2.resize(coarse, (640, 360), interpolation=cv2.INTER_NEAREST)
    return cv2.cvtColor(np.clip(image, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)


@pytest.mark.parametrize(("angle", "scale", "shift"), [(0, 1.0, (0, 0)), (4, 1.1, (25, -10)), (-8, 0.9, (-30, 14))])
def test_a_moved_camera_is_found_with_a_true_error(angle: float, scale: float, shift: tuple[int, int]) -> None:
    view = _wall()
    matrix = cv2.getRotationMatrix2D((320, 180), angle, scale)
    matrix[:, 2] += shift
    moved = cv2.warpAffine(view, matrix, (640, 360), borderMode=cv2.BORDER_REFLECT)
    found = register.Reference(view).find(moved)
    assert found is not None
    corners = np.array([[200.0, 100.0], [450.0, 100.0], [450.0, 250.0], [200.0, 250.0]])
    expected = corners @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(found.move(corners) - expected).max() < 3
    assert found.error_px < 3


def test_another_place_is_not_found() -> None:
    assert register.Reference(_wall(0)).find(_wall(1)) is None


@pytest.mark.parametrize("value", [0, 128])
def test_a_covered_lens_is_not_found(value: int) -> None:
    assert register.Reference(_wall()).find(np.full((360, 640, 3), value, dtype=np.uint8)) is None


def test_the_same_frames_give_the_same_mapping() -> None:
    view = _wall()
    shifted = np.roll(view, 12, axis=1)
    one, two = (register.Reference(view).find(shifted) for _ in range(2))
    assert one is not None
    assert two is not None
    assert np.array_equal(one.matrix, two.matrix)


def test_a_zone_is_placed_by_what_surrounds_it_and_its_error_is_told() -> None:
    """A near board shifts further than the wall behind it: no one mapping fits both."""
    wall, board = _wall(0), _wall(1)
    corners = np.array([[240.0, 120.0], [400.0, 120.0], [400.0, 240.0], [240.0, 240.0]])

    def view(shift: int) -> np.ndarray:
        image = np.roll(wall, shift, axis=1)
        image[90:270, 200 + 3 * shift : 440 + 3 * shift] = board[90:270, 200:440]
        return image

    reference = register.Reference(view(0), [corners])
    whole = reference.find(view(8))
    placed = reference.find_zones(view(8))[0]
    assert whole is not None
    assert placed is not None
    truth = corners + np.array([24.0, 0.0])
    assert np.abs(placed.move(corners) - truth).max() < 3
    assert np.abs(placed.move(corners) - truth).max() <= np.abs(whole.move(corners) - truth).max() + 1e-6
    assert placed.error_px < 3


def test_a_zone_that_cannot_be_checked_has_no_place() -> None:
    """What surrounds the zone is gone: the view is found, the zone is not."""
    view = _wall(0)
    corners = np.array([[280.0, 140.0], [360.0, 140.0], [360.0, 220.0], [280.0, 220.0]])
    changed = np.roll(view, 10, axis=1)
    changed[60:300, 180:480] = 128
    reference = register.Reference(view, [corners])
    assert reference.find(changed) is not None
    assert reference.find_zones(changed) == [None]

"""Faults and camera motion can be seen in the picture."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from taihang.use.video import scene
from taihang.use.video.scene import film, route


def shots(script: scene.Script, seed: int = 0) -> list[np.ndarray]:
    place, people = film.setting(script, seed)
    return [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in film.pictures(script, seed, place, people)]


def sharpness(frame: np.ndarray) -> float:
    return float(cv2.Laplacian(cv2.GaussianBlur(frame, (0, 0), 1.5), cv2.CV_32F).var())


@pytest.mark.parametrize("camera", ["fixed", "worn"])
def test_each_fault_changes_the_picture_while_it_lasts(camera: scene.Camera) -> None:
    kinds = (("covered", 2), ("dark", 5), ("blurred", 8))
    events = tuple(scene.Event(kind=kind, at_s=at, for_s=1.2) for kind, at in kinds)
    frames = shots(scene.Script(camera=camera, duration_s=11, width=480, height=270, fps=5, staff=0, events=events))
    clear = frames[7]
    assert frames[12][60:].mean() < 20
    assert clear[60:].mean() > 50
    assert frames[28][60:].mean() < 20
    assert sharpness(frames[43]) < 0.5 * sharpness(clear)
    assert sharpness(frames[52]) > 0.7 * sharpness(clear)


def test_a_knock_moves_the_whole_picture_and_it_comes_to_rest() -> None:
    knock = scene.Event(kind="knocked", at_s=2, for_s=2)
    frames = shots(scene.Script(duration_s=6, width=480, height=270, fps=10, staff=0, events=(knock,)))
    shifts = [shift(a, b) for a, b in itertools.pairwise(frames)]
    assert max(np.hypot(*s) for s in shifts[20:28]) > 3
    assert max(np.hypot(*s) for s in shifts[45:]) < 0.5


def test_a_worn_camera_moves_over_the_whole_picture_and_a_fixed_one_does_not() -> None:
    script = scene.Script(duration_s=4, width=480, height=270, fps=10, staff=0)
    still, walking = shots(script), shots(script.model_copy(update={"camera": "worn"}))
    assert np.median([flow(a, b) for a, b in itertools.pairwise(still)]) < 0.2
    assert np.median([flow(a, b) for a, b in itertools.pairwise(walking)]) > 1


def test_the_wearer_halts_turns_and_walks_on() -> None:
    events = (scene.Event(kind="halt", at_s=4, for_s=4), scene.Event(kind="look", at_s=12, for_s=4))
    way = route.walk(scene.Script(camera="worn", duration_s=20, events=events), seed=1)
    speed, yaw = way.speed, np.abs(way.yaw)
    assert speed[6 * 15] == pytest.approx(0, abs=1e-6)
    assert speed[2 * 15] > 1 < speed[18 * 15]
    assert yaw[14 * 15] > 0.6
    assert yaw[6 * 15] < 0.1
    assert way.blur(round(12.5 * 15)) > 8


def shift(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    (x, y), _ = cv2.phaseCorrelate(a[60:].astype(np.float32), b[60:].astype(np.float32))
    return x, y


def flow(a: np.ndarray, b: np.ndarray) -> float:
    """The median length of optical flow, pixels a frame."""
    field = cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 3, 21, 2, 5, 1.1, 0)
    return float(np.median(np.hypot(field[..., 0], field[..., 1])))

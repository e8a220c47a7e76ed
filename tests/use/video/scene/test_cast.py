"""People are where the truth says, look human to a people detector, and hide each other."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from taihang.use.video import scene
from taihang.use.video.scene import actor, cast, director, film

SCRIPT = scene.sample().model_copy(update={"fps": 5})


def frames(script: scene.Script, numbers: range) -> Iterator[tuple[np.ndarray, np.ndarray, list[cast.Drawn]]]:
    """The empty place, the place with people, and who was drawn."""
    place, people = film.setting(script, 0)
    for number in numbers:
        empty = place.backdrop(number).picture.copy()
        here = place.backdrop(number)
        yield empty, here.picture, cast.draw(here, people, number)


def test_boxes_hold_every_pixel_of_the_people_and_nothing_much_else() -> None:
    for empty, picture, drawn in frames(SCRIPT, range(20, 400, 37)):
        changed = np.abs(picture.astype(int) - empty).max(axis=2) > 25
        allowed = np.zeros_like(changed)
        for one in drawn:
            # Two pixels for the soft edge, the shadow about the feet beside it.
            feet = one.y1 - round(0.2 * (one.y1 - one.y0))
            allowed[max(0, one.y0 - 2) : one.y1 + 2, max(0, one.x0 - 2) : one.x1 + 2] = True
            wide = one.y1 - one.y0
            allowed[feet : one.y1 + wide // 6, max(0, one.x0 - wide // 3) : one.x1 + wide // 3] = True
            if one.visible > 0.9:
                inside = changed[one.y0 : one.y1, one.x0 : one.x1]
                # The figure reaches all four sides of its box.
                rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
                assert rows[0] <= 4
                assert rows[-1] >= len(inside) - 8
                assert columns[0] <= 5
                assert columns[-1] >= inside.shape[1] - 6
        assert not (changed & ~allowed).any()


def test_who_stands_behind_somebody_shows_less() -> None:
    pair = [
        actor.act(director.look(np.random.default_rng(k)), [actor.Mark(1.2, z, 9)], 2, 5) for k, z in ((1, 7), (2, 9))
    ]
    place, _ = film.setting(SCRIPT, 0)
    behind, before = cast.draw(place.backdrop(1), pair, 1)
    assert (behind.person, before.person) == (1, 0)
    assert before.visible > 0.95
    assert 0.05 < behind.visible < 0.8


def test_opencvs_people_detector_sees_most_of_them_and_nothing_else() -> None:
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    wanted = found = right = claimed = 0
    for _, picture, drawn in frames(SCRIPT, range(10, 430, 31)):
        boxes, _ = hog.detectMultiScale(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), winStride=(8, 8), scale=1.05)
        # The detector's window has a margin about the person.
        claims = [(x + 0.2 * w, y + 0.1 * h, x + 0.8 * w, y + 0.9 * h) for x, y, w, h in boxes]
        people = [one for one in drawn if 80 <= one.y1 - one.y0 <= 230 and one.visible > 0.6]
        wanted += len(people)
        found += sum(any(_iou(one, claim) > 0.35 for claim in claims) for one in people)
        claimed += len(claims)
        right += sum(any(_iou(one, claim) > 0.25 for one in drawn) for claim in claims)
    assert wanted > 25
    assert found / wanted >= 0.7
    assert right / claimed >= 0.9


def _iou(one: cast.Drawn, claim: tuple[float, float, float, float]) -> float:
    x0, y0, x1, y1 = claim
    wide, high = min(one.x1, x1) - max(one.x0, x0), min(one.y1, y1) - max(one.y0, y0)
    common = max(0.0, wide) * max(0.0, high)
    return common / ((one.x1 - one.x0) * (one.y1 - one.y0) + (x1 - x0) * (y1 - y0) - common)

"""Scripts refuse what cannot be filmed, and random ones are repeatable."""

from __future__ import annotations

import pydantic
import pytest

from taihang.use.video import scene
from taihang.use.video.scene import script


def test_an_event_after_the_end_is_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="ends after the video"):
        scene.Script(duration_s=10, events=(scene.Event(kind="dark", at_s=8, for_s=4),))


@pytest.mark.parametrize(("kind", "camera"), [("lone", "worn"), ("equipment", "worn"), ("look", "fixed")])
def test_an_event_that_needs_the_other_camera_is_refused(kind: script.Kind, camera: script.Camera) -> None:
    with pytest.raises(pydantic.ValidationError, match="camera"):
        scene.Script(duration_s=30, camera=camera, events=(scene.Event(kind=kind, at_s=8, for_s=4),))


def test_random_scripts_repeat_and_differ() -> None:
    assert scene.random_script(1, 3) == scene.random_script(1, 3)
    assert scene.random_script(1, 3).events != scene.random_script(2, 3).events
    kinds = {event.kind for seed in range(6) for event in scene.random_script(seed, 5).events}
    assert kinds >= script.VIOLATIONS | {"equipment", "swinging_lamp", "dust", "shadow", "rat", "passing"}


def test_a_null_script_asks_for_no_violation() -> None:
    for camera in ("fixed", "worn"):
        for seed in range(5):
            events = scene.random_script(seed, 5, camera, null=True).events
            assert not script.VIOLATIONS & {event.kind for event in events}

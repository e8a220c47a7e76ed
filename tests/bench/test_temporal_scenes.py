"""The films that the shipped classifier learns from: every class is there, places are shared, labels tell the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.temporal import scenes
from taihang.engines.media import packets


@pytest.mark.parametrize("camera", ["worn", "fixed"])
def test_every_kind_of_event_comes_about_in_several_places(camera: str) -> None:
    places: dict[str, set[int]] = {}
    for seed in range(1002, 1032):
        for event in scenes.schedule(camera, seed).events:
            places.setdefault(event.kind, set()).add(scenes.shared(camera, seed))
    wanted = {"step", "fall", "crowding", "passing"} | ({"equipment"} if camera == "fixed" else set())
    assert wanted <= set(places)
    assert all(len(places[kind]) >= 5 for kind in wanted)


def test_a_drawn_film_has_a_key_frame_a_step_and_labels_of_what_was_planted(tmp_path: Path) -> None:
    """A work step, then a fall, by one person each."""
    rows = scenes.draw(tmp_path, "fixed", 1002)
    table = packets.packets(tmp_path / "fixed-1002.mp4")
    keys = table["time_s"].to_numpy()[table["key"].to_numpy(zero_copy_only=False)]
    assert np.allclose(np.diff(keys), scenes.STEP / scenes.FPS)
    planted = {"fall": "fall", "step": "work step"}
    for event in scenes.schedule("fixed", 1002).events:
        if event.kind in planted:
            (span,) = [(a, b) for a, b, name in rows if name == planted[event.kind]]
            assert abs(span[0] - event.at_s) <= 0.6
            assert abs(span[1] - event.end_s) <= 0.6
    assert scenes.draw(tmp_path, "fixed", 1002) == rows  # from the folder, not drawn again

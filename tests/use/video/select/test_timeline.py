from __future__ import annotations

import numpy as np
import pytest

from taihang.engines.media import packets
from taihang.use.video.select import saliency, timeline
from tests.use.video import films


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    path = films.visit(tmp_path_factory.mktemp("films"))
    return timeline.of(saliency.signals(path, packets.packets(path), workers=1))


def test_signals_stand_out_from_their_own_noise_only_when_somebody_moves(line):
    at = (np.arange(len(line.activity)) + 0.5) * line.step_s
    moves = ((at > 8.2) & (at < 9.3)) | ((at > 18.7) & (at < 19.8))
    rests = (at < 7) | ((at > 11) & (at < 17)) | (at > 22)
    assert line.height[moves].min() > 5
    assert np.median(line.height[rests]) < 1


def test_a_still_camera_is_still_at_each_step(line):
    assert not line.moving.any()
    assert line.hold == round(1.0 / line.step_s)


def test_unknown_counts_as_moving_only_beside_movement():
    assert timeline._moving(["still", "unknown", "walk", "unknown", "unknown"]).tolist() == [
        False,
        True,
        True,
        True,
        True,
    ]
    assert not timeline._moving(["unknown"] * 3).any()
    assert not timeline._moving(["still", "unknown", "still"]).any()

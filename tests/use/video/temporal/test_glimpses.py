"""A film as the network sees it."""

from __future__ import annotations

import numpy as np

from taihang.engines.media import packets
from taihang.model.temporal import steps
from taihang.use.video.temporal import glimpses
from tests.use.video import films


def test_a_visitor_changes_the_picture_and_stands_apart_from_a_still_camera(tmp_path):
    path = films.film(tmp_path / "v.mp4", 8, lambda t: films.visitor(films.view(0, 0), films.place(t, 2, 9)))
    table = packets.packets(path)
    parts = list(glimpses.of_film(path, table))
    times = np.concatenate([part.times for part, _ in parts])
    assert np.all(np.diff(times) >= 0.9)
    assert times[0] == 0
    planes = np.concatenate([part.planes for part, _ in parts])
    assert planes.shape[1:] == (len(steps.KEPT), steps.HEIGHT, steps.WIDTH)
    pictures, numbers = steps.tensors(parts[0][0])
    change = pictures[:, steps.PLANES.index("change")].mean(axis=(1, 2))
    assert change[times < 2].max() < 0.1 < change[(times >= 2) & (times < 4)].max()
    assert np.isfinite(pictures).all()
    assert np.isfinite(numbers).all()
    apart = planes[:, steps.KEPT.index("apart")].max(axis=(1, 2))
    assert apart[(times > 2) & (times < 3.5)].max() > apart[times < 2].max()


def test_a_clip_gives_a_step_each_half_second(tmp_path):
    path = films.film(tmp_path / "v.mp4", 3, lambda t: films.view(20 * t, 0))
    found = glimpses.of_clip(path, packets.packets(path))
    np.testing.assert_allclose(found.times, np.arange(6) * 0.5, atol=0.11)


def test_parts_join_to_what_one_part_gives(tmp_path, monkeypatch):
    path = films.film(tmp_path / "v.mp4", 5, lambda t: films.view(30 * t, 0))
    table = packets.packets(path)
    ((whole, _),) = glimpses.of_film(path, table)
    monkeypatch.setattr(glimpses, "_PART", 2)
    parts = [part for part, _ in glimpses.of_film(path, table)]
    assert len(parts) > 1
    np.testing.assert_array_equal(np.concatenate([p.planes for p in parts]), whole.planes)

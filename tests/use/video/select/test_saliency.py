from __future__ import annotations

import numpy as np
import pytest

from taihang.core import errors
from taihang.engines.media import packets
from taihang.use.video.select import saliency
from tests.use.video import films


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    return films.visit(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def told(visit):
    return saliency.signals(visit, packets.packets(visit), workers=1)


def states(told, start, end):
    return {r["state"] for r in told.camera.to_pylist() if r["start_s"] < end and r["end_s"] > start}


def test_a_still_camera_is_known_from_key_frames_alone(told):
    assert states(told, 0, 30) <= {"still", "unknown"}
    assert told.duration_s == pytest.approx(30)
    assert told.decoded < 0.25 * told.frames.num_rows


def test_packets_rise_while_somebody_comes_and_goes(told):
    times, activity = told.frames["time_s"].to_numpy(), told.frames["activity"].to_numpy()
    comes, stands, nobody = ((times > a) & (times < b) for a, b in ((8.2, 9.4), (12, 16), (2, 6)))
    assert activity[comes].mean() > activity[stands].mean() + 1
    assert activity[comes].mean() > activity[nobody].mean() + 1


def test_the_same_film_gives_the_same_tables_with_any_number_of_workers(visit, told):
    again = saliency.signals(visit, packets.packets(visit), workers=3)
    assert all(table.equals(again.tables()[name]) for name, table in told.tables().items())
    assert saliency.Signals.of(told.tables()).tables().keys() == told.tables().keys()


def test_what_was_dark_covered_or_blurred_is_said(tmp_path):
    def draw(time_s):
        image = films.view(0, 0)
        if 4 <= time_s < 8:
            return (image * 0.06).astype(np.uint8)
        if 8 <= time_s < 12:
            return np.full_like(image, 90)
        return image

    path = films.film(tmp_path / "seen.mp4", 14, draw)
    keys = saliency.signals(path, packets.packets(path), workers=1).keys.to_pylist()
    seen = {round(row["time_s"]): row["seen"] for row in keys}
    assert (seen[2], seen[6], seen[10], seen[13]) == ("clear", "dark", "covered", "clear")


def test_a_walking_camera_walks_and_a_panning_one_turns(tmp_path):
    def draw(time_s):
        if time_s < 12:
            return films.view(*films.walked(time_s))
        return films.view(min(time_s - 12, 2.0) * 90, 0, films.walked(12)[2])

    path = films.film(tmp_path / "walk.mp4", 14, draw, gop=15, fps=30)
    told = saliency.signals(path, packets.packets(path), vectors=0.25, workers=1)
    assert "still" not in states(told, 1, 11)
    assert "walk" in states(told, 1, 11)
    assert "turn" in states(told, 12.5, 13.5)


def test_vectors_stay_within_their_share(tmp_path):
    path = films.film(tmp_path / "walk.mp4", 20, lambda t: films.view(*films.walked(t)), gop=50)
    table = packets.packets(path)
    keys = table["key"].to_numpy(zero_copy_only=False).sum()
    for share in (0.0, 0.1, 0.25):
        told = saliency.signals(path, table, vectors=share, workers=1)
        assert told.decoded - keys <= share * table.num_rows + 3
    with pytest.raises(ValueError):
        saliency.signals(path, table, vectors=0.3)


def test_progress_rises_to_the_end_and_may_stop_the_work(visit):
    class Told:
        def __init__(self, stop):
            self.seen, self.stop = [], stop

        def update(self, stage, done, total):
            self.seen.append((stage, done / total))
            if self.stop:
                raise errors.Cancelled("core:cancelled")

    told = Told(stop=False)
    saliency.signals(visit, packets.packets(visit), workers=1, progress=told)
    shares = [share for _, share in told.seen]
    assert shares == sorted(shares)
    assert shares[-1] <= 1
    with pytest.raises(errors.Cancelled):
        saliency.signals(visit, packets.packets(visit), workers=1, progress=Told(stop=True))


@pytest.mark.parametrize(("seconds", "gop"), [(0.1, 1), (1, 1), (3, 1000)])
def test_short_films_and_odd_groups_of_pictures(tmp_path, seconds, gop):
    path = films.film(tmp_path / "odd.mp4", seconds, lambda t: films.view(0, 0), gop=gop)
    told = saliency.signals(path, packets.packets(path), workers=1)
    assert told.keys.num_rows >= 1
    assert told.camera["end_s"][-1].as_py() == pytest.approx(told.duration_s)

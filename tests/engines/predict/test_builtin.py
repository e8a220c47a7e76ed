from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from taihang.core import errors
from taihang.engines.media import frame as media
from taihang.engines.predict import loading, predictor, scene


def _frame(image, number):
    return media.Frame(image, number * 1.0, number, number, True)


@pytest.fixture(scope="module")
def clip():
    """Makes a film's frames at given seconds, each decoded once."""
    av = pytest.importorskip("av")
    kept = {}

    def seconds(path, wanted):
        if path not in kept:
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                stream.codec_context.skip_frame = "NONKEY"
                kept[path] = [f.to_ndarray(format="rgb24") for f in container.decode(stream)]
        return [_frame(kept[path][s], s) for s in wanted]

    return seconds


def test_who_stands_in_a_real_room_is_found_and_the_empty_room_is_empty(shared, clip):
    path = shared("video/intel_one-by-one-person.mp4")
    known = scene.of(clip(path, range(0, 79, 2)), "fixed")
    detector = loading.load("builtin")
    found = detector.predict(clip(path, [2, 12, 21, 30, 48, 60]), known).to_pylist()
    sure = [row for row in found if row["score"] >= detector.sure]
    assert sorted({row["number"] for row in sure}) == [12, 30, 60]
    assert len(sure) == 3
    assert all(380 - 40 < (row["x0"] + row["x1"]) / 2 < 520 and row["y1"] - row["y0"] > 250 for row in sure)


def test_what_moves_is_no_person_on_a_motorway(shared, clip):
    path = shared("video/dvrscan_traffic_camera.mp4")
    frames = clip(path, range(5))
    known = scene.of([*frames, *frames], "fixed")
    detector = loading.load("builtin")
    found = detector.predict(frames, known).to_pylist()
    assert [row for row in found if row["score"] >= detector.sure] == []


def test_a_crate_that_appears_is_no_person():
    wall = np.random.default_rng(0).integers(100, 140, (360, 480, 3)).astype(np.uint8)
    known = scene.of([_frame(wall, n) for n in range(8)], "fixed")
    assert known.background is not None
    crate = wall.copy()
    crate[200:300, 180:300] = 30
    detector = loading.load("builtin")
    assert [r for r in detector.predict([_frame(crate, 0)], known).to_pylist() if r["score"] >= detector.sure] == []


def test_it_knows_people_only_and_says_what_it_cannot_see():
    detector = loading.load("builtin")
    assert detector.calibration is None
    told = " ".join(limit.both().en for limit in detector.limits)
    for word in ("crouch", "hidden", "less tall", "hardly moves", "moving camera", "helmets", "no probabilities"):
        assert word in told
    with pytest.raises(errors.UserError, match="helmet"):
        predictor.require(detector, ["helmet"])


def test_labels_and_files_mean_nothing_to_it():
    with pytest.raises(errors.UserError, match="write just builtin"):
        loading.load("builtin", labels=["worker"])


def test_an_opencv_without_the_people_detector_gives_the_repair(monkeypatch):
    monkeypatch.delattr(cv2, "HOGDescriptor")
    with pytest.raises(errors.UserError, match=r"opencv-python-headless>=4\.12"):
        loading.load("builtin")


def test_a_picture_smaller_than_the_window_holds_nobody_and_is_no_end_of_the_process():
    # In a process of its own: what reads beyond a picture may be ended by the system.
    code = (
        "import numpy as np\n"
        "from taihang.engines.predict import hog\n"
        "seen = hog.Hog()\n"
        "for high in (1, 16, 24, 40, 60, 95):\n"
        "    for wide in (1, 16, 24, 31, 60, 320):\n"
        "        boxes, margins = seen.windows(np.full((high, wide), high, np.uint8), -9.0)\n"
        "        assert len(boxes) == len(margins) == 0, (high, wide)\n"
        "boxes, _ = seen.windows(np.zeros((96, 32), np.uint8), -9.0)\n"
        "print(len(boxes))\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout.strip(), told.stderr) == (0, "1", "")

"""What somebody who renders a scene gets: a video that opens, marked synthetic, with its truth beside it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import av
import numpy as np
import pytest
import yaml

from taihang.core import errors
from taihang.use.video import scene

SHORT = scene.Script(
    name="short",
    duration_s=10,
    width=480,
    height=270,
    fps=10,
    events=(scene.Event(kind="restricted", at_s=3, for_s=4), scene.Event(kind="covered", at_s=8, for_s=1.5)),
)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> scene.Truth:
    return scene.render(tmp_path_factory.mktemp("scene") / "short.mp4", SHORT, seed=3)


def test_the_video_opens_and_says_that_it_is_synthetic(short: scene.Truth) -> None:
    with av.open(str(short.video)) as container:
        stream = container.streams.video[0]
        assert container.metadata["comment"] == "synthetic"
        assert (stream.width, stream.height, stream.pix_fmt) == (480, 270, "yuv420p")
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(frames) == 100
    # The mark stays even while the lens is covered.
    assert frames[85][8:20, -90:-8].max() > 150 > frames[85][100:].max()


def test_the_manifest_holds_script_seed_and_truth(short: scene.Truth) -> None:
    plain = json.loads(short.manifest_file.read_text(encoding="utf-8"))
    assert plain["synthetic"] is True
    assert plain["seed"] == 3
    assert plain["sha256"] == hashlib.sha256(short.video.read_bytes()).hexdigest()
    assert scene.Script.model_validate(plain["script"]) == SHORT
    assert len(plain["boxes"]["x0"]) == short.boxes.num_rows > 100
    assert short.manifest_file.name == "short.synthetic.json"


def test_the_zones_file_names_every_zone_inside_the_frame(short: scene.Truth) -> None:
    plain = yaml.safe_load(short.zones_file.read_text(encoding="utf-8"))
    assert plain["frame"] == {"time_s": 0.0, "width": 480, "height": 270, "video": short.manifest.sha256}
    assert {zone["kind"] for zone in plain["zones"]} == {"restricted", "post", "area", "equipment"}
    points = np.array([point for zone in plain["zones"] for point in zone["points"]])
    assert points.min() >= 0
    assert (points.max(axis=0) <= (480, 270)).all()


def test_planted_events_happen_when_they_were_asked_for(short: scene.Truth) -> None:
    (entry,) = short.of("restricted")
    assert entry.planted
    assert entry.start_s == pytest.approx(3, abs=0.3)
    assert entry.end_s == pytest.approx(7, abs=0.3)
    assert [(e.start_s, e.end_s) for e in short.of("covered")] == [(8.0, 9.5)]


def test_the_same_script_and_seed_give_the_same_bytes_and_another_seed_does_not(
    short: scene.Truth, tmp_path: Path
) -> None:
    again = scene.render(tmp_path / "short.mp4", SHORT, seed=3)
    other = scene.render(tmp_path / "other.mp4", SHORT, seed=4)
    assert again.video.read_bytes() == short.video.read_bytes()
    assert again.manifest_file.read_bytes() == short.manifest_file.read_bytes()
    assert other.video.read_bytes() != short.video.read_bytes()
    assert not other.boxes.equals(short.boxes)


def test_a_path_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match="folder"):
        scene.render(tmp_path / "none" / "x.mp4", SHORT)
    assert list(tmp_path.iterdir()) == []

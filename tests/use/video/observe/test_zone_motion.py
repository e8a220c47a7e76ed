from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest

from taihang.engines.media import packets
from taihang.use.video.observe import tables, zone_motion
from taihang.use.video.zoning import zones

FPS, SECONDS = 10, 24
RUNS = (8, 16)  # seconds in which the drawn belt moves


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grey room with sensor noise; a striped belt at the left runs from 8 s to 16 s."""
    path = tmp_path_factory.mktemp("belt") / "belt.mp4"
    random = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"g": str(FPS), "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        shift = 0
        for i in range(FPS * SECONDS):
            if RUNS[0] <= i / FPS < RUNS[1]:
                shift += 3
            image = np.full((180, 320, 3), 110, np.float64)
            image[60:120, 20:120] += 50 * np.sign(np.sin((np.arange(100) + shift) / 5))[None, :, None]
            noisy = np.clip(image + random.normal(0, 2, image.shape), 0, 255).astype(np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def _zones() -> zones.Zones:
    def box(name: str, x: int) -> dict[str, object]:
        return {"name": name, "kind": "equipment", "points": [[x, 60], [x + 100, 60], [x + 100, 120], [x, 120]]}

    frame = {"width": 320, "height": 180}
    return zones.Zones.model_validate(
        {"frame": frame, "zones": [box("belt", 20), box("wall", 200)], "sha256": "0" * 64, "path": "z.yaml"}
    )


def test_a_belt_that_runs_is_told_from_a_wall(film: Path) -> None:
    found = zone_motion.zone_motion(film, packets.packets(film), _zones(), SECONDS)
    assert found.schema == tables.schema("zone_motion")
    rows = [r for r in found.to_pylist() if r["zone"] == "belt"]
    for row in rows:
        middle = (row["start_s"] + row["end_s"]) / 2
        if row["observed"] and min(abs(middle - edge) for edge in RUNS) > 1:
            assert row["moving"] == (RUNS[0] < middle < RUNS[1])
    changes = [(r["change"], r["start_s"]) for r in rows if r["change"]]
    assert [c for c, _ in changes] == ["start", "stop"]
    assert [t for _, t in changes] == pytest.approx(RUNS, abs=1.1)
    assert not any(r["moving"] for r in found.to_pylist() if r["zone"] == "wall")


def test_rows_tile_the_video(film: Path) -> None:
    found = zone_motion.zone_motion(film, packets.packets(film), _zones(), SECONDS)
    rows = [r for r in found.to_pylist() if r["zone"] == "belt"]
    assert (rows[0]["start_s"], rows[-1]["end_s"]) == (0.0, SECONDS)
    assert all(a["end_s"] == b["start_s"] for a, b in itertools.pairwise(rows))


def test_a_single_key_frame_tells_nothing(film: Path) -> None:
    table = packets.packets(film)
    found = zone_motion._rows(_zones().zones[0], np.array([0.0]), np.array([np.nan]), np.array([np.nan]), 24.0)
    assert table.num_rows == FPS * SECONDS
    assert found["observed"].to_pylist() == [False]

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taihang.core import errors
from taihang.use.video.zoning import zones

GOOD = """
taihang: zones/1
frame: {time_s: 1.5, width: 640, height: 360}
zones:
  - {name: shaft, kind: restricted, points: [[10, 10], [110, 10], [110, 60], [10, 60]]}
  - {name: desk, kind: post, points: [[300, 100], [400, 100], [350, 200]]}
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "a.zones.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_zones_are_read(tmp_path: Path) -> None:
    loaded = zones.load(_file(tmp_path, GOOD))
    assert [z.name for z in loaded.of_kind("restricted")] == ["shaft"]
    assert zones.area(loaded.zones[0].array()) == 5000


def test_zones_follow_the_size_of_the_frame(tmp_path: Path) -> None:
    larger = zones.load(_file(tmp_path, GOOD)).scaled(1280, 720)
    assert larger.zones[0].points[2] == (220, 120)


def test_another_shape_of_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.UserError, match="another shape"):
        zones.load(_file(tmp_path, GOOD)).scaled(640, 480)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("[10, 10]", "[-1, 10]"), "zone shaft has the corner \\(-1, 10\\) outside its 640x360 frame"),
        (("[10, 10]", "[.nan, 10]"), "outside|finite"),
        (("name: desk", "name: shaft"), "two zones are named shaft"),
        (("kind: post", "kind: pool"), "kind"),
        (("[110, 60], [10, 60]", "[60, 10]"), "no area"),
        (("[300, 100], [400, 100], [350, 200]", "[300, 100]"), "zones.1.points"),
        (("zones/1", "zones/9"), "zones/1"),
        (("width: 640", "width: 0"), "frame.width"),
        (("time_s: 1.5", "time_s: 1.5, image: ../../etc/passwd"), "frame.image"),
        (("time_s: 1.5", "time_s: [1, 2"), "not a valid zones file"),
    ],
)
def test_bad_zones_are_one_line(tmp_path: Path, change: tuple[str, str], line: str) -> None:
    with pytest.raises(errors.UserError, match=line) as caught:
        zones.load(_file(tmp_path, GOOD.replace(*change)))
    assert "\n" not in str(caught.value)
    assert "a.zones.yaml" in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_file_that_unfolds_is_refused(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    with pytest.raises(errors.UserError, match="aliases"):
        zones.load(_file(tmp_path, bomb))


@pytest.mark.parametrize("what", ["absent", "folder", "binary"])
def test_what_is_no_file_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "z.yaml"
    if what == "folder":
        path.mkdir()
    elif what == "binary":
        path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(errors.UserError):
        zones.load(path)


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_any_text_is_zones_or_one_line(tmp_path_factory: pytest.TempPathFactory, text: str | bytes) -> None:
    path = tmp_path_factory.mktemp("zones") / "fuzz.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    try:
        zones.load(path)
    except errors.UserError as error:
        assert "\n" not in str(error)


@given(st.floats(0, 100), st.floats(0, 100))
def test_inside_agrees_with_a_rectangle(x: float, y: float) -> None:
    square = np.array([[20.0, 30.0], [70.0, 30.0], [70.0, 80.0], [20.0, 80.0]])
    on_edge = x in (20, 70) or y in (30, 80)
    if not on_edge:
        assert bool(zones.inside(np.array([[x, y]]), square)[0]) == (20 < x < 70 and 30 < y < 80)


def test_inside_knows_a_notch() -> None:
    horseshoe = np.array([[0, 0], [10, 0], [10, 10], [7, 10], [7, 3], [3, 3], [3, 10], [0, 10]], dtype=float)
    assert zones.inside(np.array([[1.0, 8.0], [5.0, 8.0], [9.0, 8.0]]), horseshoe).tolist() == [True, False, True]

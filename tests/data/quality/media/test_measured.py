"""Point clouds, time series and paths in a folder: what their files say, and every fault a word and not an end."""

from __future__ import annotations

import datetime
import json
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors
from taihang.data.quality.media import clouds, layout, observing, timing, unfit
from taihang.data.quality.metrics import points, series, trajectory

ROOM = points.drawn(3000)
MOST = 100_000


def ply(cloud: clouds.Cloud, kind: str = "binary_little_endian", claimed: int | None = None) -> bytes:
    axes = "".join(f"property float {axis}\n" for axis in "xyz")
    head = f"ply\nformat {kind} 1.0\ncomment drawn\nelement vertex {claimed or len(cloud)}\n{axes}property uchar red\n"
    head += "element face 0\nproperty list uchar int vertex_index\nend_header\n"
    if kind == "ascii":
        return (head + "".join(f"{x:.6f} {y:.6f} {z:.6f} 7\n" for x, y, z in cloud)).encode()
    order = "<" if "little" in kind else ">"
    made = np.zeros(len(cloud), np.dtype([(a, f"{order}f4") for a in "xyz"] + [("red", "u1")]))
    made["x"], made["y"], made["z"] = cloud.T
    return head.encode() + made.tobytes()


def pcd(cloud: clouds.Cloud, data: str = "binary") -> bytes:
    head = "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS x y z intensity\nSIZE 4 4 4 4\n"
    head += f"TYPE F F F F\nCOUNT 1 1 1 1\nWIDTH {len(cloud)}\nHEIGHT 1\nPOINTS {len(cloud)}\nDATA {data}\n"
    wide = np.column_stack([cloud, np.zeros(len(cloud))]).astype("<f4")
    lines = "".join(" ".join(f"{v:.6f}" for v in row) + "\n" for row in wide).encode()
    return head.encode() + (lines if data == "ascii" else wide.tobytes())


def las(cloud: clouds.Cloud, kind: int = 0) -> bytes:
    head = bytearray(227)
    head[:4], head[24], head[25] = b"LASF", 1, 2
    struct.pack_into("<I", head, 96, 227)
    struct.pack_into("<BHI", head, 104, kind, 20, len(cloud))
    struct.pack_into("<6d", head, 131, 0.001, 0.001, 0.001, 5e5, 4e6, 100.0)
    made = np.zeros(len(cloud), np.dtype([("place", "<i4", (3,)), ("rest", "V8")]))
    made["place"] = np.rint(cloud * 1000)
    return bytes(head) + made.tobytes()


FORMS: dict[str, Callable[[clouds.Cloud], bytes]] = {
    "little.ply": ply, "big.ply": lambda c: ply(c, "binary_big_endian"), "text.ply": lambda c: ply(c, "ascii"),
    "binary.pcd": pcd, "text.pcd": lambda c: pcd(c, "ascii"), "survey.las": las,
}  # fmt: skip


@pytest.mark.parametrize("name", list(FORMS))
def test_every_form_gives_the_same_points(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FORMS[name](ROOM))
    found, told = clouds.cloud(tmp_path / name, MOST)
    wanted = ROOM - (ROOM.min(axis=0) + ROOM.max(axis=0)) / 2 if name.endswith("las") else ROOM
    assert found == pytest.approx(wanted, abs=2e-3)
    assert told == {"format": name.rpartition(".")[2]}
    (tmp_path / name).write_bytes(FORMS[name](ROOM)[:-100])
    with pytest.raises(unfit.Unfit, match=r"truncated|damaged"):
        clouds.cloud(tmp_path / name, MOST)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"hello", "not_points"), (b"ply\n", "damaged"), (ply(ROOM, claimed=10**9), "large"),
        (ply(ROOM, claimed=90_000), "truncated"), (ply(ROOM, "text"), "not_points"),
        (pcd(ROOM, "binary_compressed"), "compressed"), (las(ROOM, 128), "compressed"), (las(ROOM)[:90], "truncated"),
        (ply(ROOM).replace(b"property float y", b"property float w"), "not_points"),
        (ply(ROOM).replace(b"vertex 3000", b"vertex -1"), "damaged"),
    ],
)  # fmt: skip
def test_what_is_no_cloud_is_one_word(data: bytes, fault: str, tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(data)
    with pytest.raises(unfit.Unfit) as told:
        clouds.cloud(tmp_path / "c", MOST)
    assert told.value.fault == fault


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_bytes_of_a_cloud_are_points_or_a_word(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = FORMS[data.draw(st.sampled_from(list(FORMS)))](ROOM[:20])
    at = data.draw(st.integers(0, len(whole) - 1))
    made = whole[:at] + data.draw(st.binary(max_size=12)) + whole[data.draw(st.integers(at, len(whole))) :]
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(made)
    try:
        found, _ = clouds.cloud(path, 1000)
    except unfit.Unfit:
        return
    assert found.shape[1] == 3


def degrees(path: trajectory.Path) -> np.ndarray:
    """Latitude and longitude of a path in metres from a place at 40° north."""
    metre = math.degrees(1 / 6_371_008.8)
    return np.column_stack([
        40 + path.places[:, 1] * metre, 116 + path.places[:, 0] * metre / math.cos(math.radians(40))
    ])  # fmt: skip


def gpx(path: trajectory.Path, *, timed: bool = True) -> str:
    start = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
    points = ""
    for t, (lat, lon) in zip(path.times.tolist(), degrees(path).tolist(), strict=True):
        time = f"<time>{(start + datetime.timedelta(seconds=t)).isoformat()}</time>" if timed else ""
        points += f'<trkpt lat="{lat:.9f}" lon="{lon:.9f}">{time}</trkpt>'
    return f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><name>走</name><trkseg>{points}</trkseg></trk></gpx>'


def geojson(path: trajectory.Path) -> str:
    shape = {"type": "LineString", "coordinates": [[lon, lat] for lat, lon in degrees(path).tolist()]}
    times = [datetime.datetime.fromtimestamp(t, datetime.UTC).isoformat() for t in path.times.tolist()]
    one = {"type": "Feature", "geometry": shape, "properties": {"name": "走", "coordTimes": times}}
    return json.dumps({"type": "FeatureCollection", "features": [one, {"geometry": {"type": "Point"}}]})


def table(path: trajectory.Path) -> str:
    rows = zip(path.times.tolist(), degrees(path).tolist(), strict=True)
    return "timestamp,lat,lon\n" + "".join(f"{1.7e12 + 1000 * t:.0f},{a:.9f},{o:.9f}\n" for t, (a, o) in rows)


@pytest.mark.parametrize(("name", "make"), [("w.gpx", gpx), ("w.geojson", geojson), ("w.csv", table)])
def test_a_path_keeps_its_times_and_metres_in_every_form(name: str, make: Any, tmp_path: Path) -> None:
    walk = trajectory.drawn(200)
    (tmp_path / name).write_text(make(walk), encoding="utf-8")
    [(track, found)] = timing.paths(tmp_path / name, MOST, 1 << 20)
    assert track == ("" if name.endswith("csv") else "走")
    assert np.diff(found.times) == pytest.approx(np.diff(walk.times), abs=1e-3)
    assert found.places == pytest.approx(walk.places - walk.places[0], abs=0.05)


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("a.gpx", gpx(trajectory.drawn(9))[:-30], "damaged"), ("a.gpx", "<gpx/>", "no_path"),
        ("a.gpx", gpx(trajectory.drawn(9), timed=False), "untimed"), ("a.gpx", "<!DOCTYPE a><gpx/>", "damaged"),
        ("a.gpx", gpx(trajectory.drawn(9)).replace('lat="40', 'lat="140'), "coordinates"),
        ("a.geojson", "[]", "no_path"), ("a.geojson", "{", "damaged"),
        ("a.geojson", geojson(trajectory.drawn(9)).replace("coordTimes", "other"), "untimed"),
        ("a.csv", "time,a\n2026-01-01,1\n", "no_path"), ("a.csv", "a,b\n1,2\n", "untimed"),
    ],
)  # fmt: skip
def test_what_is_no_path_is_one_word(name: str, text: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(unfit.Unfit) as told:
        list(timing.paths(tmp_path / name, MOST, 1 << 20))
    assert told.value.fault == fault


def seen(root: Path, home: Path, taken: layout.Taken | None = None) -> dict[str, list[dict[str, Any]]]:
    found = layout.recognise(root, taken)
    assert found is not None
    return {n: pq.read_table(p).to_pylist() for n, p in observing.observe(found, home).tables.items()}


def test_a_folder_of_clouds_is_measured_and_what_is_none_is_told(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    (root / "good.ply").write_bytes(ply(points.drawn()))
    (root / "noisy.pcd").write_bytes(pcd(points.sprayed(points.drawn(), 0.1)))
    (root / "copy.ply").write_bytes(ply(points.drawn()))
    (root / "junk.las").write_bytes(b"nothing")
    found = seen(root, tmp_path / "home")
    rows = {row["path"]: row for row in found["clouds"]}
    assert found["dataset"][0] | {"layout": "points", "clouds": 4} == found["dataset"][0]
    assert rows["good.ply"]["isolated"] < 0.02 < rows["noisy.pcd"]["isolated"]
    assert rows["good.ply"]["copy_of"] == "copy.ply"
    assert {f["path"]: f["fault"] for f in found["files"] if f["fault"]} == {"junk.las": "not_points"}


def test_tables_are_series_when_they_are_taken_for_such(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    good, stuck = series.drawn(400), series.stuck(series.drawn(400), 0.3)
    start = datetime.datetime(2026, 5, 1)
    rows = zip(good.times.tolist(), good.values.tolist(), stuck.values.tolist(), strict=True)
    lines = [f"{start + datetime.timedelta(seconds=t)},{a},{b}" for t, a, b in rows]
    (root / "gas.csv").write_text("time,ch4,co\n" + "\n".join(lines), encoding="utf-8")
    (root / "none.csv").write_text("a,b\n1,2\n")
    assert layout.recognise(root) is None
    found = seen(root, tmp_path / "home", "series")
    columns = {row["column"]: row for row in found["series"] if row["decoded"]}
    assert columns["ch4"]["flatline"] == 0
    assert columns["co"]["flatline"] > 0.25
    assert columns["ch4"]["disorder"] == 0
    assert {f["path"]: f["fault"] for f in found["files"]} == {"gas.csv": None, "none.csv": "untimed"}
    (tmp_path / "empty").mkdir()
    with pytest.raises(errors.UserError, match="gpx"):
        layout.recognise(root.parent / "empty", "trajectory")

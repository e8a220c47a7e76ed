"""GPMF and subtitles become rows with times; broken GPMF becomes fewer rows, never an error."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import strategies

from taihang.engines.media import gpmf, telemetry
from tests.fixtures import videos


def item(key: bytes, kind: str, size: int, data: bytes) -> bytes:
    repeat = len(data) // size if size else 0
    return key + struct.pack(">cBH", kind.encode(), size, repeat) + data + b"\0" * (-len(data) % 4)


def stream(*entries: bytes) -> bytes:
    return b"DEVC" + b"\0\x01" + struct.pack(">H", len(_strm(*entries))) + _strm(*entries)


def _strm(*entries: bytes) -> bytes:
    body = b"".join(entries)
    return b"STRM" + b"\0\x01" + struct.pack(">H", len(body)) + body


def test_a_sensor_is_scaled_and_has_its_unit() -> None:
    data = np.array([[418, -836, 0], [209, 418, 1254]], dtype=">i2").tobytes()
    payload = stream(
        item(b"SIUN", "c", 5, "m/s²".encode("latin-1") + b"\0"),
        item(b"SCAL", "s", 2, struct.pack(">h", 418)),
        item(b"ACCL", "s", 6, data),
    )
    (found,) = gpmf.samples(payload)
    assert (found.name, found.unit) == ("ACCL", "m/s²")
    assert found.values.tolist() == [[1, -2, 0], [0.5, 1, 3]]


def test_each_element_may_have_its_own_scale_unit_and_type() -> None:
    data = struct.pack(">iHf", 331267700, 250, 1.5)
    payload = stream(
        item(b"UNIT", "c", 3, b"degm/ss\0\0"),
        item(b"TYPE", "c", 1, b"lSf"),
        item(b"SCAL", "l", 4, struct.pack(">iii", 10_000_000, 100, 1)),
        item(b"GPSX", "?", 10, data),
    )
    (found,) = gpmf.samples(payload)
    assert found.unit == "deg,m/s,s"
    assert found.values[0].tolist() == pytest.approx([33.12677, 2.5, 1.5])


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"DEVC",
        b"DEVC\0\x01\xff\xff" + b"x" * 10,
        stream(item(b"SCAL", "s", 2, b"\0\0"), item(b"ACCL", "s", 3, b"abc")),
        stream(item(b"TYPE", "c", 1, b"c[999]f"), item(b"ABCD", "?", 5, b"12345")),
        b"".join(b"DEVC\0\x01" + struct.pack(">H", 8 * n) for n in range(200, 0, -1)),
    ],
)
def test_nonsense_gives_nothing(payload: bytes) -> None:
    assert list(gpmf.samples(payload)) == []


def test_a_scale_of_zero_is_no_division() -> None:
    payload = stream(item(b"SCAL", "s", 2, b"\0\0"), item(b"ACCL", "s", 2, b"\0\x05"))
    (found,) = gpmf.samples(payload)
    assert found.values.tolist() == [[5]]


@hypothesis.given(payload=strategies.binary(max_size=400))
def test_any_bytes_are_survived(payload: bytes) -> None:
    for wrapped in (payload, stream(payload), stream(item(b"TYPE", "c", 1, payload[:20]), payload)):
        for found in gpmf.samples(wrapped):
            assert np.isfinite(found.values).all()
            assert found.values.size <= len(wrapped)


def test_a_real_camera(shared: Callable[[str], Path]) -> None:
    table = telemetry.telemetry(shared("video/gopro_max-heromode.mp4"))
    assert table.schema.equals(telemetry.SCHEMA)
    for name, unit, rate, elements in (
        ("ACCL", "m/s²", 198, 3),
        ("GYRO", "rad/s", 198, 3),
        ("GPS5", "deg,deg,m,m/s,m/s", 18, 5),
    ):
        rows = table.filter(pc.equal(table["name"], name))
        assert set(rows["unit"].to_pylist()) == {unit}
        assert rows.num_rows / 10.54 == pytest.approx(rate, rel=0.03)
        assert {len(v) for v in rows["values"].to_pylist()} == {elements}
        assert (np.diff(rows["time_s"].to_numpy()) > 0).all()
    gravity = np.array(table.filter(pc.equal(table["name"], "ACCL"))["values"].to_pylist())
    assert np.linalg.norm(gravity, axis=1).mean() == pytest.approx(9.8, abs=0.6)
    where = np.array(table.filter(pc.equal(table["name"], "GPS5"))["values"].to_pylist())
    assert where[:, :2].mean(axis=0) == pytest.approx((33.126, -117.327), abs=0.01)


def test_subtitles_are_rows_with_text() -> None:
    table = telemetry.telemetry(videos.get("subtitled"))
    assert table["name"].to_pylist() == ["subtitle"] * 3
    assert table["time_s"].to_pylist() == pytest.approx([0, 0.5, 1.0])
    assert ["GPS" in t for t in table["text"].to_pylist()] == [True] * 3


def test_a_file_without_telemetry_gives_no_rows() -> None:
    assert telemetry.telemetry(videos.get("plain")).num_rows == 0

"""Telemetry that a camera wrote beside the picture: GPMF sensor data and subtitles."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import av.error
import numpy as np
import pyarrow as pa

from taihang.engines.media import gpmf, packets, source

SCHEMA = pa.schema(
    [
        ("time_s", pa.float64()),
        ("name", pa.string()),
        ("unit", pa.string()),
        ("values", pa.list_(pa.float64())),
        ("text", pa.string()),
    ]
)


def kinds(container: Any) -> tuple[str, ...]:
    """What an open PyAV container holds: `gpmf`, `subtitle`, both or neither."""
    found = []
    if any(_is_gpmf(s) for s in container.streams):
        found.append("gpmf")
    if container.streams.subtitles:
        found.append("subtitle")
    return tuple(found)


def telemetry(path: str | os.PathLike[str]) -> pa.Table:
    """All telemetry of a video file, a table of `SCHEMA` in file order; no rows when there is none.

    `time_s`: seconds from the first shown frame; samples of one packet are spread evenly over its
    duration. `name`: the sensor's key (ACCL, GYRO, GPS5, …) or `subtitle`. `unit`: of the elements,
    by commas when they differ. `values`: the elements, scaled. `text`: of a subtitle, else null.
    Raises errors.UserError as `source.opened` does.
    """
    scan = packets.scan(path)
    with source.opened(path) as opened:
        start = float(scan.table["pts"][0].as_py() * opened.time_base) if scan.table.num_rows else 0.0
        streams = [s for s in opened.container.streams if _is_gpmf(s) or s.type == "subtitle"]
        batches = list(_batches(opened.container, streams, start)) if streams else []
    return pa.Table.from_batches(batches, schema=SCHEMA)


def _is_gpmf(stream: Any) -> bool:
    return stream.type == "data" and "GoPro MET" in stream.metadata.get("handler_name", "")


def _batches(container: Any, streams: list[Any], start: float) -> Iterator[pa.RecordBatch]:
    read = container.demux(streams)
    while True:
        try:
            packet = next(read)
        except (StopIteration, av.error.FFmpegError):
            return
        if not packet.size or packet.pts is None:
            continue
        time = float(packet.pts * packet.time_base) - start
        if packet.stream.type == "subtitle":
            yield from _subtitle(packet, time)
            continue
        length = float((packet.duration or 0) * packet.time_base)
        for found in gpmf.samples(bytes(packet)):
            yield _batch(found, time, length)


def _batch(found: gpmf.Samples, time: float, length: float) -> pa.RecordBatch:
    count, elements = found.values.shape
    values = pa.ListArray.from_arrays(
        pa.array(np.arange(count + 1, dtype=np.int32) * elements), pa.array(found.values.reshape(-1))
    )
    return pa.record_batch(
        [
            pa.array(time + np.arange(count) * (length / count)),
            pa.repeat(found.name, count),
            pa.repeat(found.unit, count),
            values,
            pa.nulls(count, pa.string()),
        ],
        schema=SCHEMA,
    )


def _subtitle(packet: Any, time: float) -> Iterator[pa.RecordBatch]:
    try:
        shown = packet.decode()
    except av.error.FFmpegError:
        return
    for line in shown:
        raw = getattr(line, "dialogue", b"")
        text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        if text:
            yield pa.record_batch([[time], ["subtitle"], [""], [[]], [text]], schema=SCHEMA)

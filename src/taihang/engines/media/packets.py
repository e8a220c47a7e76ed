"""The packets of a video's picture stream, without decoding anything.

One row is one shown frame. Left out, because no decoder shows them: packets an edit list discards,
empty packets, and what stands before the first key frame.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import errors
from taihang.engines.media import limits, source

SCHEMA = pa.schema(
    [
        ("number", pa.int32()),
        ("pts", pa.int64()),
        ("time_s", pa.float64()),
        ("duration_s", pa.float64()),
        ("size", pa.int32()),
        ("key", pa.bool_()),
        ("corrupt", pa.bool_()),
        ("order", pa.int32()),
    ]
)
# A step back in decoding time of more than this is a new clock, not a rounding of the muxer.
_BACK_S = 1.0
_NONE = np.iinfo(np.int64).min

Identity = Literal["pts", "order", "count"]
Ints = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over the packets gives.

    `table`: see `packets`. `identity`: how a decoded frame is known to be row n: `pts`, when every
    row has a time stamp of its own; `order`, by its packet's place in the file, when stamps repeat;
    `count`, by counting what the decoder shows, when there are none. `resets`: times (s) at which the
    file's clock jumped and was joined again. `missing_stamps`: packets without a time stamp.
    `reordered`: shown in another order than decoded. `discarded`: packets that no player shows.
    """

    table: pa.Table
    identity: Identity
    resets: tuple[float, ...]
    missing_stamps: int
    reordered: bool
    discarded: int
    corrupt: int


def packets(path: str | os.PathLike[str], probe: Any = None) -> pa.Table:
    """All packets of the picture stream in presentation order; a table of `SCHEMA`.

    `number`: place in presentation order from 0. `pts`: time stamp in the stream's time base.
    `time_s`: seconds from the first shown frame. `duration_s`: until the next frame is shown.
    `size`: bytes. `key`: a decoder can start here. `corrupt`: the container calls it damaged.
    `order`: place in the file from 0. The schema's metadata says `identity`, see `Scan`.
    Raises errors.UserError as `source.opened` does, and when there are more than the limit.
    """
    return scan(path).table


def scan(path: str | os.PathLike[str]) -> Scan:
    """One pass over the file's packets: the table and what was odd about it."""
    with source.opened(path) as opened:
        raw, discarded = _read(opened)
        rate = opened.stream.guessed_rate or opened.stream.average_rate or 25
        return _arrange(raw, discarded, float(opened.time_base), float(rate))


@dataclasses.dataclass(slots=True)
class _Raw:
    """Columns in file order; `_NONE` where the file gives no value."""

    pts: Ints
    dts: Ints
    duration: Ints
    size: Ints
    flags: Ints


def _read(opened: source.Source) -> tuple[_Raw, int]:
    rows: list[tuple[int, int, int, int, int]] = []
    most = limits.Limits.current().max_packets
    discarded = 0
    for packet in opened.packets():
        key = packet.is_keyframe
        if packet.is_discard or not (rows or key):
            discarded += 1
            continue
        pts, dts = packet.pts, packet.dts
        rows.append(
            (
                _NONE if pts is None else pts,
                _NONE if dts is None else dts,
                packet.duration or 0,
                packet.size,
                key | (packet.is_corrupt << 1),
            )
        )
        if len(rows) > most:
            raise errors.UserError("engines.media:too_many", path=str(Path(opened.path)), limit=most)
    columns = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    return _Raw(*columns), discarded


def _arrange(raw: _Raw, discarded: int, time_base: float, rate: float) -> Scan:
    count = len(raw.pts)
    missing = int((raw.pts == _NONE).sum())
    reordered = bool((np.diff(raw.pts) < 0).any()) if not missing else False
    step = max(1, round(1 / rate / time_base))
    if missing:
        raw.pts = _stamps(raw, step)
    seconds, resets, clock = _timeline(raw, time_base, step)
    identity: Identity = "count" if missing else "order"
    if not missing and not resets and len(np.unique(raw.pts)) == count:
        identity = "pts"
    place = np.lexsort((np.arange(count), raw.pts, clock))
    if count:
        seconds = seconds - seconds[place[0]]
    shown = seconds[place]
    last = max(raw.duration[place[-1]] * time_base, 0.0) if count else 0.0
    lasts = np.append(np.diff(shown), last or step * time_base)[:count]
    table = pa.table(
        [
            np.arange(count, dtype=np.int32),
            raw.pts[place],
            shown,
            lasts,
            raw.size[place].astype(np.int32),
            (raw.flags[place] & 1).astype(bool),
            (raw.flags[place] & 2).astype(bool),
            place.astype(np.int32),
        ],
        schema=SCHEMA.with_metadata({"identity": identity}),
    )
    corrupt = int(((raw.flags & 2) > 0).sum())
    return Scan(table, identity, tuple(resets), missing, reordered, discarded, corrupt)


def _stamps(raw: _Raw, step: int) -> Ints:
    """Time stamps where some are missing: the decoding times when all are there and rise, else counted."""
    if (raw.dts != _NONE).all() and (np.diff(raw.dts) > 0).all():
        return raw.dts
    return np.arange(len(raw.pts), dtype=np.int64) * step


def _timeline(raw: _Raw, time_base: float, step: int) -> tuple[npt.NDArray[np.float64], list[float], Ints]:
    """Seconds of each packet with clock resets joined; the resets; and which clock each packet is on."""
    seconds = raw.pts.astype(np.float64) * time_base
    # Reordering makes presentation times go back a little all the time; decoding times do not.
    decoding = np.where(raw.dts == _NONE, raw.pts, raw.dts).astype(np.float64) * time_base
    jumps = np.diff(decoding)
    breaks = np.flatnonzero((jumps < -_BACK_S) | (jumps > limits.Limits.current().max_gap_s)) + 1
    clock = np.zeros(len(seconds), dtype=np.int64)
    resets: list[float] = []
    for start in breaks:
        clock[start:] += 1
    ends = [*breaks, len(seconds)]
    for start, end in zip(breaks, ends[1:], strict=True):
        before = float(seconds[:start].max()) + step * time_base
        seconds[start:end] += before - float(seconds[start:end].min())
        resets.append(before)
    return seconds, resets, clock

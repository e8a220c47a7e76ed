"""Windows: which looked-at frames go into one question; whole segments, or a piece of a long one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

_STABLE_FRAMES = 2  # of a stable span before a fixed camera: nothing moves there


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """Frames of one question by number and second, the span they are about, and whether an event is in it."""

    start_s: float
    end_s: float
    event: bool
    numbers: tuple[int, ...]
    times: tuple[float, ...]


def windows(segments: pa.Table, shown: pa.Table, *, most: int, fixed: bool) -> list[Window]:
    """The film's windows in order. `shown` has number and time_s of the frames that show something, sorted.

    No window has more than `most` frames, or crosses a segment's border within that segment's frames: a segment goes
    whole into one window, or is cut into pieces of its own.
    """
    found: list[Window] = []
    for piece in _pieces(segments, shown, most, fixed):
        last = found[-1] if found else None
        if last is not None and len(last.numbers) + len(piece.numbers) <= most:
            found[-1] = Window(
                last.start_s,
                piece.end_s,
                last.event or piece.event,
                last.numbers + piece.numbers,
                last.times + piece.times,
            )
        else:
            found.append(piece)
    return found


def _pieces(segments: pa.Table, shown: pa.Table, most: int, fixed: bool) -> Iterator[Window]:
    numbers, times = shown["number"].to_numpy(), shown["time_s"].to_numpy()
    for place, row in enumerate(segments.to_pylist()):
        last = place == segments.num_rows - 1
        inside = np.flatnonzero((times >= row["start_s"]) & ((times < row["end_s"]) | last))
        event = row["kind"] == "event"
        if not event and fixed and len(inside) > _STABLE_FRAMES:
            inside = inside[np.linspace(0, len(inside) - 1, _STABLE_FRAMES).round().astype(int)]
        if not len(inside):
            continue
        parts = np.array_split(inside, math.ceil(len(inside) / most))
        for which, part in enumerate(parts):
            yield Window(
                float(row["start_s"]) if which == 0 else float(times[part[0]]),
                float(row["end_s"]) if which == len(parts) - 1 else float(times[parts[which + 1][0]]),
                event,
                tuple(int(n) for n in numbers[part]),
                tuple(float(t) for t in times[part]),
            )

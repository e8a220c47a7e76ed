"""Live: pictures from a camera (RTSP), a file or a folder, so many a second, that go on when the camera goes away.

A camera is opened again after each break, with pauses that grow. Reads have a limit, so that a stream that stalls is a
break too. Only RTSP over TCP is spoken to cameras, and nothing that a stream says opens anything else.
"""

from __future__ import annotations

import dataclasses
import random
import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import av
import av.error

from taihang.core import errors
from taihang.engines.media import frame as frames
from taihang.engines.media import limits, orientation, source

SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".avi", ".ts", ".mpg", ".mpeg", ".m4v", ".webm", ".flv"})
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_STEADY_S = 10.0  # a stream that ran so long begins with the first pause again
_MOST_BROKEN = 50  # packets in a row that do not decode: open the stream anew

Why = Literal["up", "down", "stalled", "size", "end"]


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where pictures come from: the file, None for a camera, and the comment in its container's tags."""

    path: Path | None
    comment: str


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture: RGB (h, w, 3) uint8; `time_s` seconds on the stream's own clock, which never goes back; `wall`
    when it arrived, in seconds since 1970; `number` counts what was handed on."""

    image: frames.Image
    time_s: float
    wall: float
    number: int
    origin: Origin | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Turn:
    """Something that happened to the stream: it came up, went down, stalled, changed its size, ended."""

    why: Why
    time_s: float
    said: str = ""


def shown(address: str) -> str:
    """The address as it may stand in a log: without user, password and query."""
    if "://" not in address:
        return address
    parts = urllib.parse.urlsplit(address)
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"


class Live:
    """A source of pictures. `live`: it does not wait for whoever takes them.

    `stall_s`: a read or an opening that takes longer is a break.
    """

    def __init__(self, address: str, fps: float = 5.0, *, stall_s: float = 5.0) -> None:
        self.address, self.fps, self.stall_s = address, fps, stall_s
        self.live = address.lower().startswith(("rtsp://", "rtsps://"))
        if not self.live and "://" in address:
            raise errors.UserError("engines.media:live.address", address=shown(address))
        self._stop = threading.Event()
        self._size: tuple[int, int] | None = None
        self._number = 0
        self._next = 0.0
        self._origin: Origin | None = None

    def stop(self) -> None:
        """End `shots` at the next picture or pause."""
        self._stop.set()

    def shots(self) -> Iterator[Shot | Turn]:
        """Pictures and turns, until stopped or a file's end.

        Raises errors.UserError at once for a file that cannot be read; a camera that cannot be reached is a turn.
        """
        if self.live:
            yield from self._camera()
            return
        start = 0.0
        for path in self._files():
            with source.opened(path) as opened:
                self._origin = Origin(path, opened.container.metadata.get("comment", ""))
                for one in self._read(opened.container, opened.stream, start, paced=False):
                    yield one
                    start = max(start, one.time_s)
            start += 1 / self.fps
            if self._stop.is_set():
                return
        yield Turn("end", start)

    def _files(self) -> list[Path]:
        path = Path(self.address)
        if not path.is_dir():
            return [path]
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
        if not found:
            raise errors.UserError("engines.media:live.no_films", path=path, kinds=" ".join(sorted(SUFFIXES)))
        return found

    def _camera(self) -> Iterator[Shot | Turn]:
        began, pause = time.monotonic(), _FIRST_PAUSE_S
        while not self._stop.is_set():
            opened = time.monotonic()
            why: Why = "down"
            said = ""
            try:
                with self._connect() as container:
                    stream = next(iter(container.streams.video), None)
                    if stream is None:
                        raise ValueError("no picture")
                    self._origin = Origin(None, container.metadata.get("comment", ""))
                    yield Turn("up", time.monotonic() - began)
                    yield from self._read(container, stream, began, paced=True)
            except (av.error.ExitError, TimeoutError):
                why = "stalled"
            except (av.error.FFmpegError, ValueError, OSError, MemoryError) as error:
                said = type(error).__name__
            if self._stop.is_set():
                return
            yield Turn(why, time.monotonic() - began, said)
            pause = _FIRST_PAUSE_S if time.monotonic() - opened > _STEADY_S else min(pause * 2, _LONGEST_PAUSE_S)
            # Cameras of one site that lost their switch do not all come back in one moment.
            self._stop.wait(pause * (0.75 + 0.5 * random.random()))  # noqa: S311 - spreads, hides nothing

    def _connect(self) -> Any:
        options = {
            "rtsp_transport": "tcp",
            "protocol_whitelist": "rtsp,rtsps,rtp,tcp,tls,crypto",
            "max_pixels": str(limits.Limits.current().max_pixels),
            "fflags": "nobuffer",
        }
        return av.open(self.address, "r", format="rtsp", options=options, timeout=(self.stall_s, self.stall_s))

    def _read(self, container: Any, stream: Any, start: float, *, paced: bool) -> Iterator[Shot | Turn]:
        """`start`: for a camera the monotonic time of the clock's zero, else the seconds at which the file begins."""
        decoder = stream.codec_context
        decoder.thread_count = 1
        first: float | None = None
        broken = 0
        for packet in container.demux(stream):
            if self._stop.is_set():
                return
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError:
                broken += 1
                if broken > _MOST_BROKEN:
                    raise
                continue
            for picture in pictures:
                broken = 0
                if paced:
                    time_s = time.monotonic() - start
                else:
                    stamp = float(picture.pts * picture.time_base) if picture.pts is not None else self._next - start
                    first = stamp if first is None else first
                    time_s = start + max(0.0, stamp - first)
                yield from self._hand(picture, time_s)

    def _hand(self, picture: Any, time_s: float) -> Iterator[Shot | Turn]:
        """The picture, when it is time for one."""
        if time_s < self._next - 1e-6:
            return
        # The grid is kept while pictures come in time; after a break it starts anew.
        self._next = max(self._next + 1 / self.fps, time_s + 0.5 / self.fps)
        size = (picture.width, picture.height)
        if self._size not in (None, size):
            yield Turn("size", time_s, f"{size[0]}x{size[1]}")
        self._size = size
        image = orientation.of(picture).image(picture.to_ndarray(format="rgb24"))
        yield Shot(image, time_s, time.time(), self._number, self._origin)
        self._number += 1


class Shelf:
    """A short row of things between two threads: when it is full, the oldest goes and is counted, or who puts waits."""

    def __init__(self, most: int, *, drop: bool) -> None:
        self.most, self.drop = most, drop
        self.dropped = 0
        self._items: deque[Any] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Any) -> None:
        """Add something; what is no Shot is never dropped."""
        with self._changed:
            if not self.drop:
                self._changed.wait_for(lambda: len(self._items) < self.most or self._closed)
            self._items.append(item)
            if self.drop and sum(isinstance(i, Shot) for i in self._items) > self.most:
                self._items.remove(next(i for i in self._items if isinstance(i, Shot)))
                self.dropped += 1
            self._changed.notify_all()

    def get(self, wait_s: float) -> Any:
        """The oldest, or None when nothing comes in time or nothing will."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, wait_s)
            found = self._items.popleft() if self._items else None
            self._changed.notify_all()
            return found

    def close(self) -> None:
        """Nothing more comes, and nobody waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def over(self) -> bool:
        """Closed and empty."""
        with self._changed:
            return self._closed and not self._items

"""Decoding a stretch of a video and knowing which frame is which.

A frame is never taken for another: its number comes from its own time stamp; or, where stamps are
missing or repeat, from its packet's place in the file, and then the file is decoded from its start.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterator
from typing import Any

import av.error
import av.video.reformatter
import numpy as np
import pyarrow as pa

from taihang.engines.media import frame as frames
from taihang.engines.media import orientation, packets, source

# Reading on to a key frame this many packets ahead is cheaper than a seek.
_AHEAD = 120
# No codec holds back more frames than this before showing them.
_HELD_BACK = 32
# Bit-exact scaling, so that a frame's hash is the same on every machine.
EXACT = int(
    av.video.reformatter.Interpolation.BILINEAR
    | av.video.reformatter.Interpolation.ACCURATE_RND
    | av.video.reformatter.Interpolation.BITEXACT
    | av.video.reformatter.Interpolation.FULL_CHR_H_INT
)


@dataclasses.dataclass(slots=True)
class Decoded:
    """Counts what was done: frames the decoder put out, frames handed on, seeks, and frames lost.

    `missing` lists the numbers that were asked for and could not be decoded.
    """

    decoded: int = 0
    handed: int = 0
    seeks: int = 0
    missing: list[int] = dataclasses.field(default_factory=list)

    def add(self, other: Decoded) -> None:
        """Add another count to this one."""
        self.decoded += other.decoded
        self.handed += other.handed
        self.seeks += other.seeks
        self.missing += other.missing


@dataclasses.dataclass(slots=True)
class Shown:
    """A decoded frame with its number; `damaged` as in `frame.Frame`, `corrupt` when itself broken."""

    number: int
    picture: Any
    damaged: bool = False
    corrupt: bool = False


class Tag:
    """What a packet hands to the frame that is decoded from it.

    An object of its own for each packet: PyAV keeps them by identity, for all decoders in one place,
    so that equal small integers of two decoders would take each other's.
    """

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Track:
    """The packet table as arrays, and the way from a time stamp to a number."""

    def __init__(self, table: pa.Table) -> None:
        self.identity: packets.Identity = (table.schema.metadata or {}).get(b"identity", b"pts").decode()
        self.pts = table["pts"].to_numpy()
        self.time_s = table["time_s"].to_numpy()
        self.duration_s = table["duration_s"].to_numpy()
        self.key = table["key"].to_numpy()
        self.order = table["order"].to_numpy()
        self.keys = np.flatnonzero(self.key)
        self.by_order = np.argsort(self.order)

    def __len__(self) -> int:
        return len(self.pts)

    def number(self, pts: int | None) -> int | None:
        """The row that has this time stamp (`identity` is `pts`)."""
        if pts is None:
            return None
        place = int(np.searchsorted(self.pts, pts))
        return place if place < len(self.pts) and self.pts[place] == pts else None

    def key_before(self, number: int, back: int = 0) -> int:
        """The key frame from which `number` can be decoded; `back` key frames earlier if asked."""
        place = int(np.searchsorted(self.keys, number, side="right")) - 1 - back
        return int(self.keys[max(place, 0)]) if len(self.keys) else 0

    def between(self, start_s: float, end_s: float) -> range:
        """Numbers of the frames shown in [start_s, end_s)."""
        first, last = np.searchsorted(self.time_s, [start_s, end_s])
        return range(int(first), int(last))


class Run:
    """Decodes stretches of one freshly opened source. One decoder, one thread: the result is the same each time."""

    def __init__(
        self,
        opened: source.Source,
        track: Track,
        counter: Decoded,
        *,
        options: dict[str, str] | None = None,
        on_packet: Callable[[int, Any], None] | None = None,
        sparse: bool = False,
    ) -> None:
        self._source = opened
        self._track = track
        self._counter = counter
        # Sparse: frames that no other refers to are not decoded even when they are wanted.
        self._wanted_skip = "NONREF" if sparse else "DEFAULT"
        self._on_packet = on_packet or (lambda number, packet: None)
        self._decoder = opened.set_decoder(options)
        self._decoder.copy_opaque = track.identity == "order"
        self._packets = opened.packets()
        self._place = -1
        self._used = False

    def stretch(self, wanted: Collection[int], start: int) -> Iterator[Shown]:
        """Decode `wanted` from key frame `start` on, in presentation order; what fails is left out.

        Frames that no other frame refers to and nobody wants are not decoded. Where frames have no
        time stamp of their own, a run has one stretch, from the start of the file.
        """
        if self._track.identity == "pts":
            return self._from_key(wanted, start)
        return self._from_start(wanted)

    def _from_key(self, wanted: Collection[int], start: int) -> Iterator[Shown]:
        left = len(wanted)
        broken = False
        for packet in self._reach(start):
            number = self._track.number(packet.pts)
            if number is not None:
                self._on_packet(number, packet)
                # A key frame refers to nothing: what was broken before it is behind us.
                broken = broken and not self._track.key[number]
            needed = number is not None and number in wanted
            self._decoder.skip_frame = self._wanted_skip if needed else "NONREF"
            for picture, failed in self._send(packet):
                broken = broken or failed
                place = self._track.number(picture.pts) if picture else None
                if place is not None and place in wanted:
                    yield Shown(place, picture, broken, failed)
            left -= needed
            if not left:
                break
        for picture, failed in self._send(None):
            place = self._track.number(picture.pts) if picture else None
            if place is not None and place in wanted:
                yield Shown(place, picture, broken or failed, failed)

    def _from_start(self, wanted: Collection[int]) -> Iterator[Shown]:
        place, shown, broken = -1, 0, False
        last = max(wanted, default=-1)
        counting = self._track.identity == "count"
        for packet in itertools.chain(self._packets, [None]):
            if packet is not None and not packet.is_discard:
                if place < 0 and not packet.is_keyframe:
                    continue
                place += 1
                packet.opaque = Tag(place)
                broken = broken and not packet.is_keyframe
                if place < len(self._track):
                    self._on_packet(int(self._track.by_order[place]), packet)
            for picture, failed in self._send(packet):
                broken = broken or failed
                if picture is None:
                    continue
                number = shown if counting else self._placed(picture.opaque)
                shown += 1
                if number is not None and number in wanted:
                    yield Shown(number, picture, broken, failed)
                if shown > last + _HELD_BACK:
                    return

    def _placed(self, tag: Any) -> int | None:
        known = isinstance(tag, Tag) and 0 <= tag.number < len(self._track)
        return int(self._track.by_order[tag.number]) if known else None

    def _send(self, packet: Any) -> Iterator[tuple[Any, bool]]:
        """Pictures that come out, each with whether it is broken; (None, True) when decoding failed."""
        try:
            pictures = self._source.stream.decode(packet)
        except av.error.EOFError:
            return
        except (av.error.FFmpegError, MemoryError):
            yield None, True
            return
        for picture in pictures:
            self._counter.decoded += 1
            yield picture, bool(picture.is_corrupt)

    def _reach(self, key: int) -> Iterator[Any]:
        """Packets from key frame `key` on, read on to or sought, whichever is cheaper."""
        target = int(self._track.order[key])
        near = 0 <= target - self._place - 1 <= _AHEAD
        if self._used:
            self._decoder.flush_buffers()
        self._used = True
        for back in (None, 0, 1, 4, 16, len(self._track)):
            if back is None and not near:
                continue
            if back is not None and not self._seek(key, back):
                continue
            for packet in self._packets:
                number = self._track.number(packet.pts)
                if number is None:
                    continue
                self._place = int(self._track.order[number])
                if self._place < target:
                    continue
                if self._place == target:
                    yield packet
                    yield from self._rest()
                    return
                break  # came out behind the key frame: seek further back

    def _rest(self) -> Iterator[Any]:
        for packet in self._packets:
            number = self._track.number(packet.pts)
            if number is not None:
                self._place = int(self._track.order[number])
            yield packet

    def _seek(self, key: int, back: int) -> bool:
        earlier = self._track.key_before(key, back)
        # Before the very first packet there is nothing left to seek to.
        offset = int(self._track.pts[earlier]) if back < len(self._track) else -(1 << 40)
        try:
            self._source.container.seek(offset, stream=self._source.stream, backward=True)
        except av.error.FFmpegError:
            return False
        self._counter.seeks += 1
        self._packets = self._source.packets()
        self._place = -1
        return True


def picture(decoded: Any, turned: orientation.Orientation, width: int, height: int) -> frames.Image:
    """A decoded PyAV frame as shown: uint8 RGB (height, width, 3), bit-exact on every machine.

    `width`, `height`: as shown; a frame of another size is scaled to it.
    """
    stored = turned.shown(width, height)
    rgb = decoded.reformat(stored[0], stored[1], format="rgb24", interpolation=EXACT, threads=1)
    return turned.image(rgb.to_ndarray())

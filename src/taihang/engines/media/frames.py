"""Exactly the frames that were asked for, by number."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator

import pyarrow as pa

from taihang.engines.media import decode, orientation, source, vectors
from taihang.engines.media import frame as frame_

Decoded = decode.Decoded


def frames(
    path: str | os.PathLike[str],
    numbers: Iterable[int],
    packets: pa.Table,
    motion: bool = False,
    counter: Decoded | None = None,
) -> Iterator[frame_.Frame]:
    """The frames with these `numbers` (rows of `packets`), each once, in presentation order.

    `motion`: also give each frame its codec motion field. `counter` is told what was decoded, and
    which asked frames are lost; those are left out, never replaced. Memory: one frame at a time.
    Raises IndexError for a number that is no row; errors.UserError as `source.opened` does.
    """
    counter = counter if counter is not None else Decoded()
    track = decode.Track(packets)
    asked = sorted(set(numbers))
    if asked and (asked[0] < 0 or asked[-1] >= len(track)):
        raise IndexError(f"frame {asked[0] if asked[0] < 0 else asked[-1]} of a video of {len(track)}")
    if not asked:
        return
    with source.opened(path) as opened:
        exporter = vectors.Exporter(opened, track) if motion else None
        run = decode.Run(
            opened,
            track,
            counter,
            options=exporter.options if exporter else None,
            on_packet=exporter.packet if exporter else None,
        )
        make = _Maker(opened, track, exporter)
        for start, group in _groups(asked, track):
            yield from _group(run.stretch(frozenset(group), start), group, make, counter)


def _groups(asked: list[int], track: decode.Track) -> Iterator[tuple[int, list[int]]]:
    if track.identity != "pts":
        yield 0, asked
        return
    for start, group in itertools.groupby(asked, key=track.key_before):
        yield start, list(group)


def _group(stretch: Iterator[decode.Shown], group: list[int], make: _Maker, counter: Decoded) -> Iterator[frame_.Frame]:
    """The frames of one group; those that do not decode from their key frame are tried from the one before."""
    lost = list(group)
    for shown in stretch:
        # Presentation order: whatever was asked for before this one will not come any more.
        while lost and lost[0] < shown.number:
            yield from _retry(lost.pop(0), make, counter)
        if not lost or lost[0] != shown.number:
            continue
        lost.pop(0)
        if shown.corrupt:
            counter.missing.append(shown.number)
            continue
        counter.handed += 1
        yield make(shown)
    for number in lost:
        yield from _retry(number, make, counter)


def _retry(number: int, make: _Maker, counter: Decoded) -> Iterator[frame_.Frame]:
    track = make.track
    start = track.key_before(number, back=1)
    if track.identity == "pts" and start < track.key_before(number):
        with source.opened(make.path) as opened:
            for shown in decode.Run(opened, track, counter).stretch(frozenset([number]), start):
                if not shown.corrupt:
                    counter.handed += 1
                    yield make(shown)
                    return
    counter.missing.append(number)


class _Maker:
    """Makes a `Frame` of a decoded picture; all frames of a file get one size and orientation."""

    def __init__(self, opened: source.Source, track: decode.Track, exporter: vectors.Exporter | None) -> None:
        decoder = opened.stream.codec_context
        self._stored = (decoder.width, decoder.height)
        self.path = opened.path
        self.track = track
        self._exporter = exporter
        self._turned: orientation.Orientation | None = None

    def __call__(self, shown: decode.Shown) -> frame_.Frame:
        if self._turned is None:
            self._turned = orientation.of(shown.picture)
        number = shown.number
        field = self._exporter.field(shown, self._turned) if self._exporter else None
        return frame_.Frame(
            image=decode.picture(shown.picture, self._turned, *self._turned.shown(*self._stored)),
            time_s=float(self.track.time_s[number]),
            pts=int(self.track.pts[number]),
            number=number,
            key=bool(self.track.key[number]),
            motion=field,
            damaged=shown.damaged,
        )


__all__ = ["Decoded", "frames"]

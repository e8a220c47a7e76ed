"""Motion: codec motion vectors of time spans, without looking at a single pixel."""

from __future__ import annotations

import collections
import concurrent.futures
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from taihang.engines.media import decode, frame, orientation, source, vectors
from taihang.engines.media import packets as packets_

if TYPE_CHECKING:
    from taihang.engines.media import probe as probe_

# Spans are decoded in pieces of at most this, so that memory does not grow with a span's length.
_PIECE_S = 20.0


def has_vectors(probe: probe_.Probe) -> bool:
    """True when the file's codec gives motion vectors: H.264, MPEG-1/2/4, H.263, not HEVC, VP9, MJPEG, GIF."""
    return probe.codec in vectors.CODECS


def motion(
    path: str | os.PathLike[str],
    spans: Sequence[tuple[float, float]],
    workers: int = 2,
    packets: pa.Table | None = None,
    counter: decode.Decoded | None = None,
) -> Iterator[frame.MotionField]:
    """The motion field of every frame shown in each [start_s, end_s), span after span.

    Each span is decoded by one thread from its key frame, so the vectors are the same each time;
    `workers` spans are decoded at once. Empty for codecs without vectors, see `has_vectors`.
    `counter` counts what was decoded, frames before a span's start too.
    Raises errors.UserError as `source.opened` does.
    """
    table = packets if packets is not None else packets_.packets(path)
    track = decode.Track(table)
    counter = counter if counter is not None else decode.Decoded()
    pieces = [piece for start, end in spans for piece in _pieces(track, start, end)]
    if workers <= 1:
        for piece in pieces:
            yield from _piece(path, track, piece, counter)
        return
    with concurrent.futures.ThreadPoolExecutor(workers, "motion") as pool:
        # Only a few pieces are ahead of the reader, whatever the number of spans.
        pending: collections.deque[concurrent.futures.Future[list[frame.MotionField]]] = collections.deque()
        left = iter(pieces)
        try:
            for piece in left:
                pending.append(pool.submit(_all, path, track, piece, counter))
                if len(pending) > workers:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _pieces(track: decode.Track, start: float, end: float) -> Iterator[range]:
    """A span's frames, cut at key frames into pieces of about `_PIECE_S`."""
    span = track.between(start, end)
    first = span.start
    for key in track.keys:
        if key > first and key < span.stop and track.time_s[key] - track.time_s[first] >= _PIECE_S:
            yield range(first, int(key))
            first = int(key)
    if first < span.stop:
        yield range(first, span.stop)


def _all(
    path: str | os.PathLike[str], track: decode.Track, piece: range, counter: decode.Decoded
) -> list[frame.MotionField]:
    return list(_piece(path, track, piece, counter))


def _piece(
    path: str | os.PathLike[str], track: decode.Track, piece: range, counter: decode.Decoded
) -> Iterator[frame.MotionField]:
    with source.opened(path) as opened:
        if opened.stream.codec_context.name not in vectors.CODECS:
            return
        exporter = vectors.Exporter(opened, track)
        own = decode.Decoded()
        run = decode.Run(opened, track, own, exporter.options, exporter.packet)
        turned: orientation.Orientation | None = None
        for shown in run.stretch(piece, track.key_before(piece.start)):
            turned = turned or orientation.of(shown.picture)
            own.handed += 1
            yield exporter.field(shown, turned)
        counter.add(own)

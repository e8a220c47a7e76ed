"""Motion: codec motion vectors of time spans, without looking at a single pixel."""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from taihang.engines.media import decode, frame, orientation, source, vectors
from taihang.engines.media import packets as packets_

if TYPE_CHECKING:
    from taihang.engines.media import probe as probe_

# Spans are decoded in pieces of at most this, so that memory does not grow with a span's length.
_PIECE_S = 10.0


def has_vectors(probe: probe_.Probe) -> bool:
    """True when the file's codec gives motion vectors: H.264, MPEG-1/2/4, H.263, not HEVC, VP9, MJPEG, GIF."""
    return probe.codec in vectors.CODECS


def motion(
    path: str | os.PathLike[str],
    spans: Sequence[tuple[float, float]],
    *,
    workers: int = 2,
    packets: pa.Table | None = None,
    counter: decode.Decoded | None = None,
    sparse: bool = False,
) -> Iterator[frame.MotionField]:
    """The motion field of every frame shown in each [start_s, end_s), span after span.

    Each span is decoded by one thread from its key frame, so the vectors are the same each time;
    `workers` spans are decoded at once. Empty for codecs without vectors, see `has_vectors`.
    `sparse`: only frames that others refer to, which is cheaper when there are B-frames; vectors are
    pixels per frame all the same. `counter` counts what was decoded, frames before a span's start too.
    Raises errors.UserError as `source.opened` does.
    """
    table = packets if packets is not None else packets_.packets(path)
    track = decode.Track(table)
    counter = counter if counter is not None else decode.Decoded()
    pieces = [piece for start, end in spans for piece in _pieces(track, start, end)]
    batches = list(_batches(track, pieces))
    decoder = functools.partial(_batch, path, track, counter, sparse)
    if workers <= 1:
        for batch in batches:
            yield from decoder(batch)
    else:
        yield from _parallel(batches, decoder, workers)


def _parallel(
    batches: list[list[range]], decoder: Callable[[list[range]], Iterator[frame.MotionField]], workers: int
) -> Iterator[frame.MotionField]:
    """All batches' fields in order; only a few batches are ahead of the reader, whatever their number."""

    def whole(batch: list[range]) -> list[frame.MotionField]:
        return list(decoder(batch))

    with concurrent.futures.ThreadPoolExecutor(workers, "motion") as pool:
        pending: collections.deque[concurrent.futures.Future[list[frame.MotionField]]] = collections.deque()
        try:
            for batch in batches:
                pending.append(pool.submit(whole, batch))
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
    low, high = np.searchsorted(track.keys, [span.start, span.stop])
    for key in track.keys[low:high]:
        if key > first and track.time_s[key] - track.time_s[first] >= _PIECE_S:
            yield range(first, int(key))
            first = int(key)
    if first < span.stop:
        yield range(first, span.stop)


def _batches(track: decode.Track, pieces: list[range]) -> Iterator[list[range]]:
    """Pieces that one open file serves: reading a long file's index again for each would cost more than they do."""
    batch: list[range] = []
    seconds = 0.0
    for piece in pieces:
        length = float(track.time_s[piece.stop - 1] - track.time_s[piece.start])
        # Without time stamps of its own a file is decoded from its start, once for each piece.
        if batch and (seconds + length > _PIECE_S or track.identity != "pts"):
            yield batch
            batch, seconds = [], 0.0
        batch.append(piece)
        seconds += length
    if batch:
        yield batch


def _batch(
    path: str | os.PathLike[str], track: decode.Track, counter: decode.Decoded, sparse: bool, batch: list[range]
) -> Iterator[frame.MotionField]:
    with source.opened(path) as opened:
        if opened.stream.codec_context.name not in vectors.CODECS:
            return
        exporter = vectors.Exporter(opened, track)
        own = decode.Decoded()
        run = decode.Run(opened, track, own, options=exporter.options, on_packet=exporter.packet, sparse=sparse)
        turned: orientation.Orientation | None = None
        for piece in batch:
            for shown in run.stretch(piece, track.key_before(piece.start)):
                turned = turned or orientation.of(shown.picture)
                own.handed += 1
                yield exporter.field(shown, turned)
        counter.add(own)

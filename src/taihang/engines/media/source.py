"""Source: a video file opened safely, with its picture stream chosen.

The file decides nothing about what is opened: only listed demuxers may run, only the local file
protocol, only regular files, and frame sizes stay under a limit. A playlist that calls itself
`.mp4` therefore reaches neither the network nor another file.

FFmpeg runs in this process: mutated files of fifteen kinds (about a thousand, and the tests' own on
every run) neither crashed it nor took long, and a process of its own for the probe would leave the
decoding that follows, the larger surface, where it is. Who takes files from strangers runs all of
Taihang in a container with a memory limit.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error

from taihang.core import errors
from taihang.engines.media import boxes, limits

# Demuxers of self-contained files. Left out on purpose: hls, dash, concat, sdp, rtsp, image
# sequences, lavfi, devices, text subtitles.
FORMATS = "mov,matroska,avi,mpegts,mpeg,gif,flv,asf,h264,hevc"


class Source:
    """An open video file and its picture stream.

    `container` and `stream` are PyAV's; `time_base` is seconds per time stamp unit; `path` as asked.
    """

    def __init__(self, path: Path, container: Any, stream: Any) -> None:
        self.path = path
        self.container = container
        self.stream = stream
        self.time_base = Fraction(stream.time_base or Fraction(1, 1000))

    def set_decoder(self, options: dict[str, str] | None = None, threads: int = 1) -> Any:
        """The stream's decoder, set up before its first use."""
        decoder = self.stream.codec_context
        decoder.thread_count = threads
        decoder.thread_type = "NONE" if threads == 1 else "AUTO"
        decoder.options = {"max_pixels": str(limits.Limits.current().max_pixels), **(options or {})}
        return decoder

    def packets(self) -> Iterator[Any]:
        """The stream's packets in file order, without the flush packet, empty ones and read errors.

        Ends where the file cannot be read on.
        """
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.error.FFmpegError):
                return
            if packet.size:
                yield packet


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Source]:
    """Open a video file for reading.

    Raises errors.UserError with one line for whatever is no video that can be read.
    """
    where = _regular(Path(path))
    limit = limits.Limits.current()
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": FORMATS,
        "max_pixels": str(limit.max_pixels),
        "max_streams": str(limit.max_streams),
        "enable_drefs": "0",
    }
    try:
        container = av.open(f"file:{where}", "r", options=options, metadata_errors="replace", timeout=limit.timeout_s)
    except (av.error.FFmpegError, ValueError, OSError, MemoryError) as error:
        raise boxes.explain(path, where, error) from None
    with container:
        yield Source(Path(path), container, _picture(path, container, limit))


def _regular(path: Path) -> Path:
    """The absolute path of a regular, readable, non-empty file; links are followed."""
    shown = str(path)
    try:
        status = path.stat()
    except FileNotFoundError:
        raise errors.UserError("engines.media:missing", path=shown) from None
    except (OSError, ValueError) as error:
        raise errors.UserError("engines.media:unreadable", path=shown, reason=_reason(error)) from None
    if stat.S_ISDIR(status.st_mode):
        raise errors.UserError("engines.media:directory", path=shown)
    if not stat.S_ISREG(status.st_mode):
        raise errors.UserError("engines.media:not_regular", path=shown)
    if status.st_size == 0:
        raise errors.UserError("engines.media:empty", path=shown)
    if not os.access(path, os.R_OK):
        raise errors.UserError("engines.media:unreadable", path=shown, reason=os.strerror(13))
    return path.resolve()


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _picture(path: str | os.PathLike[str], container: Any, limit: limits.Limits) -> Any:
    """The main video stream: not a cover picture, the one most alike to what a player would show."""
    shown = str(Path(path))
    # A cover picture is a video stream to FFmpeg, but no video to anybody else.
    videos = [s for s in container.streams.video if not _is_cover(s)]
    if not videos:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "-"
        raise errors.UserError("engines.media:no_video", path=shown, kinds=kinds)
    best = container.streams.best("video")
    # A wrapper is made anew on each access, so streams are compared by index.
    indexes = [s.index for s in videos]
    stream = videos[indexes.index(best.index)] if best is not None and best.index in indexes else videos[0]
    if stream.codec_context is None:
        raise errors.UserError("engines.media:codec", path=shown, codec="?")
    width, height = stream.codec_context.width, stream.codec_context.height
    if not width * height:
        # FFmpeg leaves out a size that it was told to refuse, or that it could not find.
        raise errors.UserError("engines.media:no_size", path=shown, limit=limit.max_pixels)
    if width * height > limit.max_pixels:
        raise errors.UserError(
            "engines.media:too_large", path=shown, width=width, height=height, limit=limit.max_pixels
        )
    return stream


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)

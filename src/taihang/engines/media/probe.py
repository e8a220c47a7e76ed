"""Probe: what a video file is, before anybody looks at it."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pydantic

from taihang.core import errors, i18n, ids, words
from taihang.engines.media import boxes, decode, orientation, packets, source, telemetry

# Time between frames over this many usual intervals (and over this many seconds) is a gap.
_GAP_INTERVALS, _GAP_S = 4.0, 0.5
# Intervals further than this from the usual one, as a share, are another rate.
_SAME_RATE = 0.1
# Key frames that are tried before a file counts as undecodable.
_TRIES = 16
_MOST_GAPS = 1000


class Stream(words.Word):
    """One stream of a container. `kind`: video, audio, data, subtitle, attachment, unknown."""

    index: int
    kind: str
    codec: str
    language: str = ""
    title: str = ""


class Gap(words.Word):
    """A span without frames, in seconds from the first shown frame."""

    start_s: float
    end_s: float


class Probe(words.Word):
    """A video file's facts. Times are seconds from the first shown frame; sizes are as shown.

    `sha256`, `size`: of the file's bytes. `container`: FFmpeg's demuxer name. `codec`, `profile`,
    `pixel_format`, `bit_depth`: of the picture stream. `width`, `height`: rotation applied;
    `stored_width`, `stored_height`: before it. `rotation`: clockwise degrees the stored picture is
    turned by; `mirrored`: flipped left-right before that. `pixel_aspect`: width of a pixel over its
    height (pictures are not stretched). `time_base`: seconds per time stamp unit; `start_pts`: time
    stamp of the first shown frame. `frames`: shown frames by the packets. `fps`: mean frames per
    second outside gaps. `variable_rate`: over 1 % of the intervals outside gaps differ from the
    usual one by over 10 %. `clock_resets`: times at which stamps jumped and were joined.
    `truncated_s`: where the file's data ends before its index does. `b_frames`: shown in another
    order than stored. `telemetry`: kinds found (`gpmf`, `subtitle`). `first_frame`: number of the
    first key frame that decodes; those before it are damaged.
    """

    name: str
    sha256: words.Sha256
    size: int
    container: str
    streams: tuple[Stream, ...]
    stream: int
    codec: str
    profile: str
    pixel_format: str
    bit_depth: int
    hdr: bool
    width: int
    height: int
    stored_width: int
    stored_height: int
    rotation: int
    mirrored: bool
    pixel_aspect: float
    time_base: tuple[int, int]
    start_pts: int
    duration_s: float
    frames: int
    key_frames: int
    fps: float
    variable_rate: bool
    gaps: tuple[Gap, ...]
    clock_resets: tuple[float, ...]
    corrupt_packets: int
    discarded_packets: int
    missing_stamps: int
    truncated_s: float | None
    interlaced: bool
    b_frames: bool
    audio: bool
    telemetry: tuple[str, ...]
    identity: packets.Identity
    first_frame: int
    warnings: tuple[i18n.Message, ...]

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


def probe(path: str | os.PathLike[str]) -> Probe:
    """Inspect a video file: one pass over its packets, one over its bytes, one frame decoded.

    Raises errors.UserError, one line that says what is wrong and what to do, for a file that is
    missing, a directory, empty, text, a playlist, not finished, without pictures, of an unknown codec,
    over the limits, or without one frame that decodes.
    """
    shown = str(path)
    with source.opened(path) as opened:
        container = opened.container
        stream = opened.stream
        decoder = stream.codec_context
        facts: dict[str, Any] = {
            "name": Path(path).name,
            "container": container.format.name,
            "streams": tuple(_stream(s) for s in container.streams),
            "stream": stream.index,
            "codec": decoder.codec.canonical_name,
            "profile": str(decoder.profile or ""),
            "pixel_aspect": float(stream.sample_aspect_ratio or 0) or 1.0,
            "time_base": (opened.time_base.numerator, opened.time_base.denominator),
            "audio": any(s.type == "audio" for s in container.streams),
            "telemetry": telemetry.kinds(container),
        }
        promised = int(stream.frames or 0)
    scan = packets.scan(path)
    if not scan.table.num_rows:
        raise errors.UserError("engines.media:no_frame", path=shown)
    facts |= _timing(scan, facts["time_base"][0] / facts["time_base"][1])
    facts |= _picture(path, scan)
    facts["truncated_s"] = _truncated(Path(path), scan, promised, facts)
    with Path(path).open("rb") as file:
        facts["sha256"] = ids.digest_stream(file)
        facts["size"] = file.tell()
    return Probe(**facts, warnings=_warnings(facts))


def _stream(stream: Any) -> Stream:
    decoder = stream.codec_context
    return Stream(
        index=stream.index,
        kind=stream.type,
        codec=decoder.codec.canonical_name if decoder is not None else "",
        language=stream.metadata.get("language", ""),
        title=stream.metadata.get("handler_name", stream.metadata.get("title", "")).strip()[:200],
    )


def _timing(scan: packets.Scan, unit: float) -> dict[str, Any]:
    table = scan.table
    times = table["time_s"].to_numpy()
    keys = table["key"].to_numpy()
    steps = np.diff(times)
    usual = float(np.median(steps)) if len(steps) else float(table["duration_s"][0].as_py())
    usual = usual if usual > 0 else float(steps.mean()) if len(steps) and steps.mean() > 0 else 1.0
    wide = np.flatnonzero(steps > max(_GAP_INTERVALS * usual, usual + _GAP_S))
    inside = np.delete(steps, wide)
    # Stamps are rounded to the time base, which alone makes intervals differ by a unit.
    other = np.abs(inside - usual) > max(_SAME_RATE * usual, 1.5 * unit)
    return {
        "frames": table.num_rows,
        "key_frames": int(keys.sum()),
        "start_pts": int(table["pts"][0].as_py()),
        "duration_s": float(times[-1] + table["duration_s"][-1].as_py()),
        "fps": round(1 / (float(inside.mean()) if len(inside) and inside.mean() > 0 else usual), 3),
        "variable_rate": bool(len(inside) and other.mean() > 0.01),
        "gaps": tuple(Gap(start_s=float(times[i] + usual), end_s=float(times[i + 1])) for i in wide[:_MOST_GAPS]),
        "clock_resets": scan.resets,
        "corrupt_packets": scan.corrupt,
        "discarded_packets": scan.discarded,
        "missing_stamps": scan.missing_stamps,
        "b_frames": scan.reordered,
        "identity": scan.identity,
    }


def _picture(path: str | os.PathLike[str], scan: packets.Scan) -> dict[str, Any]:
    """Facts that only a decoded frame tells. Key frames are tried in turn."""
    track = decode.Track(scan.table)
    for key in track.keys[:_TRIES]:
        with source.opened(path) as opened:
            run = decode.Run(opened, track, decode.Decoded())
            for shown in run.stretch(frozenset([int(key)]), int(key)):
                return _facts(opened, shown)
    with source.opened(path) as opened:
        codec = opened.stream.codec_context.name
    raise errors.UserError("engines.media:no_frame", path=str(path), codec=codec)


def _facts(opened: source.Source, shown: decode.Shown) -> dict[str, Any]:
    picture = shown.picture
    turned = orientation.of(picture)
    decoder = opened.stream.codec_context
    width, height = turned.shown(decoder.width, decoder.height)
    return {
        "width": width,
        "height": height,
        "stored_width": decoder.width,
        "stored_height": decoder.height,
        "rotation": turned.turns * 90,
        "mirrored": turned.mirror,
        "pixel_format": picture.format.name,
        "bit_depth": max(c.bits for c in picture.format.components),
        # SMPTE ST 2084 (PQ) and ARIB STD-B67 (HLG), by their numbers in ITU-T H.273.
        "hdr": int(picture.color_trc) in (16, 18),
        "interlaced": bool(picture.interlaced_frame),
        "first_frame": shown.number,
    }


def _truncated(path: Path, scan: packets.Scan, promised: int, facts: dict[str, Any]) -> float | None:
    """Where the data ends, when the file ends before a box of it does or before its index says."""
    cut = False
    if facts["container"].startswith("mov"):
        size = path.stat().st_size
        cut = any(end > size for _, _, end in boxes.outermost(path))
        cut = cut or promised > scan.table.num_rows + scan.discarded
    return float(facts["duration_s"]) if cut else None


def _warnings(facts: dict[str, Any]) -> tuple[i18n.Message, ...]:
    found: list[i18n.Message] = []

    def warn(key: str, **values: Any) -> None:
        found.append(i18n.Message(key=f"engines.media:{key}", values=values))

    if facts["truncated_s"] is not None:
        warn("warn.truncated", at=facts["truncated_s"])
    if facts["gaps"]:
        lost = sum(g.end_s - g.start_s for g in facts["gaps"])
        warn("warn.gaps", count=len(facts["gaps"]), first=facts["gaps"][0].start_s, lost=lost)
    if facts["clock_resets"]:
        warn("warn.resets", count=len(facts["clock_resets"]), first=facts["clock_resets"][0])
    if facts["corrupt_packets"]:
        warn("warn.corrupt", count=facts["corrupt_packets"])
    if facts["missing_stamps"]:
        warn("warn.stamps", count=facts["missing_stamps"], fps=facts["fps"])
    if facts["first_frame"]:
        warn("warn.late", number=facts["first_frame"])
    if facts["interlaced"]:
        warn("warn.interlaced")
    if facts["hdr"]:
        warn("warn.hdr")
    if abs(facts["pixel_aspect"] - 1) > 0.01:
        warn("warn.aspect", aspect=facts["pixel_aspect"])
    if facts["key_frames"] == 1 and facts["frames"] > 1:
        warn("warn.one_key")
    return tuple(found)


def time_base(probe: Probe) -> Fraction:
    """Seconds per time stamp unit."""
    return Fraction(*probe.time_base)

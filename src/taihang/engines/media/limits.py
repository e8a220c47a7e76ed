"""Limits on what a video file may ask of the machine."""

from __future__ import annotations

from typing import ClassVar

import pydantic

from taihang.core import settings


class Limits(settings.Section):
    """`[media]` of the settings. The defaults let 8K through and refuse what only an attack asks for."""

    name: ClassVar[str] = "media"

    max_pixels: int = pydantic.Field(default=50_000_000, ge=1)
    """Largest width x height of a frame; 8K is 33 million."""
    max_packets: int = pydantic.Field(default=5_000_000, ge=1)
    """Most packets of a stream; 46 hours at 30 frames a second."""
    max_streams: int = pydantic.Field(default=64, ge=1)
    """Most streams of a file."""
    max_gap_s: float = pydantic.Field(default=6 * 3600.0, gt=0)
    """A longer jump between time stamps counts as a reset of the clock, not as lost time."""
    timeout_s: float = pydantic.Field(default=60.0, gt=0)
    """Longest wait for one read from the disk."""

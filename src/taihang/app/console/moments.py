"""Moments: times and spans as a visitor reads them."""

from __future__ import annotations

import datetime


def at(value: str | None) -> str:
    """A time of the API (ISO 8601) in the server's zone: 2026-11-21 08:05:09."""
    if not value:
        return "—"
    return datetime.datetime.fromisoformat(value).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def span(start: str | None, end: str | None) -> str:
    """How long something took, or takes until now: 0:01:05."""
    if not start:
        return "—"
    begun = datetime.datetime.fromisoformat(start)
    ended = datetime.datetime.fromisoformat(end) if end else datetime.datetime.now(datetime.UTC)
    whole = max(0, int((ended - begun).total_seconds()))
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def clock(seconds: float) -> str:
    """A place in a video: 0:01:36.6."""
    tenths = round(max(0.0, seconds) * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}"

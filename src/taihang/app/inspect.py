"""Inspect: a video in, findings and an evidence report out."""

from __future__ import annotations


def inspect() -> None:
    """Placeholder of the verb while its parts are being built."""

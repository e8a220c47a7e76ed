"""Settings of tasks."""

from __future__ import annotations

import pydantic

from taihang.core import settings


class Settings(settings.Section):
    """Where pieces of work run unless told: `local`, `ray` or an address of Ray.

    `ahead` pieces at most are asked for at a time; each takes `cpus` of its node, and is run again
    `retries` times when that is lost.
    """

    name = "tasks"
    address: str = pydantic.Field(default="local", max_length=500)
    ahead: int = pydantic.Field(default=64, ge=1, le=10_000)
    cpus: float = pydantic.Field(default=1, ge=0.1, le=1024)
    retries: int = pydantic.Field(default=3, ge=0, le=100)

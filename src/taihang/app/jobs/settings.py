"""Settings of the workers: `[jobs]` in taihang.toml, `TAIHANG_JOBS_…` in the environment."""

from __future__ import annotations

import os
from typing import ClassVar

import pydantic

from taihang.core import settings


class Jobs(settings.Section):
    """How a worker works. Times in seconds."""

    name: ClassVar[str] = "jobs"

    slots: int = pydantic.Field(default=max(1, (os.cpu_count() or 2) // 2), ge=1, le=1024)
    """Jobs of one kind that this worker does at once."""

    attempts: int = pydantic.Field(default=3, ge=1)
    """Starts after which a job whose process dies is given up."""

    losses: int = pydantic.Field(default=10, ge=1)
    """Workers that may die with a job before it is given up."""

    faults: int = pydantic.Field(default=5, ge=1)
    """Starts after which passing faults (such as a store that stays away) are one too many."""

    beat_s: float = pydantic.Field(default=2.0, gt=0)
    lease_s: float = pydantic.Field(default=15.0, gt=0)
    grace_s: float = pydantic.Field(default=5.0, ge=0)
    pause_s: float = pydantic.Field(default=1.0, ge=0)

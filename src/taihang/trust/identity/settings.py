"""Settings of identity: how long sessions and tokens live, and what a password's hash costs."""

from __future__ import annotations

import datetime
import json
from typing import ClassVar

import pydantic

from taihang.core import settings
from taihang.trust.identity import passwords, provider


class Identity(settings.Section):
    """Section `identity` of taihang.toml; `TAIHANG_IDENTITY_…`. Times in the units of their names."""

    name: ClassVar[str] = "identity"

    session_idle_min: int = pydantic.Field(default=60, ge=1, le=7 * 24 * 60)
    session_h: int = pydantic.Field(default=12, ge=1, le=30 * 24)
    link_h: int = pydantic.Field(default=72, ge=1, le=30 * 24)
    first_link_h: int = pydantic.Field(default=24, ge=1, le=7 * 24)
    token_days: int = pydantic.Field(default=365, ge=1, le=10 * 365)
    argon2_passes: int = pydantic.Field(default=3, ge=1, le=50)
    argon2_memory_mib: int = pydantic.Field(default=64, ge=8, le=4096)
    argon2_lanes: int = pydantic.Field(default=4, ge=1, le=64)
    # [identity.providers.NAME] in the file; in the environment all of them as one JSON object.
    providers: dict[str, provider.Provider] = {}

    @pydantic.field_validator("providers", mode="before")
    @classmethod
    def _json(cls, value: object) -> object:
        return json.loads(value) if isinstance(value, str) else value

    @property
    def session_idle(self) -> datetime.timedelta:
        """A session unused for so long has ended."""
        return datetime.timedelta(minutes=self.session_idle_min)

    @property
    def session_life(self) -> datetime.timedelta:
        """A session ends so long after its sign-in, used or not."""
        return datetime.timedelta(hours=self.session_h)

    @property
    def link_life(self) -> datetime.timedelta:
        """An invitation or a reset may be used for so long."""
        return datetime.timedelta(hours=self.link_h)

    @property
    def first_link_life(self) -> datetime.timedelta:
        """The first admin's link may be used for so long; a new start makes a new one."""
        return datetime.timedelta(hours=self.first_link_h)

    @property
    def token_life(self) -> datetime.timedelta:
        """The longest life of an API token."""
        return datetime.timedelta(days=self.token_days)

    @property
    def cost(self) -> passwords.Cost:
        """What one password hash costs."""
        return passwords.Cost(self.argon2_passes, self.argon2_memory_mib * 1024, self.argon2_lanes)

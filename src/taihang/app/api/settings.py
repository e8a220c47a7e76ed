"""Settings of the API: `[api]` in `taihang.toml`, `TAIHANG_API_…` in the environment."""

from __future__ import annotations

from typing import ClassVar

import pydantic

from taihang.core import settings


class Api(settings.Section):
    """Limits are per process: one process answers for the whole API.

    Sizes are bytes, times seconds. `hosts` are the names by which browsers may call (comma separated);
    empty: any. `rate_per_s` and `burst` hold for one caller; `tries_per_minute` for wrong tokens and
    passwords from one address. `upload_bytes` bounds one upload, `tenant_bytes` all uploads of a tenant
    that are under way and all that it keeps.
    """

    name: ClassVar[str] = "api"
    hosts: str = ""
    body_bytes: int = pydantic.Field(1 << 20, ge=1 << 10)
    body_s: float = pydantic.Field(30.0, gt=0)
    rate_per_s: float = pydantic.Field(50.0, gt=0)
    burst: int = pydantic.Field(200, ge=1)
    tries_per_minute: int = pydantic.Field(20, ge=1)
    upload_bytes: int = pydantic.Field(64 << 30, ge=1)
    tenant_bytes: int = pydantic.Field(512 << 30, ge=1)
    uploads_open: int = pydantic.Field(100, ge=1)
    upload_expires_s: int = pydantic.Field(7 * 86400, ge=1)
    streams: int = pydantic.Field(32, ge=1)
    heartbeat_s: float = pydantic.Field(15.0, gt=0)
    secure_cookies: bool | None = None

"""Settings of what goes out: the mail server, and which hosts inside may be called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pydantic

from taihang.core import settings
from taihang.engines.notify import channel


class Settings(settings.Section):
    """`[notify]` in taihang.toml, `TAIHANG_NOTIFY_…` in the environment.

    `private_hosts`: names, with commas between, that may stand for addresses which are not public (`*`
    for all). `smtp_password` is a reference: `env:NAME` or `file:PATH`. `ca_file` replaces the system's
    certificates. `timeout_s` bounds one whole attempt. After `give_up_days` a message is put aside.
    """

    name: ClassVar[str] = "notify"
    private_hosts: str = ""
    ca_file: Path | None = None
    timeout_s: float = pydantic.Field(default=15.0, gt=0, le=300)
    give_up_days: float = pydantic.Field(default=7.0, gt=0, le=365)
    smtp_host: str = ""
    smtp_port: int = pydantic.Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "ssl", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: Annotated[str, pydantic.StringConstraints(pattern=r"^$|^(env|file):.+$")] = ""
    sender: channel.Address = "taihang@localhost"

    def private(self, host: str) -> bool:
        """True when this host may stand for an address inside."""
        named = {name.strip().casefold() for name in self.private_hosts.split(",")}
        return "*" in named or host.casefold() in named

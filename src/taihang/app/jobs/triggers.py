"""Triggers: what starts a job without anybody asking: the time, a file, an asset's version, a call."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import Annotated, Literal

import pydantic

# From the package that DBOS brings; it has no types.
from croniter import croniter  # type: ignore[import-untyped]

from taihang.core import asset as assets
from taihang.core import words

_CRON = re.compile(r"[0-9A-Za-z*/,\- ]{9,200}")
_FAR = datetime.timedelta(days=365 * 8 + 2)


class Cron(words.Word):
    """Five fields (minute, hour, day, month, weekday) in a time zone such as `Asia/Shanghai`.

    Times that passed while no worker ran are made up for by one job, however many they were. A local
    time that a clock change skips or repeats happens once.
    """

    on: Literal["cron"] = "cron"
    expression: str
    zone: str = "Asia/Shanghai"

    @pydantic.model_validator(mode="after")
    def _possible(self) -> Cron:
        try:
            zoneinfo.ZoneInfo(self.zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"no time zone is called {self.zone!r}") from None
        good = _CRON.fullmatch(self.expression) and len(self.expression.split()) == 5
        if not good or not croniter.is_valid(self.expression):
            raise ValueError("five fields are needed: minute hour day month weekday, such as 30 2 * * 1-5")
        self.last(datetime.datetime.now(datetime.UTC))
        return self

    def last(self, now: datetime.datetime) -> datetime.datetime:
        """The newest time at or before `now`, in UTC. Raises ValueError when there is none in eight years."""
        zone = zoneinfo.ZoneInfo(self.zone)
        # Read on the local clock, and told from it: what the clock skips or repeats is then one time.
        local = now.astimezone(zone).replace(tzinfo=None) + datetime.timedelta(microseconds=1)
        try:
            found: datetime.datetime = croniter(self.expression, local).get_prev(datetime.datetime)
        except ValueError:
            raise ValueError("this time never comes") from None
        if local - found > _FAR:
            raise ValueError("this time never comes")
        return found.replace(tzinfo=zone).astimezone(datetime.UTC)


class Folder(words.Word):
    """A file that appears in a folder and has not changed for `settle_s` seconds; each content once.

    Files that lie there already count too. All workers must see the folder.
    """

    on: Literal["folder"] = "folder"
    path: str
    pattern: str = "*"
    settle_s: float = pydantic.Field(default=10.0, ge=0, le=86400)


class AssetVersion(words.Word):
    """A new version of the asset of this kind and name."""

    on: Literal["asset"] = "asset"
    kind: assets.Kind
    name: str


class Webhook(words.Word):
    """A call with the secret token that is shown once, when the schedule is made."""

    on: Literal["webhook"] = "webhook"


Trigger = Annotated[Cron | Folder | AssetVersion | Webhook, pydantic.Field(discriminator="on")]

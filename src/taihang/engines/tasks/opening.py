"""Opening: from an address to the place where pieces of work run."""

from __future__ import annotations

import importlib
import re
from typing import cast

from taihang.core import errors
from taihang.engines.tasks import local, settings, tasks

_RAY = re.compile(r"ray(?:://[\w.\-\[\]:]+:\d{1,5}|:[\w.\-]+:\d{1,5})?")


def checked(address: str | None) -> str:
    """The address, or the setting's. Raises errors.UserError for one that names no place."""
    found = address or settings.Settings.current().address
    if found != "local" and not _RAY.fullmatch(found):
        raise errors.UserError("engines:tasks.address", address=found)
    return found


def open(address: str | None = None) -> tasks.Tasks:
    """Tasks by `local`, `ray` (a cluster of this machine), `ray://HOST:10001` or `ray:HOST:6379`.

    Raises errors.UserError, errors.MissingExtra, and errors.Failure when the cluster does not answer.
    """
    found = checked(address)
    if found == "local":
        return local.Local()
    kind = importlib.import_module("taihang.engines.tasks.ray").Ray
    given = None if found == "ray" else found if "://" in found else found.partition(":")[2]
    return cast("tasks.Tasks", kind(given))

"""Patience: work in the store that waits as long as the store is away or its disk is full."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from taihang.engines.store import opening

T = TypeVar("T")
_LONGEST_PAUSE_S = 2.0


class Left(BaseException):
    """The worker stops, or was taken for dead: the job is no longer its."""


def patient(store: opening.Store, work: Callable[[sa.Connection], T], left: threading.Event) -> T:
    """The result of `work` in a transaction of its own, however long that takes. Raises Left once `left` is set."""
    pause = 0.1
    while True:
        try:
            with store.begin() as conn:
                return work(conn)
        except (opening.Unreachable, exc.DBAPIError) as error:
            if not passes(error):
                raise
        if left.wait(pause):
            raise Left
        pause = min(pause * 2, _LONGEST_PAUSE_S)


def passes(error: BaseException) -> bool:
    """True for what a moment, or room on the disk, will mend."""
    if isinstance(error, opening.Unreachable):
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:  # 08, 57P: the server is away; 53: no disk, memory or connections left; 40: once more
        return bool(state.startswith(("08", "57P", "53", "40")))
    return any(words in str(error.orig) for words in ("is full", "is locked", "disk I/O"))

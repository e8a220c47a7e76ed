"""Sending: a thread that hands on what waits in a spool, and rests longer each time that fails."""

from __future__ import annotations

import contextvars
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from taihang.core import errors
from taihang.engines.notify import webhook
from taihang.use.video.cascade import spool

_FIRST_PAUSE_S, _IDLE_S = 0.5, 0.5
_Said = TypeVar("_Said")
_REFUSALS = frozenset({400, 409, 413, 422})


def refused(error: webhook.Undelivered) -> bool:
    """Whether the other end is there and wants just this one thing not: what comes after it may be taken."""
    return error.message.values.get("status") in _REFUSALS


def handed(
    waiting: spool.Spool,
    entry: spool.Entry,
    send: Callable[[], _Said],
    refusal: Callable[[webhook.Undelivered, bool], None],
) -> _Said | None:
    """Send one that was lent; what was said to it when it was taken (it is still to be told `done`), else None.

    One that somebody took off the disk is lost. One that is refused by itself waits apart, and `refusal` is told why
    and whether for the first time; others go on. After any other failure it waits, and the failure is raised.
    """
    try:
        return send()
    except webhook.Undelivered as error:
        if not refused(error):
            waiting.back(entry)
            raise
        refusal(error, waiting.apart(entry))
        return None
    except BaseException as error:
        # Only its own files: one that the sending lacks, such as a certificate, is no reason to give it up.
        if isinstance(error, FileNotFoundError) and not entry.whole:
            waiting.lost(entry)
            return None
        waiting.back(entry)
        raise


class Sending:
    """`work` does one thing and says whether there was one; what it raises is a failure of whoever is at the other end.

    `say` is told why when that begins. `up`: whether the other end took something last; None while nobody knows.
    """

    def __init__(
        self, name: str, kept: spool.Spool, work: Callable[[], bool], say: Callable[[str], None], *, longest_s: float
    ) -> None:
        self.up: bool | None = None
        self.failed = 0
        self._spool, self._work, self._say, self._longest_s = kept, work, say, longest_s
        self._wake, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(
            target=contextvars.copy_context().run, args=(self._run,), name=name, daemon=True
        )

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Something new waits."""
        self._wake.set()

    def reached(self) -> bool:
        """The other end answered; True when it was not known to."""
        fresh, self.up = not self.up, True
        return fresh

    def close(self, wait_s: float) -> None:
        """Let what waits go for `wait_s` unless the other end is gone; the rest stays on the disk."""
        until = time.monotonic() + wait_s
        while len(self._spool) and self.up is not False and time.monotonic() < until:
            time.sleep(0.02)
        self._over.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _run(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._over.is_set():
            try:
                busy = self._work()
            except (errors.TaihangError, OSError, ValueError) as error:
                if self.up is not False:
                    self._say(str(error))
                self.up = False
                self.failed += 1
                # Nodes of one site that lost their line do not all come back in one moment.
                self._over.wait(pause * (0.75 + 0.5 * random.random()))  # noqa: S311 - spreads, hides nothing
                pause = min(pause * 2, self._longest_s)
                continue
            pause = _FIRST_PAUSE_S
            if not busy:
                self._wake.wait(_IDLE_S)
                self._wake.clear()

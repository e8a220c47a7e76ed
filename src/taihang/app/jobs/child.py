"""Child: the process that does a job's work, so that what breaks there breaks nothing else.

It reads what to do as one JSON line from its standard input and tells how far it is on a pipe, one
JSON object a line. When its standard input ends, its worker is gone, and so is it at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from taihang.app import configuration
from taihang.app.jobs import kinds, notes, patience, records, tables
from taihang.core import errors, i18n
from taihang.core import principal as people
from taihang.engines.store import opening

T = TypeVar("T")
_NEVER = threading.Event()
_TELL_S = 0.1
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG, from linux/prctl.h


class Teller:
    """Tells the worker how far the work is; raises errors.Cancelled once the worker said stop."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._told = 0.0
        self._stage = ""
        self.stop = threading.Event()

    def update(self, stage: str, done: float, total: float) -> None:
        """See `core.job.Progress`."""
        if self.stop.is_set():
            raise errors.Cancelled("core:cancelled")
        soon = time.monotonic() - self._told < _TELL_S
        if soon and stage == self._stage and done < total:
            return
        self._told, self._stage = time.monotonic(), stage
        self.tell({"stage": stage, "done": float(done), "total": float(total)})

    def tell(self, value: dict[str, Any]) -> None:
        """Write one line to the worker."""
        line = (json.dumps(value, ensure_ascii=True) + "\n").encode()
        while line:
            line = line[os.write(self._pipe, line) :]


@dataclasses.dataclass(slots=True)
class Context:
    """See `kinds.Context`."""

    job: str
    attempt: int
    principal: people.Principal
    progress: Teller
    folder: Path
    platform: Path
    store: opening.Store

    def effect(self, name: str, work: Callable[[sa.Connection], T]) -> T:
        """See `kinds.Context.effect`."""
        scope = self.store.scope(self.principal.tenant)
        effects = tables.effects

        def once(conn: sa.Connection) -> Any:
            row = records.locked(conn, self.principal.tenant, self.job)
            if row is None or row.state != "running" or row.attempt != self.attempt:
                raise records.Superseded("app.jobs:superseded", job=self.job)
            done = conn.execute(
                scope.select(effects).where(effects.c.job == self.job, effects.c.name == name)
            ).one_or_none()
            if done is not None:
                return done.value
            value = work(conn)
            kept = {"job": self.job, "name": name, "attempt": self.attempt, "at": records.now(), "value": value}
            conn.execute(scope.insert(effects, kept))
            return value

        found: T = patience.patient(self.store, once, _NEVER)
        return found

    def key(self, name: str) -> str:
        """See `kinds.Context.key`."""
        return f"{self.job}/{name}"


def main() -> None:
    """Do one job and say how it ended; the exit code is 0 whenever that could be said."""
    parent, pipe = int(sys.argv[1]), int(sys.argv[2])
    _die_with(parent)
    asked = json.loads(sys.stdin.buffer.readline())
    teller = Teller(pipe)
    threading.Thread(target=_listen, args=(teller.stop,), daemon=True).start()
    os.environ["TAIHANG_HOME"] = asked["home"]
    i18n.use(asked["lang"])
    try:
        configuration.load()
        kinds.load(asked["modules"])
        store = opening.open_store(asked["store"])
        context = Context(
            job=asked["job"],
            attempt=asked["attempt"],
            principal=people.Principal.model_validate(asked["owner"]),
            progress=teller,
            folder=Path(asked["folder"]),
            platform=Path(asked["platform"]),
            store=store,
        )
        kind = kinds.get(asked["kind"])
        result = kind.function(kinds.read(asked["kind"], asked["parameters"]), context)
        ended = {"result": {**dataclasses.asdict(result), "versions": dict(result.versions)}}
        teller.tell(ended)
    except BaseException as error:
        if isinstance(error, errors.Transient) or patience.passes(error):
            outcome = "fault"
        else:
            outcome = "cancelled" if isinstance(error, (errors.Cancelled, KeyboardInterrupt)) else "failed"
        teller.tell({"error": notes.kept(notes.of(error)), "outcome": outcome})
        if not isinstance(error, errors.TaihangError):
            raise


def _listen(stop: threading.Event) -> None:
    """Any line says stop; the end of input says that the worker is gone."""
    if sys.stdin.buffer.readline():
        stop.set()
        sys.stdin.buffer.readline()
    os.kill(os.getpid(), signal.SIGKILL)


def _die_with(parent: int) -> None:
    """Let the kernel end this process when its worker dies; and be the first to go when memory is short."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()

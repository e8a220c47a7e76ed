"""Attempts: one start of a job in a child process, watched from a thread of the worker."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from taihang.app.jobs import kinds, notes, patience, records, service
from taihang.core import i18n, ids
from taihang.engines.store import opening

_STEP_S = 0.1
_ASK_S = 0.5
_LONGEST_LINE = 16 << 20
_LARGEST_LOG = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a worker works. `grace_s`: how long a cancelled child may take to stop by itself."""

    store: opening.Store
    url: str
    home: Path
    modules: tuple[str, ...]
    grace_s: float = 5.0


def run(place: Place, attempt: records.Attempt, left: threading.Event) -> records.Ending:
    """Do the work in a child; returns how that ended. Raises patience.Left, records.Superseded."""
    job = place.home / "jobs" / attempt.job
    scratch = job / f"attempt-{attempt.number}"
    try:
        _fresh(job, scratch)
        with _Child(place, attempt, scratch, job / f"attempt-{attempt.number}.log") as child:
            ending = _watched(place, attempt, child, left)
        if ending.outcome == "done":
            ending = dataclasses.replace(ending, output=digest(scratch))
            _published(scratch, service.output(place.home, attempt.job))
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        reason = i18n.Message(key="engines:disk", values={"path": job, "reason": error.strerror or str(error)})
        return records.Ending("failed", reason)
    return ending


class _Child:
    """The process, what it last said, and what it used."""

    def __init__(self, place: Place, attempt: records.Attempt, scratch: Path, log: Path) -> None:
        self.said: dict[str, Any] | None = None
        self.progress: dict[str, Any] | None = None
        self.usage: Any = None
        read, write = os.pipe()
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "taihang.app.jobs.child", str(os.getpid()), str(write)],
                stdin=subprocess.PIPE,
                stdout=stderr,
                stderr=stderr,
                pass_fds=(write,),
                start_new_session=True,
            )
        os.close(write)
        self._log = log
        self._reader = threading.Thread(target=self._read, args=(read,), daemon=True)
        self._reader.start()
        asked = {
            "store": place.url,
            "home": str(tenant_home(place.home, attempt.tenant)),
            "platform": str(place.home),
            "folder": str(scratch),
            "modules": list(place.modules),
            "lang": i18n.current(),
            "job": attempt.job,
            "attempt": attempt.number,
            "kind": attempt.kind,
            "parameters": dict(attempt.parameters),
            "owner": dict(attempt.owner),
        }
        self.send(json.dumps(asked))

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._reader.join()
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        with contextlib.suppress(OSError):
            if self._log.stat().st_size == 0:
                self._log.unlink()
            elif self._log.stat().st_size > _LARGEST_LOG:
                os.truncate(self._log, _LARGEST_LOG)

    def send(self, line: str) -> None:
        """One line to the child's standard input."""
        with contextlib.suppress(OSError):
            assert self._process.stdin
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def ended(self) -> bool:
        """True once the process is gone; then its exit code and usage are there."""
        if self.usage is None:
            pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
            if pid == 0:
                return False
            self._process.returncode = os.waitstatus_to_exitcode(status)
            self.usage = usage
            self._reader.join()
        return True

    def kill(self) -> None:
        """End the process and whatever it started, now."""
        while not self.ended():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            time.sleep(0.01)

    def ending(self) -> records.Ending:
        """What the process said of its end, or that it died without a word."""
        used = {"cpu_s": self.usage.ru_utime + self.usage.ru_stime, "peak_rss": self.usage.ru_maxrss * 1024}
        said = self.said or {}
        if "result" in said:
            made = kinds.Result(tuple(said["result"]["inputs"]), said["result"]["versions"], said["result"]["summary"])
            return records.Ending("done", None, made, **used)
        if "error" in said:
            return records.Ending(said["outcome"], notes.read(said["error"]), **used)
        code = self._process.returncode
        how = signal.Signals(-code).name if code < 0 else str(code)
        return records.Ending("crashed", i18n.Message(key="app.jobs:crashed", values={"how": how}), **used)

    def _read(self, pipe: int) -> None:
        with os.fdopen(pipe, "rb") as lines:
            while line := lines.readline(_LONGEST_LINE):
                try:
                    value = json.loads(line)
                except ValueError:
                    continue  # torn by the child's death
                if "stage" in value:
                    self.progress = value
                else:
                    self.said = value


def _watched(place: Place, attempt: records.Attempt, child: _Child, left: threading.Event) -> records.Ending:
    """Wait for the child: pass on its progress, and the wish to stop it."""
    asked, deadline, told = 0.0, None, None
    while not child.ended():
        if left.wait(_STEP_S):
            raise patience.Left
        now = time.monotonic()
        if deadline is not None:
            if now > deadline:
                child.kill()
            continue
        if now - asked < _ASK_S:
            continue
        asked, newest = now, child.progress
        try:
            if newest is None or newest is told:
                with place.store.read() as conn:
                    stop = records.stopping(conn, attempt)
            else:
                with place.store.begin() as conn:
                    stop = _noted(conn, attempt, newest)
                told = newest
        except (opening.Unreachable, exc.DBAPIError):
            continue  # the work goes on while the store is away; what it says last is kept
        if stop:
            child.send("stop")
            deadline = now + place.grace_s
    ending = child.ending()
    if deadline is not None and ending.outcome != "done":
        return dataclasses.replace(ending, outcome="cancelled", reason=None)
    if ending.outcome == "done" and child.progress is not None and child.progress is not told:
        with contextlib.suppress(opening.Unreachable, exc.DBAPIError), place.store.begin() as conn:
            _noted(conn, attempt, child.progress)
    return ending


def _noted(conn: sa.Connection, attempt: records.Attempt, value: dict[str, Any]) -> bool:
    return records.progress(conn, attempt, value["stage"][:200], value["done"], value["total"])


def _fresh(job: Path, scratch: Path) -> None:
    """An empty folder for this attempt; what earlier ones left half done goes."""
    job.mkdir(parents=True, exist_ok=True)
    for old in job.glob("attempt-*/"):
        shutil.rmtree(old, ignore_errors=True)
    scratch.mkdir()


def digest(folder: Path) -> str:
    """Hash of the names and hashes of all files below a folder."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as stream:
            found.append([path.relative_to(folder).as_posix(), ids.digest_stream(stream)])
    return ids.digest_json(found)


def _published(scratch: Path, output: Path) -> None:
    """Make the attempt's folder the job's output; an earlier one, whose worker died just then, gives way."""
    if output.exists():
        old = output.with_name(f".old-{scratch.name}")
        shutil.rmtree(old, ignore_errors=True)
        output.rename(old)
        scratch.rename(output)
        shutil.rmtree(old, ignore_errors=True)
    else:
        scratch.rename(output)


def tenant_home(home: Path, tenant: str) -> Path:
    """Finished stages of one tenant's jobs: another tenant's stay out of reach, and can be deleted apart."""
    plain = re.fullmatch(r"[A-Za-z0-9_-]{1,64}", tenant)
    return home / "tenants" / (tenant if plain else hashlib.sha256(tenant.encode()).hexdigest()[:32])

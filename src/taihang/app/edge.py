"""Edge: a node that watches streams live, and the receiving end of what it sends on."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from taihang.core import errors, i18n
from taihang.engines.media import live
from taihang.model.routing import bound as bounds
from taihang.trust.access import redaction, secrets
from taihang.use.video.cascade import calibrating, runner
from taihang.use.video.cascade import config as configs

Path_ = str | os.PathLike[str]
DEFAULT_RULES = "mine-inspection"


@dataclasses.dataclass(frozen=True, slots=True)
class Ran:
    """How a node ended: its last status (also in `status.json`), and sources that could not be used, with why."""

    status: dict[str, Any]
    failed: dict[str, str]


def settings(
    sources: Sequence[str] = (),
    config: Path_ | None = None,
    zones: Path_ | None = None,
    **more: Any,
) -> tuple[configs.Config, Callable[[], configs.Config] | None]:
    """The configuration, and how to read it again; from a file, or from single values. Raises errors.UserError."""
    given = {name: value for name, value in more.items() if value not in (None, (), [])}
    if config is not None:
        if sources or zones is not None or given:
            raise errors.UserError("app:edge.either")
        reread = _Reread(Path(config))
        return reread(), reread
    if not sources:
        raise errors.UserError("app:edge.source")
    names: dict[str, str] = {}
    for source in sources:
        names[configs.named(source, set(names))] = source
    drawn = dict.fromkeys(names, str(zones)) if zones is not None else {}
    return configs.of(sources=names, zones=drawn, **given), None


def run(
    plan: tuple[configs.Config, Callable[[], configs.Config] | None],
    *,
    out: Path_,
    node: str = "",
    say: Callable[[str], None] = lambda _line: None,
    wait_s: float = 5.0,
    until: threading.Event | None = None,
) -> Ran:
    """Watch until all sources ended, `until` is set, or SIGTERM or SIGINT comes (in the main thread).

    Everything is kept in the folder `out`: started again on it, a node goes on with what waited there.
    Raises errors.UserError for settings or sources that cannot be used, errors.Conflict for a folder in use.
    """
    config, reload = plan
    for source in config.sources.values():
        _known(source)
    name = node or socket.gethostname().split(".")[0] or "edge"
    made = runner.Runner(
        runner.Plan(config, Path(out), say, secrets.read, reload=reload, node=_plain(name), wait_s=wait_s)
    )
    with _stopping(made.stop, until):
        made.run()
    return Ran(made.status(), made.failed)


def _known(source: str) -> None:
    """Refuse before anything starts what can never be watched. Raises errors.UserError."""
    live.Live(source)
    if "://" in source:
        # What stands between `//` and `@` is a secret: no log shows it.
        secret = source.split("://", 1)[1].rpartition("@")[0].partition(":")[2]
        if secret:
            redaction.remember(secret)
    elif not Path(source).exists():
        raise errors.UserError("engines.media:missing", path=source)


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)[:60].lstrip("._-") or "edge"


@contextlib.contextmanager
def _stopping(stop: Callable[[], None], until: threading.Event | None) -> Iterator[None]:
    """SIGTERM and SIGINT ask to end, which is no failure; so does `until`."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            if until is not None and until.is_set():
                stop()
                return

    def asked(_signal: int, _frame: FrameType | None) -> None:
        stop()

    if until is not None:
        threading.Thread(target=watch, daemon=True).start()
    main = threading.current_thread() is threading.main_thread()
    old = {n: signal.signal(n, asked) for n in (signal.SIGTERM, signal.SIGINT)} if main else {}
    try:
        yield
    finally:
        over.set()
        for number, handler in old.items():
            signal.signal(number, handler)


class _Reread:
    """The configuration of now: read again when its file, or a rulebook or zones file it names, has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[Path, tuple[object, ...]] = {}
        self._last: configs.Config | None = None

    def __call__(self) -> configs.Config:
        named = self._last.files if self._last is not None else []
        stamps = {path: _stamp(path) for path in (self._path, *named)}
        if self._last is None or stamps != self._seen:
            self._last = configs.load(self._path)
            # As they were before reading: what is written meanwhile is another change.
            self._seen = {path: stamps.get(path) or _stamp(path) for path in (self._path, *self._last.files)}
        return self._last


def _stamp(path: Path) -> tuple[object, ...]:
    try:
        found = path.stat()
    except OSError as error:
        raise errors.UserError("use.video:edge.file", path=path, reason=error.strerror or "") from None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def said(line: str) -> str:
    """A line with the time of day before it."""
    return f"{time.strftime('%H:%M:%S')} {shown(line)}" if line else line


def shown(text: object) -> str:
    """What a node or a cloud said, on one line: nothing in it steers the terminal, or looks like another line."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def ended(done: Ran) -> str:
    """One line about how a node ended."""
    told = done.status
    looked = sum(s.get("looked", 0) for s in told["streams"].values())
    segments = sum(s.get("segments", 0) for s in told["streams"].values())
    return i18n.text(
        "app:edge.ended",
        looked=looked,
        segments=segments,
        alerts=told["counts"].get("alerts", 0),
        waiting=told["queue"]["waiting"],
        dropped=sum(told["queue"]["dropped"].values()),
    )


def bound(source: Path_, *, limit: float = 0.05, delta: float = 0.05, events: bool = False) -> dict[str, bounds.Bound]:
    """The bound on the miss rate of each rule, from segments whose truth is known: a CSV file or a node's folder.

    With `events` a group is missed only when all of it is.

    Raises errors.UserError for what cannot be read, or where nothing is known.
    """
    given = calibrating.rows(Path(source))
    if not given:
        raise errors.UserError("app:edge.no_truth", path=source)
    return dict(calibrating.learn(given, limit=limit, delta=delta, events=events).bounds)


def bound_line(rule: str, one: bounds.Bound) -> str:
    """One line about one rule's bound."""
    told = {"rule": rule, "units": one.units, "limit": f"{one.limit:g}", "sure": f"{1 - one.delta:g}"}
    if one.threshold is None:
        return i18n.text("app:edge.no_bound", **told, fewest=bounds.fewest(one.limit, one.delta))
    return i18n.text("app:edge.bound", **told, threshold=f"{one.threshold:g}", missed=f"{one.missed:g}")

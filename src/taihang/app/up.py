"""Up: the whole platform on one machine. One process answers and keeps house, its children do the jobs."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import fastapi
import uvicorn
from starlette.types import ASGIApp

from taihang.app import crew, places, platform, tickets
from taihang.app.api import factory
from taihang.app.console import mounting
from taihang.core import errors, i18n
from taihang.trust.access import redaction
from taihang.trust.identity import first, tidy

_TIDY_S = 60.0
_PUBLISH_S = 0.5
_NOTIFY_S = 5.0
_GRACE_S = 5
_LOG = logging.getLogger("taihang.up")


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of `taihang up`. `say` shows one line to whoever started it."""

    host: str
    port: int
    workers: int
    say: Callable[[str], None]


def up(plan: Plan, where: places.Places | None = None) -> None:
    """Run until SIGTERM or SIGINT. Raises errors.UserError for a port that is taken or a store that is newer."""
    where = where or places.current()
    with bound(plan.host, plan.port) as place, contextlib.ExitStack() as stack:
        whole = platform.open_platform(where)
        stack.callback(whole.close)
        platform.prepare(whole)
        base = address(place)
        link = first.admin_link(whole.store)
        app = factory.create(whole)
        server = _server(mounting.create(app))
        redaction.install("uvicorn", "uvicorn.error", "uvicorn.access", "taihang")
        stack.enter_context(_stoppable(server, app))
        house = _House(whole, app)
        stack.callback(house.stop)
        house.start()
        workers = crew.Crew(plan.workers, where)
        stack.callback(workers.stop)
        workers.start()
        plan.say(i18n.text("app:up.running", url=base, home=where.home, workers=plan.workers))
        if link is not None:
            plan.say(i18n.text("app:up.first", url=link.url(base), until=link.expires_at.astimezone().isoformat()[:16]))
        server.run(sockets=[place])
        plan.say(i18n.text("app:up.stopping"))


class _Server(uvicorn.Server):
    """A server that leaves signals alone: `_stoppable` has them, from before it starts until after it ended."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing."""
        yield


def _server(app: ASGIApp) -> _Server:
    config = uvicorn.Config(
        app,
        log_level="warning",
        server_header=False,
        proxy_headers=bool(os.environ.get("FORWARDED_ALLOW_IPS")),
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=64 << 10,
        ws="websockets-sansio",
    )
    return _Server(config)


@contextlib.contextmanager
def _stoppable(server: _Server, app: fastapi.FastAPI) -> Iterator[None]:
    """SIGTERM and SIGINT ask the server to stop, which is no failure; a second one does not wait for open requests."""

    def asked(_signal: int, _frame: FrameType | None) -> None:
        server.force_exit = server.should_exit
        server.should_exit = True
        app.state.service.streams.stopping = True

    old = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


class _House:
    """What is done now and then: decisions go to the ledger, what has expired goes away."""

    def __init__(self, whole: platform.Platform, app: fastapi.FastAPI) -> None:
        self._whole = whole
        self._service = app.state.service
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._often, args=(work, pause), name=name, daemon=True)
            for name, work, pause in (
                ("ledger", whole.publish, _PUBLISH_S),
                ("tidy", self._tidy, _TIDY_S),
                ("notify", lambda: tickets.rounds(whole.store), _NOTIFY_S),
            )
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what is under way."""
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(10)

    def _often(self, work: Callable[[], object], pause: float) -> None:
        while True:
            try:
                work()
            except errors.Failure as error:
                _LOG.warning("%s", error)
            except Exception:  # noqa: BLE001 - housekeeping goes on whatever one round of it met
                _LOG.exception("housekeeping")
            if self._over.wait(pause):
                return

    def _tidy(self) -> None:
        tenants = [one.id for one in self._whole.accounts.tenants.list()]
        self._service.uploads.sweep(lambda: iter(tenants))
        for tenant in tenants:
            self._service.answers.sweep(tenant)
        tidy.tidy(self._whole.store)


@contextlib.contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """The socket, so that a taken port is told before anything else is started."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        place = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise errors.UserError("app:up.host", host=host, reason=error.strerror or "") from None
    with place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            place.bind((host, port))
            place.listen(512)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise errors.UserError("app:up.port", host=host, port=port) from None
            raise errors.UserError("app:up.host", host=host, reason=error.strerror or "") from None
        place.set_inheritable(False)
        yield place


def address(place: socket.socket) -> str:
    """Where a bound socket is reached, as a URL."""
    host, port = place.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

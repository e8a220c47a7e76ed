"""Ray: pieces of work on a Ray cluster, whose nodes see the same files and have the same version of this package."""

from __future__ import annotations

import collections
import contextlib
import importlib.metadata
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from taihang.core import errors, i18n
from taihang.engines.tasks import settings, tasks

try:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    import ray.exceptions
except ImportError:
    ray = None


class Ray(tasks.Tasks):
    """A cluster by its address: `ray://HOST:10001` from outside, `HOST:6379` from one of its nodes.

    Without an address, the one that this program is connected to, that RAY_ADDRESS names or that runs on this
    machine, else one that is started and goes with this object. A piece whose node is lost is run again elsewhere,
    `tasks.retries` times. Needs the extra `ray`. Raises errors.Failure for a cluster that does not answer and
    errors.UserError when the program is connected to another.
    """

    name = "ray"

    def __init__(self, address: str | None = None) -> None:
        if ray is None:
            raise errors.MissingExtra("ray", "Ray")
        self._given = settings.Settings.current()
        self.threads = max(1, int(self._given.cpus))
        self._own = not ray.is_initialized()
        self._shown = address or "ray"
        if self._own:
            _started(address, self._shown)
        elif address is not None and address != _connected():
            raise errors.UserError("engines:tasks.connected", where=self._shown)
        options = {"max_retries": self._given.retries, "num_cpus": self._given.cpus}
        self._remote = ray.remote(**options)(_piece)

    def map(
        self, function: Callable[[Any, tasks.Item], tasks.Result], shared: Any, items: Sequence[tasks.Item]
    ) -> Iterator[tasks.Result]:
        """As the contract says; at most `tasks.ahead` pieces are asked for at a time."""
        mark = (_version(), i18n.current())
        waiting: collections.deque[Any] = collections.deque()
        left = iter(items)
        try:
            held = self._put(shared)
            for item in left:
                waiting.append(self._remote.remote(mark, function, held, item))
                if len(waiting) >= self._given.ahead:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
        finally:
            for piece in waiting:
                with contextlib.suppress(Exception):  # already done, or the cluster is gone
                    ray.cancel(piece, force=True)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._own:
            ray.shutdown()

    def _put(self, shared: Any) -> Any:
        try:
            return ray.put(shared)
        except (TypeError, AttributeError, pickle.PicklingError) as error:  # a connection cannot travel
            raise self._failed(error) from None

    def _result(self, piece: Any) -> Any:
        try:
            told, made = ray.get(piece)
        except ray.exceptions.RayTaskError as error:  # it could not even begin, for want of the package
            raise self._failed(error.cause or error) from None
        except (ray.exceptions.RayError, ConnectionError, RuntimeError) as error:
            raise errors.Failure("engines:tasks.lost", where=self._shown, reason=_first(error)) from None
        if told == "error":
            raise made
        if told == "version":
            raise errors.UserError("engines:tasks.version", where=self._shown, there=made, here=_version())
        if told == "broken":
            raise errors.Failure("engines:tasks.broken", where=self._shown, reason=made)
        return made

    def _failed(self, error: BaseException) -> errors.Failure:
        return errors.Failure("engines:tasks.broken", where=self._shown, reason=_first(error))


def _started(address: str | None, shown: str) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    try:
        if address is not None:
            ray.init(address=address, **quiet)
            return
        try:
            ray.init(address="auto", **quiet)
        except ConnectionError:
            ray.init(include_dashboard=False, **quiet)
    except Exception as error:  # noqa: BLE001
        # Whatever it is (some are plain Exception), there is no cluster; an exception of ours is not among them.
        raise errors.Failure("engines:tasks.away", where=shown, reason=_first(error)) from None


def _connected() -> str | None:
    """The address of the cluster that this program is part of; None when it is connected from outside."""
    if ray.util.client.ray.is_connected():
        return None
    return str(ray.get_runtime_context().gcs_address)


def _piece(mark: tuple[str, i18n.Language], function: Callable[[Any, Any], Any], shared: Any, item: Any) -> Any:
    """Runs there. What goes wrong comes back as a value: only what is lost is tried again."""
    if _version() != mark[0]:
        return "version", _version()
    i18n.use(mark[1])
    try:
        return "made", function(shared, item)
    except errors.TaihangError as error:
        return "error", error
    except Exception as error:  # noqa: BLE001 - told over there, where there is somebody to tell
        return "broken", _first(error)


def _version() -> str:
    try:
        return importlib.metadata.version("taihang")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _first(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".split("\n", 1)[0][:300]

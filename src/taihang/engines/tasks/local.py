"""Local: pieces of work in this process, one after the other; what a piece runs uses the cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from taihang.core import errors
from taihang.engines.tasks import tasks


class Local(tasks.Tasks):
    """One piece at a time, so that memory stays that of one."""

    name = "local"

    def map(
        self, function: Callable[[Any, tasks.Item], tasks.Result], shared: Any, items: Sequence[tasks.Item]
    ) -> Iterator[tasks.Result]:
        """As the contract says."""
        for item in items:
            try:
                made = function(shared, item)
            except errors.TaihangError:
                raise
            except Exception as error:
                raise errors.Failure("engines:tasks.broken", where=self.name, reason=_first(error)) from error
            yield made

    def close(self) -> None:
        """Nothing is held."""


def _first(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".split("\n", 1)[0][:300]

"""Tasks: what every place for pieces of work promises."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Tasks(abc.ABC):
    """A place where one function is run on many items. Use as a context manager.

    A piece may be run more than once, when the machine it ran on is lost: the function must depend on what
    it is given alone and change nothing elsewhere. Functions are handed over by name, values by pickling.
    """

    name: str
    threads: int | None = None
    """How many cores a piece may use; None for all."""

    @abc.abstractmethod
    def map(self, function: Callable[[Any, Item], Result], shared: Any, items: Sequence[Item]) -> Iterator[Result]:
        """`function(shared, item)` of each item, in the order of the items, some of them at a time.

        Raises what the first piece in that order raises of `errors.TaihangError`, and errors.Failure for what
        else goes wrong there or when no machine is left. Whoever stops asking stops the rest.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Let the place go. Nothing of it is asked after this."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

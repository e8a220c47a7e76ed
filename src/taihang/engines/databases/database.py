"""Database: what a rulebook needs of an engine that holds the rows."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

# Columns that a view of files has beside its own: which row of which file.
POSITION, FILE = "_taihang_row", "_taihang_file"


class Database(abc.ABC):
    """One connection, in one reading state of the data where the engine has such. `dialect` names its SQL."""

    dialect: str
    name: str

    @abc.abstractmethod
    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The result's rows, streamed. Raises errors.UserError for what cannot run, errors.Failure for what is lost."""

    @abc.abstractmethod
    def close(self) -> None:
        """Give the connection back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

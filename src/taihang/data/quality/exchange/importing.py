"""Importing: which tools' files can be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from taihang.core import errors
from taihang.data.quality.exchange import dbt, draft, great_expectations, odcs, reading, soda

Format = Literal["great-expectations", "soda", "dbt", "odcs"]
_READERS: dict[Format, Callable[[bytes, str, str], draft.Imported]] = {
    "great-expectations": great_expectations.load,
    "soda": soda.load,
    "dbt": dbt.load,
    "odcs": odcs.load,
}


def load(path: Path, form: Format, table: str | None = None) -> draft.Imported:
    """The rules of a file. `table` is what they speak of where the file does not say; else the file's own name.

    Raises errors.UserError, in one line, for a file that cannot be used. What has no rule is in `unmapped`.
    """
    if path.is_dir():
        raise errors.UserError("data.quality:exchange.unreadable", path=path, reason="is a folder")
    try:
        with path.open("rb") as stream:
            data = stream.read(reading.LARGEST_BYTES * 4 + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise errors.UserError("data.quality:exchange.unreadable", path=path, reason=reason) from None
    return _READERS[form](data, path.name, table or path.name.partition(".")[0] or "table")

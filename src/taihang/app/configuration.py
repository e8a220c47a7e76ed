"""Configuration: the settings file, read by whoever starts the program."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from taihang.app import home
from taihang.core import errors, settings

NAME = "taihang.toml"
_VARIABLE = "TAIHANG_CONFIG"
_LARGEST = 1 << 20


def load() -> Path | None:
    """Read `taihang.toml` of the working folder, else of the home folder; says which, None when there is none.

    The processes that this one starts read the same file (`TAIHANG_CONFIG`), wherever they work. Raises
    errors.UserError for a file that cannot be read.
    """
    given = os.environ.get(_VARIABLE)
    for path in [Path(given)] if given else [Path(NAME), home.folder() / NAME]:
        try:
            if not path.is_file():
                continue
            with path.open("rb") as stream:
                data = stream.read(_LARGEST + 1)
            if len(data) > _LARGEST:
                raise errors.UserError("app:configuration", path=path, reason=f"> {_LARGEST} B")
            settings.load(tomllib.loads(data.decode()), str(path))
        except OSError as error:
            raise errors.UserError("app:configuration", path=path, reason=error.strerror or "") from None
        except (ValueError, RecursionError) as error:
            raise errors.UserError("app:configuration", path=path, reason=str(error)) from None
        os.environ[_VARIABLE] = str(path.absolute())
        return path
    return None

"""Places: where a platform keeps its store and blobs, known without opening either."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import ClassVar

from taihang.app import home as homes
from taihang.core import settings


class Settings(settings.Section):
    """`[platform]` in taihang.toml: where store and blobs are; TAIHANG_STORE and TAIHANG_BLOBS win."""

    name: ClassVar[str] = "platform"
    store: str = ""
    blobs: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Places:
    """Where everything is kept: the home folder, the store's URL, the blobs' URL."""

    home: Path
    store: str
    blobs: str


def current() -> Places:
    """From the environment, else taihang.toml, else the home folder. Raises errors.UserError."""
    home = homes.folder().absolute()
    chosen = Settings.current()
    store = os.environ.get("TAIHANG_STORE") or chosen.store or f"sqlite:///{home / 'taihang.db'}"
    kept = os.environ.get("TAIHANG_BLOBS") or chosen.blobs or (home / "blobs").as_uri()
    return Places(home, store, kept)


def there() -> bool:
    """True when a platform's store is on this machine, or elsewhere at an address. Raises errors.UserError."""
    store = current().store
    path = store.removeprefix("sqlite:///")
    return path == store or Path(path).is_file()

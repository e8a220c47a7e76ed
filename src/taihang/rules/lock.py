"""Lock: a file beside a rulebook that binds its hash and keeps its earlier versions."""

from __future__ import annotations

import datetime
import json
import os
import tempfile
from pathlib import Path
from typing import Literal

import pydantic

from taihang.core import errors
from taihang.rules import rulebook

SUFFIX = ".rules.lock"
_MOST_BYTES = 64 << 20


class Version(pydantic.BaseModel):
    """One locked version: the whole text of the file, and the hash over it and what it extends."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")
    version: str
    sha256: str
    at: pydantic.AwareDatetime
    origins: dict[str, str]
    text: str


class Lock(pydantic.BaseModel):
    """A lock file: `versions` in the order in which they were locked, the last of them in force."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")
    taihang: Literal["rules-lock/1"] = "rules-lock/1"
    rulebook: str
    versions: tuple[Version, ...] = pydantic.Field(min_length=1)


def path_of(book: Path) -> Path:
    """The lock file of a rulebook file."""
    name = book.name
    for end in (rulebook.SUFFIX, ".yaml", ".yml"):
        if name.endswith(end):
            name = name[: -len(end)]
            break
    return book.with_name(name + SUFFIX)


def read(book: Path) -> Lock | None:
    """The lock of a rulebook file, None when there is none. Raises errors.UserError for one that is no lock."""
    path = path_of(book)
    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise errors.UserError("rules:lock.unreadable", path=path, reason=_reason(error)) from None
    try:
        return Lock.model_validate_json(data)
    except pydantic.ValidationError as error:
        raise errors.UserError("rules:lock.unreadable", path=path, reason=_reason(error)) from None


def check(path: Path, book: rulebook.Rulebook) -> None:
    """Raise errors.UserError when the rulebook, or one it extends, is not as it was locked."""
    held = read(path)
    if held is None or held.versions[-1].sha256 == book.sha256:
        return
    now = {o.name: o.sha256 for o in book.origins}
    then = held.versions[-1].origins
    changed = sorted(name for name in {*now, *then} if now.get(name) != then.get(name)) or [path.name]
    raise errors.UserError(
        "rules:lock.changed", path=path, version=held.versions[-1].version, changed=", ".join(changed),
        lock=path_of(path).name,
    )  # fmt: skip


def lock(path: Path) -> Lock:
    """Bind a rulebook file as it is now. Raises errors.UserError for one that is not valid, or whose content
    changed under the version that is locked already.
    """
    book = rulebook.load(path)
    held = read(path)
    if held is not None and held.versions[-1].sha256 == book.sha256:
        return held
    if held is not None and any(v.version == book.version and v.sha256 != book.sha256 for v in held.versions):
        raise errors.UserError("rules:lock.version", path=path, version=book.version)
    version = Version(
        version=book.version,
        sha256=book.sha256,
        at=datetime.datetime.now(tz=datetime.UTC),
        origins={o.name: o.sha256 for o in book.origins},
        text=path.read_text(encoding="utf-8"),
    )
    made = Lock(rulebook=book.id, versions=(*(held.versions if held else ()), version))
    _put(path_of(path), json.dumps(made.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n")
    return made


def roll_back(path: Path, version: str) -> Lock:
    """Put a locked version's text back in place, and lock it as the one in force.

    Raises errors.UserError when there is no such version, or when what it extends is no longer what it was.
    """
    held = read(path)
    if held is None:
        raise errors.UserError("rules:lock.none", path=path)
    known = {v.version: v for v in held.versions}
    if version not in known:
        raise errors.UserError("rules:lock.unknown", path=path, version=version, known=", ".join(known))
    wanted = known[version]
    try:
        before: str | None = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        before = None
    _put(path, wanted.text)
    book = rulebook.load(path)
    if book.sha256 != wanted.sha256:
        if before is not None:
            _put(path, before)
        changed = ", ".join(o.name for o in book.origins if wanted.origins.get(o.name) != o.sha256)
        raise errors.UserError(
            "rules:lock.changed", path=path, version=version, changed=changed, lock=path_of(path).name
        )
    made = held.model_copy(update={"versions": (*(v for v in held.versions if v.version != version), wanted)})
    _put(path_of(path), json.dumps(made.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n")
    return made


def _put(path: Path, text: str) -> None:
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise errors.UserError("rules:lock.write", path=path, reason=_reason(error)) from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error).partition("\n")[0]

"""Secrets by reference: settings and records name where a secret is, `env:NAME` or `file:PATH`, and never hold it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from taihang.core import errors
from taihang.trust.access import redaction

_ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]{0,199})")
_LARGEST = 64 * 1024


def is_reference(text: str) -> bool:
    """True for the form of a reference; a secret itself must never be taken for one."""
    return _ENV.fullmatch(text) is not None or (text.startswith("file:") and len(text) > 5 and "\0" not in text)


def read(reference: str) -> str:
    """The secret that a reference names; from then on no log shows it.

    Raises errors.UserError: not a reference (the text given is not repeated), a variable that is not set, a file
    that others may read, that is not a plain file, is empty or too large.
    """
    named = _ENV.fullmatch(reference)
    if named:
        value = os.environ.get(named[1], "")
        if not value:
            raise errors.UserError("trust:access.secret_unset", name=named[1])
    elif is_reference(reference):
        value = _file(Path(reference[5:]))
    else:
        raise errors.UserError("trust:access.secret_form")
    redaction.remember(value)
    return value


def _file(path: Path) -> str:
    try:
        # Looked at through the open file, so that nobody swaps it between look and read.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise errors.UserError("trust:access.secret_file", path=path, reason=error.strerror or "") from None
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise errors.UserError("trust:access.secret_plain", path=path)
    with os.fdopen(handle, "rb") as stream:
        if found.st_mode & 0o077:
            raise errors.UserError("trust:access.secret_mode", path=path, mode=f"{stat.S_IMODE(found.st_mode):o}")
        if found.st_uid not in (os.geteuid(), 0):
            raise errors.UserError("trust:access.secret_owner", path=path)
        data = stream.read(_LARGEST + 1)
    try:
        value = data.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        value = ""
    if not value or len(data) > _LARGEST:
        raise errors.UserError("trust:access.secret_empty", path=path, most=_LARGEST)
    return value

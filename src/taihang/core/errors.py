"""What can go wrong, as a small tree. Every leaf says in one line what, where and what to do.

TaihangError
├── UserError       the caller's mistake           exit code 2
│   ├── MissingExtra    an optional part is not installed
│   ├── Forbidden       the principal may not do this
│   ├── NotFound        no such thing in this tenant
│   └── Conflict        somebody else was quicker, or the state does not allow it
├── Failure         the machine's or our failure   exit code 3
└── Cancelled       somebody asked to stop         exit code 130
Transient           a mixin: the same call may succeed later
"""

from __future__ import annotations

from typing import Any

from taihang.core import i18n


class TaihangError(Exception):
    """Base of every error that Taihang raises on purpose.

    `key` names a catalogue text (`package.path:key`); `values` fill it in.
    """

    exit_code = 3

    def __init__(self, key: str, /, **values: Any) -> None:
        self.message = i18n.Message(key=key, values=values)
        super().__init__(key, values)

    def __str__(self) -> str:
        return self.message.in_()

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword values survive the trip through a process pool.
        return (_rebuild, (type(self), self.message.key, self.message.values))


class UserError(TaihangError):
    """Something the caller gave cannot be used."""

    exit_code = 2


class MissingExtra(UserError):
    """An optional part is not installed; the message holds its install line."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__("core:missing_extra", extra=extra, purpose=purpose)

    def __reduce__(self) -> tuple[Any, ...]:
        return (MissingExtra, (self.message.values["extra"], self.message.values["purpose"]))


class Forbidden(UserError):
    """The principal may not do this."""


class NotFound(UserError):
    """No such thing in this tenant; another tenant's is answered alike."""


class Conflict(UserError):
    """The thing has changed meanwhile, or its state does not allow this."""


class Failure(TaihangError):
    """The machine or Taihang failed; the input may be fine."""


class Cancelled(TaihangError):
    """The work was asked to stop; what was finished stays."""

    exit_code = 130


class Transient:
    """Mixin: a retry may succeed."""


def _rebuild(kind: type[TaihangError], key: str, values: dict[str, Any]) -> TaihangError:
    return kind(key, **values)

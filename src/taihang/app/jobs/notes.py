"""Notes: a catalogue message kept as JSON, so that each reader gets it in a language of his own."""

from __future__ import annotations

from typing import Any

from taihang.core import errors, i18n

_LONGEST = 2000


def kept(message: i18n.Message) -> dict[str, Any]:
    """The message as a JSON value."""
    return {"key": message.key, "values": {name: _plain(value) for name, value in message.values.items()}}


def read(value: dict[str, Any]) -> i18n.Message:
    """The message that `kept` made a value of."""
    return i18n.Message(key=value["key"], values={name: _rich(part) for name, part in value["values"].items()})


def of(error: BaseException) -> i18n.Message:
    """One line about an error: its own, or that it is a defect."""
    if isinstance(error, errors.TaihangError):
        return error.message
    if isinstance(error, MemoryError):
        return i18n.Message(key="app:memory")
    return i18n.Message(key="app:defect", values={"kind": type(error).__name__, "reason": str(error)[:_LONGEST]})


def _plain(value: Any) -> Any:
    if isinstance(value, i18n.Message):
        return {"message": kept(value)}
    if isinstance(value, i18n.Text):
        return {"text": {"zh": value.zh, "en": value.en}}
    if value is None or isinstance(value, (bool, int, float)):
        return value
    # A file name may hold what no database takes: NUL, or bytes that are no UTF-8.
    return str(value).replace("\0", "�").encode("utf-8", "replace").decode()[:_LONGEST]


def _rich(value: Any) -> Any:
    if isinstance(value, dict):
        if "message" in value:
            return read(value["message"])
        return i18n.Text(**value["text"])
    return value

"""Messages in 简体中文 and English, as values that any language can be rendered from.

Each package owns one catalogue, `messages.toml`, beside its code: a table per key that holds
`zh` and `en`. A key is written `package.path:key`, e.g. `engines.media:no_video`.
"""

from __future__ import annotations

import contextvars
import functools
import importlib.resources
import os
import tomllib
from typing import Any, Literal, cast

import pydantic

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")

_current: contextvars.ContextVar[Language | None] = contextvars.ContextVar("language", default=None)
# C0 and C1 controls, DEL, line and paragraph separators, and the bidi overrides: a file name that
# holds them could break a one-line message or make a terminal show something else.
_UNSAFE = dict.fromkeys((*range(32), *range(127, 160), 8232, 8233, *range(8234, 8239), *range(8294, 8298)), "�")
_LONGEST_VALUE = 2000


class Text(pydantic.BaseModel):
    """One text in both languages."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    zh: str
    en: str

    def in_(self, language: Language | None = None) -> str:
        """The text in `language`, or in the current one."""
        return self.zh if (language or current()) == "zh" else self.en


class Message(pydantic.BaseModel):
    """A catalogue key with its values; rendered only when somebody reads it."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    key: str
    values: dict[str, Any] = {}

    def in_(self, language: Language | None = None) -> str:
        """The text in `language`, or in the current one."""
        return text(self.key, language, **self.values)

    def both(self) -> Text:
        """The text in both languages, values filled in."""
        return Text(zh=self.in_("zh"), en=self.in_("en"))


def current() -> Language:
    """The language of this context: set by `use`, else `TAIHANG_LANG`, else the locale's."""
    chosen = _current.get()
    if chosen:
        return chosen
    for name in ("TAIHANG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def use(language: Language) -> None:
    """Set the language of this context."""
    if language not in LANGUAGES:
        raise ValueError(f"unknown language {language!r}: one of {', '.join(LANGUAGES)}")
    _current.set(language)


def text(key: str, language: Language | None = None, /, **values: Any) -> str:
    """The catalogue's text for `key` in one line, values filled in and made safe to print.

    Raises KeyError when the package, the key or a placeholder's value is missing: a test walks
    every key in the source, so a user never meets it.
    """
    package, _, name = key.partition(":")
    template = catalogue(package)[name][language or current()]
    return template.format_map({k: _safe(v, language) for k, v in values.items()})


@functools.cache
def catalogue(package: str) -> dict[str, dict[Language, str]]:
    """The catalogue of one package: key → language → template."""
    where = "taihang" + (f".{package}" if package else "")
    raw = importlib.resources.files(where).joinpath("messages.toml").read_text(encoding="utf-8")
    return cast("dict[str, dict[Language, str]]", _flat(tomllib.loads(raw)))


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict) and not all(isinstance(v, str) for v in value.values()):
            found.update(_flat(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found


def _safe(value: Any, language: Language | None) -> Any:
    if isinstance(value, (Text, Message)):
        return value.in_(language)
    if isinstance(value, (int, float)):
        return value
    plain = str(value).translate(_UNSAFE)
    return plain if len(plain) <= _LONGEST_VALUE else plain[:_LONGEST_VALUE] + "…"

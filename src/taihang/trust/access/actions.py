"""Actions: the words `noun:verb` for all that can be asked, read from the shipped schema; and scopes over them."""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Iterable

from taihang.core import errors

_DECLARED = re.compile(r"^\s*action\s+((?:\"[a-z]+:[a-z]+\",?\s*)+)appliesTo\s*\{.*?resource:\s*\[(\w+)\]", re.M | re.S)
_NAME = re.compile(r"\"([a-z]+:[a-z]+)\"")
_SCOPE = re.compile(r"(\*|[a-z]+):(\*|[a-z]+)")


def shipped(name: str) -> str:
    """A file of the shipped policies."""
    return importlib.resources.files("taihang.trust.access").joinpath("policies", name).read_text(encoding="utf-8")


@functools.cache
def kinds() -> dict[str, str]:
    """Action → the kind of thing that it is about, as the schema calls it."""
    found = {}
    for names, kind in _DECLARED.findall(shipped("schema.cedarschema")):
        found.update(dict.fromkeys(_NAME.findall(names), kind))
    return found


def names() -> tuple[str, ...]:
    """All actions, in the schema's order."""
    return tuple(kinds())


def scope(text: str) -> str:
    """A scope that is one: `asset:read`, `job:*`, `*:read` or `*:*`, and covers at least one action.

    Raises errors.UserError.
    """
    if _SCOPE.fullmatch(text) is None or not any(covers((text,), name) for name in names()):
        raise errors.UserError("trust:access.scope", scope=text)
    return text


def covers(scopes: Iterable[str] | None, action: str) -> bool:
    """True when one of the scopes holds the action; None is no narrowing at all."""
    if scopes is None:
        return True
    noun, _, verb = action.partition(":")
    return any(_half(one[0], noun) and _half(one[2], verb) for one in (text.partition(":") for text in scopes))


def within(inner: str, outer: Iterable[str] | None) -> bool:
    """True when every action of the scope `inner` is covered by `outer`."""
    return outer is None or all(covers(outer, name) for name in names() if covers((inner,), name))


def _half(pattern: str, word: str) -> bool:
    return pattern in {"*", word}

"""Completion: what a rule's `check` says of it that its file may leave out."""

from __future__ import annotations

from typing import Any

import pydantic

from taihang.core import i18n, words
from taihang.rules import kinds


def completed(given: Any) -> Any:
    """A rule's fields with those filled in that its `check` implies. What is wrong is left for the model to tell."""
    if not isinstance(given, dict) or given.get("check") is None or "where" in given:
        return given
    try:
        kind = kinds.ADAPTER.validate_python(given["check"])
    except pydantic.ValidationError:
        return {
            "where": "FALSE",
            "title": _BLANK,
            "message": _BLANK,
            "level": "yellow",
            "dimension": "validity",
            **given,
        }
    values = {"subject": kind.subject(), "kind": i18n.Message(key=f"rules:kind.{kind.kind}")}
    title = i18n.Message(key="rules:kind.title", values=values).both()
    told = i18n.Message(key=f"rules:kind.{kind.told}").both()
    message = {n: getattr(title, n).replace("{", "{{").replace("}", "}}") + getattr(told, n) for n in i18n.LANGUAGES}
    implied = {"title": title, "message": message, "level": words.Level.yellow, "dimension": kind.dimension}
    return {**implied, **given, "where": kind.where() or "FALSE"}


_BLANK = {"zh": "-", "en": "-"}

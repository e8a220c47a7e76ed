"""Questions: what a model is asked where the rulebook asks nothing itself."""

from __future__ import annotations

from taihang.core import i18n
from taihang.use.video import scope

_OWN = ("person_down", "no_helmet", "fire_or_smoke", "blocked_way")


def of(asked: scope.Scope) -> tuple[scope.Question, ...]:
    """The book's questions, else ours."""
    return asked.questions or tuple(
        scope.Question(id=name, ask=i18n.Message(key=f"use.video:question.{name}").both()) for name in _OWN
    )

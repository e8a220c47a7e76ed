"""Who may do what: the table in docs/access.md, made by asking the guard and nobody else."""

from __future__ import annotations

from typing import Literal

from taihang.core import principal
from taihang.trust.access import actions, guard

Answer = Literal["yes", "own", "unmarked", "platform", "no"]
_SIGNS: dict[Answer, str] = {"yes": "yes", "own": "own", "unmarked": "unmarked", "platform": "platform", "no": "–"}
_START, _END = "<!-- made from the policies: begin -->", "<!-- made from the policies: end -->"


def answer(role: str, action: str) -> Answer:
    """What the shipped policies say: `own`, a thing of one's own only; `unmarked`, nothing marked sensitive."""
    if _may(role, action, "north", "sensitive"):
        return "yes"
    if _may(role, action, "north", ""):
        return "unmarked"
    if _may(role, action, "north", "", owner="me"):
        return "own"
    return "platform" if _may(role, action, "default", "") else "no"


def rows() -> list[tuple[str, tuple[Answer, ...]]]:
    """Each action with the answer for each role, in the order of `guard.roles()`."""
    return [(action, tuple(answer(role, action) for role in guard.roles())) for action in actions.names()]


def table() -> str:
    """The table as Markdown."""
    head = ["action", *guard.roles()]
    lines = [head, ["---"] * len(head)]
    lines += [[f"`{action}`", *(_SIGNS[one] for one in answers)] for action, answers in rows()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def renewed(page: str) -> str:
    """A page with its table made anew. Raises ValueError when the page has no place for it."""
    head, _, rest = page.partition(_START)
    _, mark, tail = rest.partition(_END)
    if not mark:
        raise ValueError("the page has no place for the table")
    return f"{head}{_START}\n{table()}\n{mark}{tail}"


def _may(role: str, action: str, tenant: str, sensitivity: str, owner: str | None = None) -> bool:
    who = principal.Principal(name="me", tenant=tenant, roles=(role,))
    thing = guard.Resource(action.partition(":")[0], "x", tenant, owner, sensitivity)
    return guard.judge(guard.shipped(), who, action, thing).allowed

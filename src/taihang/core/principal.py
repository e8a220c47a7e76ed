"""Principal: who acts, in which tenant."""

from __future__ import annotations

from taihang.core import words


class Principal(words.Word):
    """A person or a service; every read and write is inside `tenant`.

    `scopes` narrows what an API token may do to some actions (`asset:read`, `job:*`); None means all
    that the roles allow.
    """

    name: str
    tenant: str = "default"
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None

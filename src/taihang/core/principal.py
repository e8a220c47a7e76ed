"""Principal: who acts, in which tenant."""

from __future__ import annotations

from taihang.core import words


class Principal(words.Word):
    """A person or a service; every read and write is inside `tenant`."""

    name: str
    tenant: str = "default"
    roles: tuple[str, ...] = ()

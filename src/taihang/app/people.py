"""People: accounts, tenants, tokens and policies of this machine's platform, for an operator who sits before it.

Whoever may run a program as the platform's user may read its database; so these verbs ask no password. What
they change is recorded like everybody's changes, as done by `operator`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pydantic

from taihang.app import platform
from taihang.core import errors, principal
from taihang.trust.access import policies as access
from taihang.trust.identity import accounts, members

OPERATOR = "operator"
_LARGEST = 1 << 20


class Desk:
    """What an operator works with, in one tenant."""

    def __init__(self, whole: platform.Platform, tenant: str) -> None:
        self.policies = access.Policies(whole.store)
        self.accounts = accounts.Accounts(whole.store, own_roles=self.policies.own_roles)
        self.who = principal.Principal(name=OPERATOR, tenant=tenant, roles=("admin",))
        self.store = whole.store

    def member(self, named: str) -> members.Member:
        """A member by login or account id. Raises errors.NotFound."""
        return self.accounts.members.named(self.who, named)

    def as_member(self, named: str) -> principal.Principal:
        """A member as a principal, as when a token is issued for a service. Raises errors.NotFound."""
        found = self.member(named)
        return principal.Principal(name=found.account_id, tenant=self.who.tenant, roles=found.roles)


@contextlib.contextmanager
def desk(tenant: str) -> Iterator[Desk]:
    """The desk in a tenant, which has to be there. Raises errors.NotFound."""
    whole = platform.open_platform()
    try:
        platform.prepare(whole)
        found = Desk(whole, tenant)
        if tenant != "default":
            found.accounts.tenants.get(tenant)
        yield found
    finally:
        whole.close()


def text(path: Path) -> str:
    """A file of policies. Raises errors.UserError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise errors.UserError("app.verbs:people.file", path=path, reason=f"> {_LARGEST} B")
        return data.decode()
    except OSError as error:
        raise errors.UserError("app.verbs:people.file", path=path, reason=error.strerror or "") from None
    except UnicodeDecodeError:
        raise errors.UserError("app.verbs:people.file", path=path, reason="UTF-8") from None


def cases(path: Path | None) -> tuple[access.Case, ...]:
    """The cases in a file: a JSON list. Raises errors.UserError that names the first wrong one."""
    if path is None:
        return ()
    try:
        return tuple(pydantic.TypeAdapter(list[access.Case]).validate_python(json.loads(text(path))))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = "/".join(str(step) for step in first["loc"])
        raise errors.UserError("app.verbs:people.cases", path=path, where=where, reason=first["msg"]) from None
    except (ValueError, RecursionError):
        raise errors.UserError("app.verbs:people.file", path=path, reason="JSON") from None

"""What the tests of identity share: a clock to turn, cheap hashes, and a first admin."""

from __future__ import annotations

import dataclasses
import datetime

from taihang.core import principal
from taihang.engines.store import opening
from taihang.trust.identity import accounts, first, settings

PASSWORD = "granite otter lantern 7"
OTHER = "velvet canyon teapot 31"


@dataclasses.dataclass
class Clock:
    """The present, as the test says."""

    at: datetime.datetime = datetime.datetime(2026, 3, 1, 8, tzinfo=datetime.UTC)

    def __call__(self) -> datetime.datetime:
        return self.at

    def go(self, **by: float) -> None:
        self.at += datetime.timedelta(**by)


@dataclasses.dataclass
class World:
    """A store with its accounts, and the clock that they see."""

    store: opening.Store
    clock: Clock
    limits: settings.Identity
    accounts: accounts.Accounts

    def admin(self) -> principal.Principal:
        """The first admin, made through the first link."""
        link = first.admin_link(self.store, now=self.clock, limits=self.limits)
        assert link is not None
        return self.accounts.redeem(link.secret, PASSWORD, login="boss").principal

    def member(self, by: principal.Principal, login: str, *roles: str, password: str = PASSWORD) -> principal.Principal:
        """A member of `by`'s tenant, by invitation."""
        link = self.accounts.invite(by, login, roles=roles)
        return self.accounts.redeem(link.secret, password).principal

    def tenant(self, by: principal.Principal, name: str) -> principal.Principal:
        """A new tenant and its first admin."""
        self.accounts.tenants.create(by, name)
        inside = principal.Principal(name=by.name, tenant=name, roles=("admin",))
        return self.member(inside, f"{name}-admin", "admin")


def world(store: opening.Store) -> World:
    store.create()
    clock = Clock()
    limits = settings.Identity(argon2_passes=1, argon2_memory_mib=8, argon2_lanes=1)
    return World(store, clock, limits, accounts.Accounts(store, now=clock, limits=limits))

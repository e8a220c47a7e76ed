"""Platform: every part of it opened from the settings and wired together, for the API, workers and verbs."""

from __future__ import annotations

from taihang.app import decisions, places
from taihang.app.jobs import service as jobs
from taihang.app.migrations import upgrade
from taihang.catalog import catalogue
from taihang.catalog.lineage import lineage
from taihang.catalog.tickets import desk
from taihang.core import principal
from taihang.engines.blobs import blobs
from taihang.engines.blobs import opening as blob_stores
from taihang.engines.store import opening as stores
from taihang.trust.access import guard, policies
from taihang.trust.identity import accounts, oidc, sessions, tokens
from taihang.trust.identity import settings as identity

JOB_MODULES = ("taihang.app.walks", "taihang.app.retiring")


class Platform:
    """The parts, each made once; what belongs to one principal is made for each call."""

    def __init__(self, where: places.Places) -> None:
        self.places = where
        self.home = where.home
        self.store: stores.Store = stores.open_store(where.store)
        self.blobs: blobs.Blobs = blob_stores.open_blobs(where.blobs)
        self.accounts = accounts.Accounts(self.store)
        self.policies = policies.Policies(self.store)
        self.accounts.members.own_roles = self.policies.own_roles
        self.guard = guard.Guard(self.policies)
        known = identity.Identity.current().providers
        self.oidc = oidc.Oidc(self.store, self.accounts.members, self.accounts.sessions, known)
        self.decisions = decisions.Decisions(self.store, where.home, blob_store=self.blobs)
        self.jobs = jobs.Jobs(self.store, where.home, roots=(), modules=JOB_MODULES)

    @property
    def sessions(self) -> sessions.Sessions:
        """Who is signed in."""
        return self.accounts.sessions

    @property
    def tokens(self) -> tokens.Tokens:
        """What programs sign in with."""
        return self.accounts.tokens

    def catalogue(self, who: principal.Principal) -> catalogue.Catalogue:
        """The catalogue as this principal sees it."""
        return catalogue.Catalogue(self.store, who)

    def lineage(self, who: principal.Principal) -> lineage.Lineage:
        """What was made of what, as this principal sees it."""
        return lineage.Lineage(self.store, who)

    def desk(self, who: principal.Principal) -> desk.Desk:
        """The tickets in this principal's hand."""
        return desk.Desk(self.store, who)

    def publish(self) -> int:
        """Move decisions to the ledger; says how many."""
        return self.decisions.publish()

    def close(self) -> None:
        """Give everything back."""
        self.decisions.close()
        self.oidc.close()
        self.store.close()


def open_platform(where: places.Places | None = None) -> Platform:
    """The platform of the settings. Raises errors.UserError, errors.Failure."""
    return Platform(where or places.current())


def prepare(whole: Platform) -> None:
    """The store's tables as this release needs them. Raises errors.UserError for a store of a newer release."""
    upgrade.upgrade(whole.store)
    whole.jobs.create()

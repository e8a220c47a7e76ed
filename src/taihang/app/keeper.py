"""Keeper: retention here or on a platform elsewhere, with the same words; what the command line speaks to."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from taihang.core import errors

if TYPE_CHECKING:
    from taihang.app.client import client as clients
    from taihang.catalog.retention import retention, words


class Keeper(Protocol):
    """What both have. What they give has the fields of `catalog.retention.words`."""

    def rules(self) -> Sequence[Any]:
        """All rules, the closest first."""

    def set_rule(self, rule: words.Rule) -> None:
        """Set a rule."""

    def remove_rule(self, rule_id: str) -> None:
        """Take a rule away."""

    def due(self, limit: int) -> Sequence[Any]:
        """Versions whose time is over, the oldest first."""

    def holds(self) -> Sequence[Any]:
        """What holds anything."""

    def hold(self, target: str, reason: str) -> Any:
        """Forbid a deletion."""

    def release(self, hold_id: str, reason: str) -> Any:
        """Lift a hold."""

    def delete(self, version_id: str, cause: words.Cause, *, early: bool = False) -> Any:
        """Delete a version; gives the proof."""


class Here:
    """On the store of the settings."""

    def __init__(self, at: retention.Retention) -> None:
        self._at = at
        self.rules, self.set_rule, self.remove_rule = at.rules, at.set_rule, at.remove_rule
        self.holds, self.delete = at.holds, at.delete

    def due(self, limit: int) -> Sequence[Any]:
        """See Keeper."""
        return self._at.due(limit=limit).items

    def hold(self, target: str, reason: str) -> Any:
        """See Keeper."""
        return self._at.hold(target, reason=reason)

    def release(self, hold_id: str, reason: str) -> Any:
        """See Keeper."""
        return self._at.release(hold_id, reason=reason)


class There:
    """On a server; deletions are jobs of it, and are waited for."""

    def __init__(self, client: clients.Client) -> None:
        self._client = client
        self.rules, self.remove_rule = client.retention_rules, client.remove_retention_rule
        self.holds, self.hold, self.release = client.holds, client.hold, client.release

    def set_rule(self, rule: words.Rule) -> None:
        """See Keeper."""
        self._client.set_retention_rule(**rule.model_dump())

    def due(self, limit: int) -> Sequence[Any]:
        """See Keeper."""
        return list(itertools.islice(self._client.due(), limit))

    def delete(self, version_id: str, cause: words.Cause, *, early: bool = False) -> Any:
        """See Keeper. Raises errors.Failure when the job fails."""
        job = self._client.wait(self._client.delete(version_id, cause, early=early).id)
        if job.state != "done":
            raise errors.Failure("app:remote.failed", job=job.id, reason=job.reason or job.state)
        return self._client.deletion(version_id)


@contextlib.contextmanager
def opened(server: str | None, tenant: str) -> Iterator[Keeper]:
    """The keeper of this machine's tenant, or of whoever the token for the server stands for."""
    if server is None:
        from taihang.app import cataloguing  # noqa: PLC0415 - the store's libraries are not needed for a server

        with cataloguing.opened(tenant=tenant) as known:
            yield Here(cataloguing.keeping(known))
        return
    from taihang.app import remote  # noqa: PLC0415

    with remote.connected(server) as client:
        yield There(client)

"""Keeping: how long things stay there, what must not go, what went, and what is marked bad; part of the client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from taihang.app.client import wire, words


class _Line(Protocol):
    _line: wire.Wire

    def _pages(self, path: str, **only: Any) -> Iterator[dict[str, Any]]: ...

    def _saved(self, path: str, out: Path) -> None: ...


class Keeping:
    """Retention, deletion, quarantine and deliveries of a platform; see `client.Client`."""

    def retention_rules(self: _Line) -> list[words.Rule]:
        """All rules, the closest first."""
        items = self._line.call("GET", "retention/rules").json()["items"]
        return [words.Rule.model_validate(one) for one in items]

    def set_retention_rule(
        self: _Line,
        *,
        keep_days: int = 0,
        delete_days: int | None = None,
        kind: str | None = None,
        sensitivity: str | None = None,
    ) -> words.Rule:
        """Set the rule for a kind and a sensitivity (None: of any)."""
        body = {"kind": kind, "sensitivity": sensitivity, "keep_days": keep_days, "delete_days": delete_days}
        return words.Rule.model_validate(self._line.call("PUT", "retention/rules", json=body).json())

    def remove_retention_rule(self: _Line, id: str) -> None:
        """Take a rule away."""
        self._line.call("DELETE", f"retention/rules/{id}")

    def due(self: _Line) -> Iterator[words.Version]:
        """Versions whose time is over and that nothing holds, the oldest first."""
        return map(words.Version.model_validate, self._pages("retention/due"))

    def apply_retention(self: _Line, *, key: str | None = None) -> words.Job:
        """Delete what is due, as a job."""
        answer = self._line.call("POST", "retention/runs", key=key or self._line.fresh_key())
        return words.Job.model_validate(answer.json())

    def terms(self: _Line, version: str) -> words.Terms:
        """Until when a version must stay, when it is due, what holds it."""
        return words.Terms.model_validate(self._line.call("GET", f"versions/{version}/terms").json())

    def holds(self: _Line, target: str | None = None, *, released: bool = False) -> list[words.Hold]:
        """What holds anything, or one version or asset."""
        given = {"released": "true" if released else "false", **({"target": target} if target else {})}
        items = self._line.call("GET", "holds", params=given).json()["items"]
        return [words.Hold.model_validate(one) for one in items]

    def hold(self: _Line, target: str, reason: str, *, kind: str = "legal", number: str = "") -> words.Hold:
        """Forbid the deletion of a version, or of all versions of an asset; `number` is a certificate's."""
        body = {"target": target, "reason": reason, "kind": kind, "key": number}
        answer = self._line.call("POST", "holds", key=self._line.fresh_key(), json=body)
        return words.Hold.model_validate(answer.json())

    def release(self: _Line, hold: str, reason: str) -> words.Hold:
        """Lift a hold."""
        answer = self._line.call("POST", f"holds/{hold}/release", key=self._line.fresh_key(), json={"reason": reason})
        return words.Hold.model_validate(answer.json())

    def delete(self: _Line, version: str, cause: str, *, early: bool = False, key: str | None = None) -> words.Job:
        """Delete a version, as a job; its proof is `deletion` then. Raises errors.Conflict for what must stay."""
        body = {"cause": cause, "early": early}
        answer = self._line.call("POST", f"versions/{version}/deletion", key=key or self._line.fresh_key(), json=body)
        return words.Job.model_validate(answer.json())

    def deletion(self: _Line, version: str) -> words.Proof:
        """The proof that a version is gone. Raises errors.NotFound while it is not."""
        return words.Proof.model_validate(self._line.call("GET", f"deletions/{version}").json())

    def deletions(self: _Line) -> Iterator[words.Proof]:
        """What was deleted, the last begun first."""
        return map(words.Proof.model_validate, self._pages("deletions"))

    def quarantine(self: _Line, version: str, *, lifted: bool = False) -> list[words.Mark]:
        """What is marked bad in a version; with `lifted` also what was."""
        path = f"versions/{version}/quarantine"
        items = self._line.call("GET", path, params={"lifted": "true" if lifted else "false"}).json()["items"]
        return [words.Mark.model_validate(one) for one in items]

    def quarantined_rows(self: _Line, version: str, out: Path) -> None:
        """Write the rows to leave out as Parquet. Raises errors.Conflict when not all bad rows are known."""
        self._saved(f"versions/{version}/quarantine/rows", out)

    def deliveries(self: _Line, *, state: str | None = None) -> Iterator[words.Delivery]:
        """Messages to somebody outside, the newest first."""
        return map(words.Delivery.model_validate, self._pages("deliveries", state=state))

    def deliver_again(self: _Line, id: str) -> words.Delivery:
        """Try a message once more that was put aside. Raises errors.Conflict for one that was not."""
        answer = self._line.call("POST", f"deliveries/{id}/retry", key=self._line.fresh_key())
        return words.Delivery.model_validate(answer.json())

"""Certifying: certificates of a platform, what was revoked, and the key to check them; part of the client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from taihang.app.client import wire, words


class _Line(Protocol):
    _line: wire.Wire

    def _pages(self, path: str, **only: Any) -> Iterator[dict[str, Any]]: ...


class Certifying:
    """Certificates of a platform; see `client.Client`."""

    def certify(self: _Line, reports: Sequence[str], *, key: str | None = None, **terms: Any) -> words.Job:
        """Certify reports of assess, as a job; `terms`: `grades`, `minimum`, `days`, `scope`, `lang`."""
        parameters = {"reports": list(reports), **{name: value for name, value in terms.items() if value is not None}}
        body = {"kind": "certify-reports", "parameters": parameters}
        answer = self._line.call("POST", "jobs", key=key or self._line.fresh_key(), json=body)
        return words.Job.model_validate(answer.json())

    def certificates(self: _Line, version: str | None = None) -> Iterator[words.Report]:
        """Reports that are certificates, the last issued first."""
        return map(words.Report.model_validate, self._pages("certificates", version=version))

    def certificate(self: _Line, report: str) -> bytes:
        """The signed certificate. Raises errors.NotFound for a report that is none."""
        return self._line.call("GET", f"certificates/{report}").content

    def revoke(self: _Line, report: str, reason: str) -> words.Revocations:
        """Revoke a certificate."""
        answer = self._line.call(
            "POST", f"certificates/{report}/revocation", key=self._line.fresh_key(), json={"reason": reason}
        )
        return words.Revocations.model_validate(answer.json())

    def revocations(self: _Line) -> bytes:
        """The signed list of what was revoked."""
        return self._line.call("GET", "certificates/revocations").content

    def certificate_key(self: _Line) -> str:
        """The public key of certificates and list."""
        return self._line.call("GET", "certificates/key").text.strip()

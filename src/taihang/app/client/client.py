"""The client itself: one method for each thing that one does with a platform."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from taihang.app.client import certifying, events, keeping, uploading, wire, words
from taihang.core import errors
from taihang.core import job as work

_PAGE = 200


class Client(keeping.Keeping, certifying.Certifying):
    """A platform at `server` (`https://host`), called with an API token.

    Calls that can safely be made twice are tried again while the server is away. Raises
    errors.UserError and its kinds for what the server refuses, wire.Unreachable when it does not answer.
    """

    def __init__(
        self,
        server: str,
        token: str | None = None,
        *,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._line = wire.Wire(server, token, timeout_s=timeout_s, transport=transport)

    def join(self, secret: str, password: str, *, login: str = "", name: str = "") -> words.Me:
        """Use a one-time link (its address, or the part after `#`); this client is signed in then."""
        body = {"secret": secret.rpartition("#")[2], "password": password}
        more = {field: value for field, value in (("login", login), ("name", name)) if value}
        return self._entered(self._line.call("POST", "links/redeem", json={**body, **more}))

    def sign_in(self, login: str, password: str, *, tenant: str | None = None) -> words.Me:
        """Sign in with a password; this client is signed in then."""
        more = {} if tenant is None else {"tenant": tenant}
        return self._entered(self._line.call("POST", "session", json={"login": login, "password": password, **more}))

    def me(self) -> words.Me:
        """Who this client is."""
        return words.Me.model_validate(self._line.call("GET", "me").json())

    def new_token(self, name: str, scopes: tuple[str, ...] = ("*:*",), *, days: int = 30) -> str:
        """A new token of one's own; it is shown this once."""
        answer = self._line.call("POST", "tokens", json={"name": name, "scopes": list(scopes), "days": days})
        return words.Issued.model_validate(answer.json()).secret

    def upload(
        self,
        path: str | os.PathLike[str],
        *,
        kind: str = "",
        synthetic: bool = False,
        progress: work.Progress | None = None,
        resume: str | None = None,
    ) -> words.Upload:
        """Send a file; it becomes an asset version. `resume`: the id of an upload that was broken off."""
        file = Path(path)
        metadata = {"filename": file.name.encode(errors="replace").decode()}
        if kind:
            metadata["kind"] = kind
        if synthetic:
            metadata["synthetic"] = "true"
        return uploading.upload(self._line, file, metadata, progress=progress, resume=resume)

    def submit(self, kind: str, parameters: Mapping[str, Any], *, key: str | None = None) -> words.Job:
        """Queue a job; with the same key it is the same job."""
        body = {"kind": kind, "parameters": dict(parameters)}
        answer = self._line.call("POST", "jobs", key=key or self._line.fresh_key(), json=body)
        return words.Job.model_validate(answer.json())

    def job(self, id: str) -> words.Job:
        """One job."""
        return words.Job.model_validate(self._line.call("GET", f"jobs/{id}").json())

    def jobs(self, *, state: str | None = None, kind: str | None = None) -> Iterator[words.Job]:
        """Jobs, the newest first."""
        return map(words.Job.model_validate, self._pages("jobs", state=state, kind=kind))

    def cancel(self, id: str) -> words.Job:
        """Ask a job to stop."""
        answer = self._line.call("POST", f"jobs/{id}/cancel", key=self._line.fresh_key())
        return words.Job.model_validate(answer.json())

    def retry(self, id: str) -> words.Job:
        """Queue a failed or cancelled job once more."""
        answer = self._line.call("POST", f"jobs/{id}/retry", key=self._line.fresh_key())
        return words.Job.model_validate(answer.json())

    def watch(self, id: str, after: int = 0) -> Iterator[words.Event]:
        """What happens to a job, until it is over."""
        return events.watch(self._line, id, after)

    def wait(self, id: str, progress: work.Progress | None = None) -> words.Job:
        """The job once it is over; `progress` is told meanwhile."""
        told = progress or work.Silent()
        for event in self.watch(id):
            if event.total:
                told.update(event.stage, event.done, event.total)
        return self.job(id)

    def findings(self, **only: Any) -> Iterator[words.Found]:
        """Findings by the filters of `GET /findings`, the gravest first."""
        return map(words.Found.model_validate, self._pages("findings", **only))

    def review(
        self, found: words.Found, state: str, reason: str, boxes: Sequence[Mapping[str, float]] = ()
    ) -> words.Found:
        """Accept or reject a finding, with corrected boxes. Raises errors.Conflict when somebody was quicker."""
        answer = self._line.call(
            "POST",
            f"versions/{found.version_id}/findings/{found.id}/review",
            key=self._line.fresh_key(),
            headers={"If-Match": f'"{found.revision}"'},
            json={"state": state, "reason": reason, "boxes": [dict(one) for one in boxes]},
        )
        return words.Found.model_validate(answer.json())

    def report(self, id: str) -> words.Report:
        """One report."""
        return words.Report.model_validate(self._line.call("GET", f"reports/{id}").json())

    def files(self, report: str) -> list[words.File]:
        """The files of a report."""
        answer = self._line.call("GET", f"reports/{report}/files")
        return [words.File.model_validate(one) for one in answer.json()["items"]]

    def download(self, report: str, name: str, out: Path) -> None:
        """Write one file of a report. Raises errors.UserError when it cannot be written."""
        self._saved(f"reports/{report}/files/{name}", out)

    def latest(self, asset: str) -> str:
        """The newest version of an asset, by the asset's id or its exact name. Raises errors.NotFound."""
        if not asset.startswith("asset-"):
            found = [one for one in self._pages("assets", q=asset) if one["name"] == asset]
            if not found:
                raise errors.NotFound("app.client:no_asset", name=asset)
            return str(found[0]["latest"])
        return str(self.get(f"assets/{asset}")["latest"])

    def content(self, version: str, out: Path) -> None:
        """Write a version's bytes to a file. Raises errors.UserError when it cannot be written."""
        self._saved(f"versions/{version}/content", out)

    def proof(self, report: str, *, patience_s: float = 30.0) -> str:
        """The proof that a report stands in the ledger; waits until it does. Raises errors.Conflict after that."""
        until = time.monotonic() + patience_s
        while True:
            try:
                return self._line.call("GET", f"reports/{report}/proof").text
            except errors.Conflict:
                if time.monotonic() > until:
                    raise
                time.sleep(0.3)

    def ledger_key(self) -> str:
        """The public key of the server's ledger."""
        return self._line.call("GET", "ledger/key").text.strip()

    def get(self, path: str, **parameters: Any) -> Any:
        """Anything else below /api/v1, as JSON."""
        return self._line.call("GET", path, params=parameters).json()

    def close(self) -> None:
        """Give the connections back."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _entered(self, answer: httpx.Response) -> words.Me:
        me = words.Me.model_validate(answer.json())
        if me.csrf:
            self._line.http.headers["X-CSRF-Token"] = me.csrf
        return me

    def _saved(self, path: str, out: Path) -> None:
        try:
            with out.open("wb") as file, self._line.http.stream("GET", path) as answer:
                if not answer.is_success:
                    answer.read()
                    raise wire.problem(answer)
                for piece in answer.iter_bytes():
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise errors.UserError("app.client:file", path=out, reason=error.strerror or str(error)) from None
        except httpx.HTTPError as error:
            server = str(self._line.http.base_url)
            raise wire.Unreachable("app.client:away", server=server, reason=str(error)) from error

    def _pages(self, path: str, **only: Any) -> Iterator[dict[str, Any]]:
        given = {name: value for name, value in only.items() if value is not None}
        after: str | None = None
        while True:
            more = {} if after is None else {"after": after}
            page = self._line.call("GET", path, params={**given, "limit": _PAGE, **more}).json()
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

"""Issuing: the platform's own certificates: signed with the tenant's key, kept as reports, revoked by its list.

A key of each tenant's own: a list says which of its issuer's certificates do not stand, so two tenants that shared
one could answer for each other.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import sqlalchemy as sa

from taihang.app import certify, decisions, desks
from taihang.catalog import catalogue, registering, words
from taihang.catalog.retention import terms
from taihang.core import asset, errors, i18n, ids, principal
from taihang.engines.blobs import blobs
from taihang.engines.store import opening
from taihang.trust.certificate import certificate, envelope, revocation
from taihang.trust.ledger import entry, keys, outbox

LIST = "certificate-revocations.json"
MEDIA_TYPE = "application/json"
DAYS = 30
_RENEWED = "renewed"


def key(home: Path, tenant: str) -> Path:
    """The file with the tenant's signing key, made when there is none; one's own may be put there before."""
    path = home / "keys" / "certificates" / f"{tenant}.key"
    if not path.exists():
        with contextlib.suppress(errors.UserError):  # of several processes that start at once, one makes it
            keys.Signer.fresh(f"{decisions.name()}/{tenant}").save(path)
    return path


def public(home: Path, tenant: str) -> str:
    """The public key that the tenant's certificates and its list are verified with."""
    return keys.Signer.load(key(home, tenant)).verifier.vkey


def issue(  # noqa: PLR0917 - what certify is given, and how it is kept
    reports: Sequence[Path],
    out: Path,
    signer: Path,
    given: certify.Terms,
    lang: i18n.Language | None,
    once: Callable[[str], str],
) -> certificate.Certificate:
    """A certificate and its page in `out`. `once` is told the signed text and gives what was signed the first time.

    Raises certify.NotEarned, errors.UserError, errors.Failure.
    """
    done = certify.certify(*reports, key=[signer], out=out, terms=given, lang=lang)
    text = done.file.read_text(encoding="utf-8")
    first = once(text)
    if first == text:
        return done.certificate
    # Killed after it was signed and done again: one job issues one certificate, the first.
    done.file.write_text(first, encoding="utf-8")
    return certify.shown(done.file, out)[0]


def noted(
    conn: sa.Connection, who: principal.Principal, store: opening.Store, of: certificate.Certificate, versions: set[str]
) -> None:
    """Put it into the ledger, and hold the versions that it rests on."""
    _decided(conn, who.tenant, "certificate", of)
    reason, now = i18n.text("app:issuing.hold", None, number=of.number), datetime.datetime.now(datetime.UTC)
    for version in sorted(versions):
        scope = store.scope(who.tenant)
        terms.hold(conn, scope, version, "certificate", reason=reason, key=of.number, by=who.name, now=now)


class Certificates:
    """The certificates of a tenant, by the ids of their reports."""

    def __init__(self, known: catalogue.Catalogue, kept: blobs.Blobs, home: Path) -> None:
        self._known, self._blobs, self._home = known, kept, home
        self._tenant = known.scope.tenant

    def read(self, report: str) -> bytes:
        """The signed certificate. Raises errors.NotFound for a report that is none."""
        files = desks.files(self._blobs, self._tenant, self._known.report(report).folder)
        if certify.NAME not in files:
            raise errors.NotFound("app:issuing.none", id=report)
        return self._blobs.read(self._tenant, files[certify.NAME][0])

    def revoke(self, report: str, reason: str) -> revocation.Revocations:
        """Put a certificate on the list, and let go of what it held. Raises errors.NotFound, errors.UserError."""
        data = self.read(report)
        found = certificate.parse(envelope.read(data, certify.NAME), certify.NAME)

        def also(conn: sa.Connection) -> None:
            _decided(conn, self._tenant, "certificate-revoked", found)
            by, now = self._known.principal.name, datetime.datetime.now(datetime.UTC)
            for one in terms.held(conn, self._known.scope):
                if (one.kind, one.id) == ("certificate", ids.content_id("hold", [one.target, one.kind, found.number])):
                    terms.release(conn, self._known.scope, one.id, reason=reason, by=by, now=now)

        self.list()  # so that there is one to lock
        return self._next(data, reason, also)

    def list(self) -> bytes:
        """The signed list of what was revoked; renewed when half of its days are over."""
        latest = self._latest()
        if latest is not None:
            until = datetime.datetime.fromisoformat(json.loads(envelope.read(latest, LIST).payload)["until"])
            if until - datetime.datetime.now(datetime.UTC) > datetime.timedelta(days=DAYS / 2):
                return latest
        self._next(None, _RENEWED, lambda _: None)
        made = self._latest()
        assert made is not None
        return made

    def _next(self, data: bytes | None, reason: str, also: Callable[[sa.Connection], None]) -> revocation.Revocations:
        """The next list. The asset's row is the lock: of two who revoke at once, none is forgotten."""
        scope = self._known.scope

        def work(conn: sa.Connection) -> revocation.Revocations:
            registering.locked(conn, scope, registering.asset_id("report", LIST))
            with tempfile.TemporaryDirectory(prefix="taihang-revoked-") as folder:
                path, file = Path(folder) / LIST, Path(folder) / certify.NAME
                latest = self._latest(conn)
                if latest is not None:
                    path.write_bytes(latest)
                if data is not None:
                    file.write_bytes(data)
                files = [] if data is None else [file]
                made = certify.revoke(*files, key=[key(self._home, self._tenant)], out=path, reason=reason, days=DAYS)
                blob = self._blobs.put(self._tenant, path)
            of = asset.Asset(kind="report", name=LIST, sha256=blob.sha256, size=blob.size, media_type=MEDIA_TYPE)
            said = registering.Description(self._known.principal.name, tags=("certificate",)).checked()
            by, now = self._known.principal.name, datetime.datetime.now(datetime.UTC)
            registering.register(conn, scope, registering.Content(of, stored=True).checked(), said, by=by, now=now)
            also(conn)
            return made

        return self._known.store.run(work)

    def _latest(self, conn: sa.Connection | None = None) -> bytes | None:
        id = registering.asset_id("report", LIST)
        with contextlib.ExitStack() as stack:
            at = conn if conn is not None else stack.enter_context(self._known.store.read())
            try:
                about: words.Catalogued = registering.asset_of(at, self._known.scope, id)
            except errors.NotFound:
                return None
            version = registering.version_of(at, self._known.scope, about.latest)
        return self._blobs.read(self._tenant, version.asset.sha256)


def _decided(conn: sa.Connection, tenant: str, kind: str, of: certificate.Certificate) -> None:
    """Its hash and number, nobody's name."""
    facts: dict[str, entry.Fact] = {"grade": of.grade.id, "subject_sha256": of.subjects[0].sha256}
    outbox.put(conn, tenant, entry.Entry.now(kind, of.number, tenant=tenant, facts=facts))

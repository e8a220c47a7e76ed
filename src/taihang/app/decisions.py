"""Decisions: the installation's ledger. Moves what was decided into it, has it witnessed, gives proofs.

One process of an installation has the ledger open and publishes; every process can give proofs, since
those are made of what is published.
"""

from __future__ import annotations

import contextlib
import logging
import platform as machine
import re
import threading
import time
from pathlib import Path
from typing import ClassVar

from taihang.core import errors, ids, settings
from taihang.engines.blobs import blobs
from taihang.engines.stages import write_bytes
from taihang.engines.store import opening
from taihang.trust.ledger import anchoring, forged, keys, log, outbox, remote, store, view, witnessing

PROOF = "report.tlog-proof"
_LOG = logging.getLogger(__name__)
_LONGEST_LIST = 1 << 20


class Settings(settings.Section):
    """`[ledger]` in taihang.toml.

    `origin` names the ledger once and for all; `published` is where readers find it: `folder` (in the home)
    or `blobs`; `witnesses` is a file with a witness's public key and address on each line, asked at most
    every `witness_every_s` seconds; `stamps` is the address of a time stamping authority, asked at most every
    `stamp_every_s` seconds, and `stamp_roots` the PEM file with its certificates.
    """

    name: ClassVar[str] = "ledger"
    origin: str = ""
    published: str = "folder"
    witnesses: str = ""
    witness_every_s: float = 60.0
    stamps: str = ""
    stamp_roots: str = ""
    stamp_every_s: float = 86_400.0


class Decisions:
    """The ledger of the installation at `home`. Made at once; the key is made when there is none.

    Raises errors.UserError for settings that are no good.
    """

    def __init__(self, held: opening.Store, home: Path, *, blob_store: blobs.Blobs | None = None) -> None:
        chosen = Settings.current()
        if chosen.published not in ("folder", "blobs") or (chosen.published == "blobs" and blob_store is None):
            raise errors.UserError("app:decisions.published", published=chosen.published)
        self._store = held
        self._folder = home / "ledger"
        self._files: store.Store = store.Folder(self._folder)
        if chosen.published == "blobs" and blob_store is not None:
            self._files = remote.Objects(blob_store)
        self._signer = _signer(home, chosen.origin)
        self._view = view.View(self._files, self._signer.verifier)
        self._witnesses = _witnesses(chosen.witnesses)
        self._witness_every_s = chosen.witness_every_s
        self._stamps = _authority(chosen)
        self._stamp_every_s = chosen.stamp_every_s
        self._asked = self._stamped_at = float("-inf")
        self._ledger: log.Ledger | None = None
        self._lock = threading.Lock()

    @property
    def key(self) -> str:
        """The ledger's public key: what a verifier needs."""
        return self._signer.verifier.vkey

    @property
    def origin(self) -> str:
        """The ledger's name."""
        return self._signer.name

    def publish(self) -> int:
        """Move the decisions that wait, and sign a checkpoint over them; says how many were moved.

        0 when there are none, and when another process of the installation has the ledger. Raises
        errors.Failure (also errors.Transient) when store or disk fail: call again later.
        """
        with self._lock:
            if self._ledger is None and not self._opened():
                return 0
            assert self._ledger is not None
            try:
                total = self._moved(self._ledger)
            except opening.Unreachable:
                raise
            except (errors.TaihangError, OSError):
                # A writer whose disk failed takes no more; opened anew it knows what the disk has.
                self._dropped()
                raise
            self._witnessed(self._ledger)
            self._stamped(self._ledger)
            return total

    def proof(self, tenant: str, decision: str, *, witnessed: bool = False) -> str:
        """The proof that a decision of this tenant stands in the ledger, for anybody who has the public key.

        Raises errors.NotFound, and errors.Conflict while it is not published (or witnessed) yet.
        """
        position = outbox.receipt(self._store, tenant, decision).position
        if position is None:
            raise errors.Conflict("app:decisions.waiting", id=decision)
        try:
            return self._view.prove(position, witnessed=witnessed)
        except errors.NotFound:
            raise errors.Conflict("app:decisions.waiting", id=decision) from None

    def report_proof(self, tenant: str, sha256: str, *, witnessed: bool = False) -> str:
        """The proof of the newest decision about a report, by the SHA-256 of its `report.json`.

        Raises errors.NotFound, errors.Conflict.
        """
        found = outbox.newest(self._store, tenant, "report", sha256)
        if found is None:
            raise errors.NotFound("app:decisions.no_report", sha256=sha256)
        return self.proof(tenant, found.id, witnessed=witnessed)

    def seal(self, tenant: str, report: Path) -> Path:
        """Put the proof beside a `report.json` that was recorded; witnessed where it can be. Gives its file.

        Called again it replaces the proof, so that it carries the witnesses who signed meanwhile.
        """
        with report.open("rb") as file:
            sha256 = ids.digest_stream(file)
        try:
            text = self.report_proof(tenant, sha256, witnessed=True)
        except errors.Conflict:
            text = self.report_proof(tenant, sha256)
        path = report.with_name(PROOF)
        write_bytes(path, text.encode())
        return path

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint."""
        return self._view.head().encoded()

    def published(self, name: str) -> bytes:
        """A published file by its C2SP name: `checkpoint`, `tile/…`. Raises errors.NotFound."""
        data = self._files.read(name) if store.is_name(name) else None
        if data is None:
            raise errors.NotFound("app:decisions.no_file", name=name)
        return data

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Proof that the ledger of `old` entries is the start of that of `new`. Raises errors.NotFound."""
        self.published("checkpoint")
        return self._view.consistency(old, new)

    def close(self) -> None:
        """Publish what was appended, and let another process have the ledger."""
        with self._lock:
            if self._ledger is not None:
                ledger, self._ledger = self._ledger, None
                ledger.close()

    def _moved(self, ledger: log.Ledger) -> int:
        total = 0
        while moved := outbox.publish(self._store, ledger):
            total += moved
        ledger.checkpoint()
        ledger.settle()
        return total

    def _dropped(self) -> None:
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            with contextlib.suppress(errors.TaihangError, OSError):
                ledger.close()

    def _opened(self) -> bool:
        try:
            self._ledger = log.Ledger(self._folder, self._signer, files=self._files)
        except errors.UserError as error:
            if error.message.key == "trust:ledger.locked":
                return False
            raise
        return True

    def _witnessed(self, ledger: log.Ledger) -> None:
        """Ask each witness; one that is away or refuses holds up nobody, and is told in the log."""
        if not self._witnesses or time.monotonic() - self._asked < self._witness_every_s:
            return
        self._asked = time.monotonic()
        for key, url in self._witnesses:
            try:
                witnessing.ask(ledger, url, key)
            except (errors.TaihangError, forged.Forged) as error:
                _LOG.warning("%s", error)

    def _stamped(self, ledger: log.Ledger) -> None:
        """Have the checkpoint time-stamped; an authority that is away is told in the log."""
        if self._stamps is None or time.monotonic() - self._stamped_at < self._stamp_every_s or not ledger.size:
            return
        self._stamped_at = time.monotonic()
        try:
            anchoring.anchor(ledger, self._stamps)
        except (errors.TaihangError, forged.Forged) as error:
            _LOG.warning("%s", error)


def _authority(chosen: Settings) -> anchoring.Anchor | None:
    if not chosen.stamps:
        return None
    from taihang.trust.ledger import timestamp  # noqa: PLC0415 - an extra, asked for by the setting

    return timestamp.Authority(chosen.stamps, timestamp.Roots(_read(chosen.stamp_roots)))


def _signer(home: Path, origin: str) -> keys.Signer:
    """The installation's key; of several processes that start at once, one makes it."""
    path = home / "keys" / "ledger.key"
    if not path.exists():
        made = keys.Signer.fresh(origin or name())
        with contextlib.suppress(errors.UserError):
            made.save(path)
    signer = keys.Signer.load(path)
    if origin and origin != signer.name:
        raise errors.UserError("app:decisions.origin", path=path, name=signer.name, origin=origin)
    public = home / "keys" / "ledger.pub"
    if not public.exists():
        write_bytes(public, (signer.verifier.vkey + "\n").encode())
    return signer


def name() -> str:
    """A name for a ledger or an issuer that is unlikely to be another's, as C2SP recommends: a host and a path."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", machine.node()) or "localhost"
    return f"{host}/{ids.fresh_id('taihang')}"


def _witnesses(place: str) -> list[tuple[keys.Verifier, str]]:
    """Key and address on each line; empty lines and those that begin with # are left out."""
    found = []
    for line in _read(place).decode(errors="replace").splitlines() if place else ():
        if not line.strip() or line.startswith("#"):
            continue
        key, _, url = line.strip().partition(" ")
        if not url.strip().startswith(("http://", "https://")):
            raise errors.UserError("app:decisions.witness_line", path=place, line=line[:200])
        found.append((keys.Verifier.parse(key), url.strip()))
    return found


def _read(place: str) -> bytes:
    """A small file that a setting names."""
    try:
        with Path(place).open("rb") as file:
            return file.read(_LONGEST_LIST)
    except OSError as error:
        reason = error.strerror or str(error)
        raise errors.UserError("trust:ledger.unreadable", path=place, reason=reason) from None

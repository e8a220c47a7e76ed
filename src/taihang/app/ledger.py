"""Ledger: check a ledger, an export or a proof with public keys alone; list what it holds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from taihang.core import errors, i18n, ids
from taihang.trust.ledger import checkpoint, keys, store, tiles, verify

_PROOF = b"c2sp.org/tlog-proof@"
_LARGEST = 1 << 20


def policy(key: str, witnesses: Sequence[str] = (), need: int | None = None) -> checkpoint.Policy:
    """Whom to believe; a key is its text or a file that holds it, and all witnesses are needed unless told.

    Raises errors.UserError.
    """
    return checkpoint.Policy(_key(key), tuple(map(_key, witnesses)), len(witnesses) if need is None else need)


def checked(
    path: Path, whom: checkpoint.Policy, *, since: Path | None = None, report: Path | None = None
) -> verify.Verified | verify.Proved:
    """Check a ledger's folder, an export, or a proof (which may have to be about the file `report`).

    Raises errors.UserError, forged.Forged.
    """
    if path.is_file() and (data := _read(path)).startswith(_PROOF):
        return verify.bundle(data, whom, subject=None if report is None else _digest(report))
    if report is not None:
        raise errors.UserError("app:ledger.no_proof", path=path)
    return verify.log(store.read_only(path), whom, None if since is None else _read(since))


def said(done: verify.Verified | verify.Proved) -> str:
    """What holds, in one line."""
    witnesses = ", ".join(done.witnesses) or "-"
    if isinstance(done, verify.Proved):
        return i18n.text(
            "app:ledger.proved", origin=done.origin, index=done.index, size=done.size, kind=done.entry.kind,
            subject=done.entry.subject, at=done.entry.at.isoformat(), witnesses=witnesses,
        )  # fmt: skip
    return i18n.text(
        "app:ledger.verified", origin=done.origin, size=done.size, root=done.root.hex(), witnesses=witnesses
    )


def lines(path: Path, start: int = 0, count: int | None = None) -> Iterator[str]:
    """Entries as JSON lines, unverified. Raises errors.UserError, forged.Forged."""
    files = store.read_only(path)
    data = files.read("checkpoint")
    if data is None:
        raise errors.UserError("trust:ledger.none", path=path)
    reader = tiles.Reader(files, checkpoint.parse(data, files.where("checkpoint")).head.size)
    end = reader.size if count is None else min(reader.size, start + count)
    for number in range(start // tiles.WIDTH, -(-end // tiles.WIDTH)):
        first = number * tiles.WIDTH
        for index, entry in itertools.islice(
            enumerate(reader.bundle(number), first), max(0, start - first), end - first
        ):
            yield _line(index, entry)


def _line(index: int, entry: bytes) -> str:
    try:
        value = json.loads(entry)
    except (ValueError, RecursionError):
        value = entry.decode(errors="replace")
    text = json.dumps({"index": index, "entry": value}, ensure_ascii=False)
    # What a terminal would obey, or show in another order, is shown by its number.
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _key(text: str) -> keys.Verifier:
    if "+" not in text or Path(text).is_file():
        return keys.Verifier.parse(_read(Path(text)).decode(errors="replace"))
    return keys.Verifier.parse(text)


def _read(path: Path) -> bytes:
    """The first MiB of a small file."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        reason = error.strerror or str(error)
        raise errors.UserError("trust:ledger.unreadable", path=path, reason=reason) from None


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return ids.digest_stream(file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise errors.UserError("trust:ledger.unreadable", path=path, reason=reason) from None

"""Ledger: check a ledger, an export or a proof with public keys alone; list and prove what it holds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from taihang.core import errors, i18n, ids
from taihang.engines.blobs import disk
from taihang.trust.ledger import (
    anchoring,
    checkpoint,
    entry,
    keys,
    log,
    store,
    tiles,
    verify,
    view,
    witness,
    witnessing,
)

if TYPE_CHECKING:
    import http.server

PROOF = "report.tlog-proof"
_PROOF = b"c2sp.org/tlog-proof@"
_LARGEST = 1 << 20


def policy(key: str, witnesses: Sequence[str] = (), need: int | None = None) -> checkpoint.Policy:
    """Whom to believe; a key is its text or a file that holds it, and all witnesses are needed unless told.

    Raises errors.UserError.
    """
    return checkpoint.Policy(_key(key), tuple(map(_key, witnesses)), len(witnesses) if need is None else need)


def checked(
    place: Path | str | None, whom: checkpoint.Policy, *, since: Path | None = None, report: Path | None = None
) -> verify.Verified | verify.Proved:
    """Check a ledger (a folder, an export, `http(s)://…`, `s3://…`), or a proof.

    A proof may have to be about the file `report`; without a place it is the one beside that file. Raises
    errors.UserError, forged.Forged.
    """
    if place is None:
        if report is None:
            raise errors.UserError("app:ledger.nothing")
        place = report.with_name(PROOF)
        if not place.exists():
            raise errors.UserError("app:ledger.no_proof_beside", path=place)
    path = Path(place)
    if path.is_file() and (data := _read(path)).startswith(_PROOF):
        return verify.bundle(data, whom, subject=None if report is None else _digest(report))
    if report is not None:
        raise errors.UserError("app:ledger.no_proof", path=path)
    return verify.log(store.read_only(place), whom, None if since is None else _read(since))


def stamped(place: Path | str, whom: checkpoint.Policy, roots: Path) -> anchoring.Anchored:
    """Check the time stamp of a ledger that holds. Raises errors.UserError, forged.Forged."""
    from taihang.trust.ledger import timestamp  # noqa: PLC0415 - an extra

    return anchoring.verify(store.read_only(place), whom, timestamp.Roots(_read(roots)))


def keygen(name: str, out: Path, kind: str) -> str:
    """Make a key in a new file, and its public half beside it (`.pub`), which is given too.

    `kind`: `log`, `witness` or `sm2`. Raises errors.UserError, errors.Failure.
    """
    public = out.with_name(out.name + ".pub")
    if public.exists():
        raise errors.UserError("trust:ledger.key_exists", path=public)
    signer = keys.Signer.fresh(name, {"log": keys.LOG, "witness": keys.WITNESS, "sm2": keys.LOG_SM2}[kind])
    vkey = signer.verifier.vkey
    signer.save(out)
    disk.write({public: (vkey + "\n").encode()})
    return vkey


def proved(
    place: Path | str, key: str, *, index: int | None = None, report: Path | None = None, witnessed: bool = False
) -> str:
    """A proof of an entry by its number, or of the newest entry about a file. Raises errors.UserError, Forged."""
    whom = policy(key).log
    seen = view.View(store.read_only(place), whom)
    if report is not None:
        index = _found(place, _digest(report))
    if index is None:
        raise errors.UserError("app:ledger.nothing")
    return seen.prove(index, witnessed=witnessed)


def sealed(folder: Path, signer: Path, reports: Sequence[Path]) -> list[Path]:
    """Record report files in a ledger of one's own, and put its proof beside each. Gives the proofs' files.

    A ledger that is not there is begun; a folder stands for the `report.json` in it. Raises errors.UserError.
    """
    files = [one / "report.json" if one.is_dir() else one for one in reports]
    digests = [_digest(one) for one in files]
    made = []
    with log.Ledger(folder, keys.Signer.load(signer)) as ledger:
        first = ledger.append([entry.Entry.now("report", one) for one in digests]).first
        for index, one in enumerate(files, first):
            made.append(one.with_name(PROOF))
            disk.write({made[-1]: ledger.prove(index).encode()})
    return made


def cosigned(folder: Path, signer: Path, witness_key: str, url: str) -> int:
    """Have a witness sign a ledger's newest checkpoint; says how many entries it covers."""
    with log.Ledger(folder, keys.Signer.load(signer)) as ledger:
        witnessing.ask(ledger, url, _key(witness_key))
        return ledger.size


def anchored(folder: Path, signer: Path, url: str, roots: Path) -> int:
    """Have a ledger's newest checkpoint time-stamped; says how many entries it covers."""
    from taihang.trust.ledger import timestamp  # noqa: PLC0415 - an extra

    authority = timestamp.Authority(url, timestamp.Roots(_read(roots)))
    with log.Ledger(folder, keys.Signer.load(signer)) as ledger:
        return anchoring.anchor(ledger, authority)


def witness_server(
    folder: Path, signer: Path, logs: Sequence[str], host: str, port: int
) -> http.server.ThreadingHTTPServer:
    """A witness's server, bound and not running yet. Raises errors.UserError."""
    one = witness.Witness(folder, keys.Signer.load(signer), [_key(log) for log in logs])
    return witnessing.server(one, host, port)


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


def told(done: verify.Verified | verify.Proved, at: anchoring.Anchored | None = None) -> str:
    """What holds, as a line of JSON."""
    value: dict[str, object] = {"holds": True, "origin": done.origin, "size": done.size}
    value["witnesses"] = list(done.witnesses)
    if isinstance(done, verify.Proved):
        value |= {"index": done.index, "entry": json.loads(done.entry.encoded())}
    else:
        value["root"] = done.root.hex()
    if at is not None:
        value["stamp"] = {"size": at.size, "at": at.stamp.at.isoformat(), "authority": at.stamp.authority}
    return json.dumps(value, ensure_ascii=False)


def lines(path: Path | str, start: int = 0, count: int | None = None) -> Iterator[str]:
    """Entries as JSON lines, unverified. Raises errors.UserError, forged.Forged."""
    files = store.read_only(path)
    data = files.read("checkpoint")
    if data is None:
        raise errors.UserError("trust:ledger.none", path=path)
    reader = tiles.Reader(files, checkpoint.parse(data, files.where("checkpoint")).head.size)
    end = reader.size if count is None else min(reader.size, start + count)
    for number in range(start // tiles.WIDTH, -(-end // tiles.WIDTH)):
        first = number * tiles.WIDTH
        for index, row in itertools.islice(enumerate(reader.bundle(number), first), max(0, start - first), end - first):
            yield _line(index, row)


def _line(index: int, entry: bytes) -> str:
    try:
        value = json.loads(entry)
    except (ValueError, RecursionError):
        value = entry.decode(errors="replace")
    text = json.dumps({"index": index, "entry": value}, ensure_ascii=False)
    # What a terminal would obey, or show in another order, is shown by its number.
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _found(place: Path | str, subject: str) -> int:
    """Number of the newest entry about a subject: all are read, from the end."""
    files = store.read_only(place)
    data = files.read("checkpoint")
    if data is None:
        raise errors.UserError("trust:ledger.none", path=place)
    reader = tiles.Reader(files, checkpoint.parse(data, files.where("checkpoint")).head.size)
    wanted = json.dumps(subject).encode()
    for number in reversed(range(-(-reader.size // tiles.WIDTH))):
        rows = reader.bundle(number)
        for place_ in reversed(range(len(rows))):
            index = number * tiles.WIDTH + place_
            if wanted in rows[place_] and entry.read(rows[place_], f"{index}").subject == subject:
                return index
    raise errors.NotFound("app:decisions.no_report", sha256=subject)


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

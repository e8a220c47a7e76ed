"""Tickets: the desk of this machine, and a report's findings as tickets of it."""

from __future__ import annotations

import contextlib
import getpass
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from taihang.app import places
from taihang.app.migrations import upgrade
from taihang.catalog import text
from taihang.catalog.tickets import desk, policy, words
from taihang.core import errors, evidence, finding, ids, principal
from taihang.engines.notify import deliveries
from taihang.engines.store import opening as stores
from taihang.report import json as reporting
from taihang.trust.access import secrets

Path_ = str | os.PathLike[str]


@contextlib.contextmanager
def opened(name: str = "", tenant: str = "default") -> Iterator[desk.Desk]:
    """The desk of this machine's user on the store of the settings."""
    store = stores.open_store(places.current().store)
    try:
        upgrade.upgrade(store)
        yield desk.Desk(store, principal.Principal(name=name or getpass.getuser(), tenant=tenant))
    finally:
        store.close()


def open_report(
    at: desk.Desk,
    report: Path_,
    rules: policy.Loaded,
    *,
    asset: str = "",
    owner: str = "",
    domain: str = "",
    tags: Sequence[str] = (),
    number: int | None = None,
) -> words.Opened:
    """Make tickets of a report (`report.json`, or its folder) by a policy.

    `asset` is the name that all versions share; the report's own when empty. Bad rows, and their keys
    when the policy names any, are taken from the report's exported files, whose hashes are checked.
    Raises errors.UserError for what is no report and for a file that was changed.
    """
    path = Path(report)
    path = path / reporting.NAME if path.is_dir() else path
    try:
        told = reporting.load(path.read_bytes())
    except OSError as error:
        raise errors.UserError("app:tickets.report", path=path, reason=error.strerror or error) from None
    subject = words.Subject(
        asset=text.cleaned(asset or told.asset.name, 500) or "-",
        kind=told.asset.kind,
        version=told.asset.sha256,
        number=number,
        owner=text.cleaned(owner or told.asset.owner, 200),
        domain=text.cleaned(domain, 200),
        tags=tuple(tags),
    )
    rows = _exported(path.parent, told.findings, rules.policy.keys)
    return at.open_by_policy(told.findings, rules, subject, rows=rows)


def rounds(store: stores.Store) -> deliveries.Round:
    """One round of what must happen without anybody asking: reminders of what is overdue, and messages handed over."""
    for tenant in desk.tenants(store):
        desk.Desk(store, principal.Principal(name="taihang", tenant=tenant)).remind()
    return deliveries.Courier(store, secrets.read).round()


def _exported(
    folder: Path, findings: Sequence[finding.Finding], keys: Mapping[str, Sequence[str]]
) -> dict[tuple[str, str], words.Bad]:
    """All bad rows by (table, rule), from the files that the findings' evidence names."""
    found: dict[tuple[str, str], words.Bad] = {}
    files: dict[str, pa.Table] = {}
    for one in findings:
        for proof in one.evidence:
            if not isinstance(proof, evidence.Rows) or proof.digest is None or proof.digest.file is None:
                continue
            table, file = one.place.table, proof.digest.file
            if file not in files:
                files[file] = _read(folder, file, proof.digest.sha256, keys.get(table, ()))
            data = files[file]
            mine = pc.list_parent_indices(data["rules"]).filter(pc.equal(pc.list_flatten(data["rules"]), one.rule.id))
            own = data.drop_columns(["rules"]).take(mine)
            found[table, one.rule.id] = words.Bad(own, complete=own.num_rows == proof.total)
    return found


def _read(folder: Path, file: str, sha256: str, keys: Sequence[str]) -> pa.Table:
    """Position, rules and key columns of a file of bad rows, which must be as the report says."""
    path = folder / file
    try:
        with path.open("rb") as stream:
            same = ids.digest_stream(stream) == sha256
        if not same or path.resolve().parent.parent != folder.resolve():
            raise errors.UserError("app:tickets.changed", path=path)
        parquet = pq.ParquetFile(path)
        names = parquet.schema_arrow.names
        # The columns of the place stand behind the table's own, with as many `_` as make their names new.
        row = next(n for n in reversed(names) if n.lstrip("_") == "row")
        rules = next(n for n in reversed(names) if n.lstrip("_") == "rules")
        wanted = [k for k in keys if k in names and k != "row"]
        data = parquet.read([row, rules, *(wanted if len(wanted) == len(keys) else [])])
    except (OSError, pa.ArrowException, StopIteration) as error:
        raise errors.UserError("app:tickets.report", path=path, reason=str(error).split("\n", 1)[0]) from None
    columns = {"row": data[row].cast(pa.int64()), "rules": data[rules].combine_chunks()}
    return pa.table({**columns, **{k: data[k] for k in data.column_names if k not in {row, rules}}})

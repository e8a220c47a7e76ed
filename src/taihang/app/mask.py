"""Mask: a table in, the same table without what it said of anybody out, checked by a second pass before it appears."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from taihang.core import asset, errors, i18n, ids, job, principal
from taihang.data.masking import checking, masking, planning, policy, reading, risk, writing
from taihang.data.masking import secrets as keys
from taihang.engines import stages
from taihang.engines.sources import plain
from taihang.engines.sources import source as sourcing
from taihang.trust.access import guard, secrets
from taihang.trust.access import masking as showing

Path_ = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class Masked:
    """What was masked: the file, rows, treatment of each column, counts by column and kind, the check, the risks.

    `exit_code`: 1 when fewer than `k` rows share some combination, or it has fewer than `l` sensitive values.
    """

    file: Path
    summary: Path
    rows: int
    treatments: tuple[planning.Treatment, ...]
    counts: Mapping[tuple[str, str], int]
    checked: checking.Checked
    before: risk.Risk | None
    after: risk.Risk | None
    faults: tuple[i18n.Message, ...]
    inputs: asset.Asset
    output: asset.Asset
    exit_code: int


def mask(
    source: Path_,
    *,
    out: Path_,
    rules: policy.Policy | None = None,
    secret: str | None = None,
    role: str | None = None,
    lang: i18n.Language | None = None,
    progress: job.Progress | None = None,
) -> Masked:
    """Mask personal data of a table, in its columns and inside its texts, and write it to the file `out`.

    `rules` say how; by default kinds that are found are kept in their format under the secret, or dropped without
    one. `secret` refers to it (`env:NAME`, `file:PATH`). `role` leaves readable what a reader of that role may see
    in clear by the shipped policies. The file appears only when a second pass over it finds nothing that it should
    not hold. Raises errors.UserError for what cannot be used, and
    errors.Failure when the second pass finds something.
    """
    if lang is not None:
        i18n.use(lang)
    chosen, target = rules or policy.Policy(), Path(out)
    how = writing.kind(target)
    key = keys.Secret(secrets.read(secret)) if secret is not None else None
    if key is None and chosen.needs_secret:
        raise errors.UserError("data.masking:no_secret")
    opened = reading.open(os.fspath(source))
    _apart(source, target)
    made = planning.plan(opened, chosen, secret=key is not None)
    if role is not None:
        made = planning.for_reader(made, _clear(role), secret=key is not None)
    told = progress or job.Silent()
    masker = masking.Masker(made, opened.schema, key)
    with _unfinished(target) as part:
        rows = _written(opened, masker, part, how, told)
        faults = tuple(fault.message for fault in opened.faults.listed)
        checked = checking.check(opened, writing.rows(part, how, masker.schema), masker, told)
        if checked.leaked:
            first = checked.leaks[0]
            raise errors.Failure(
                "data.masking:leak", path=target, count=checked.leaked, row=first.row + 1, column=first.column or "-",
                kind=first.kind,
            )  # fmt: skip
        before, after = _risks(opened, part, how, masker, chosen)
        with stages.disk(target):
            part.replace(target)
    with target.open("rb") as stream:
        output = asset.Asset(
            kind="table", name=target.name, sha256=ids.digest_stream(stream), size=target.stat().st_size
        )
    sha256, size = opened.digest()
    inputs = asset.Asset(kind="table", name=Path(opened.name).name or opened.name, sha256=sha256, size=size)
    low = after is not None and _low(after, chosen)
    done = Masked(
        target, target.with_name(f"{target.name}.masking.json"), rows, made.treatments, dict(masker.counts), checked,
        before, after, faults, inputs, output, 1 if low else 0,
    )  # fmt: skip
    stages.write_bytes(done.summary, summary(done).encode())
    return done


def summary(done: Masked) -> str:
    """What was done as JSON: no value of the table, and nothing of the secret."""
    told: dict[str, Any] = {
        "input": {"name": done.inputs.name, "sha256": done.inputs.sha256},
        "output": {"name": done.output.name, "sha256": done.output.sha256},
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "rows": done.rows,
        "columns": [
            {"column": one.column, "method": one.method, "kind": one.kind,
             "masked": {kind: n for (column, kind), n in sorted(done.counts.items()) if column == one.column}}
            for one in done.treatments
        ],
        "second_pass": {"values": done.checked.found, "left": done.checked.leaked, "coverage": done.checked.coverage},
        "risk": {"before": _plain(done.before), "after": _plain(done.after)},
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def _plain(found: risk.Risk | None) -> dict[str, Any] | None:
    return None if found is None else dataclasses.asdict(found)


def _apart(source: Path_, target: Path) -> None:
    given = os.fspath(source)
    if "://" in given:
        return
    path = Path(given)
    if target.exists() and path.exists() and target.resolve() == path.resolve():
        raise errors.UserError("data.masking:same_file", path=target)
    if path.is_dir() and path.resolve() in target.resolve().parents:
        raise errors.UserError("data.masking:inside", path=target, folder=path)
    if target.is_dir():
        raise errors.UserError("data.masking:is_folder", path=target)


@contextlib.contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A file beside the target that only this user reads, gone afterwards unless it was renamed."""
    with stages.disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".masking-", dir=target.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _written(source: sourcing.Source, masker: masking.Masker, part: Path, how: str, progress: job.Progress) -> int:
    rows = 0
    with stages.disk(part), writing.Writer(part, how, masker.schema) as writer:
        for chunk in source.chunks(rows=4096):
            writer.write(masker.batch(chunk.data))
            rows += chunk.data.num_rows
            progress.update("data.masking:stage.mask", rows, max(rows, source.rows or 0))
    return rows


def _clear(role: str) -> showing.Masker:
    known = guard.roles()
    if role not in known:
        raise errors.UserError("data.masking:role", role=role, known=", ".join(known))
    return showing.Masker(guard.Guard(), principal.Principal(name="reader", roles=(role,)))


def _risks(
    source: sourcing.Source, part: Path, how: str, masker: masking.Masker, chosen: policy.Policy
) -> tuple[risk.Risk | None, risk.Risk | None]:
    if not chosen.quasi:
        return None, None
    names = {c.original: c.name for c in source.columns} | {c.name: c.name for c in source.columns}
    quasi = [names[name] for name in chosen.quasi]
    sensitive = names[chosen.sensitive] if chosen.sensitive else None
    columns = [*quasi, *([sensitive] if sensitive else [])]
    raw = (row for chunk in source.chunks(columns) for row in plain.rows(chunk.data))
    before = risk.measure(raw, quasi, sensitive, chosen.k)
    return before, risk.measure(writing.rows(part, how, masker.schema), quasi, sensitive, chosen.k)


def _low(after: risk.Risk, chosen: policy.Policy) -> bool:
    few = chosen.k is not None and after.k is not None and after.k < chosen.k
    same = chosen.l is not None and after.l is not None and after.l < chosen.l
    return few or same

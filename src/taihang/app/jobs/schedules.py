"""Schedules: jobs that start by themselves. What happened starts one job only, whoever noticed it."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic
import sqlalchemy as sa

from taihang.app.jobs import notes, records, service, tables, triggers
from taihang.core import asset as assets
from taihang.core import errors, i18n, ids, words
from taihang.core import job as jobs_
from taihang.core import principal as people

FILE, ASSET, VERSION = "$file", "$asset", "$version"
# Whatever a person may write on one line, but nothing that no database keeps.
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
_ID = re.compile(r"schedule-[0-9a-f]{16}")
_BACK = datetime.timedelta(minutes=1)
_trigger: pydantic.TypeAdapter[triggers.Trigger] = pydantic.TypeAdapter(triggers.Trigger)


class Schedule(words.Word):
    """What starts which job. In `parameters`, `$file`, `$asset` and `$version` stand for what started it."""

    id: str
    name: str
    kind: str
    parameters: dict[str, Any]
    owner: str
    trigger: triggers.Trigger
    enabled: bool
    created: datetime.datetime
    fault: i18n.Message | None = None


class Schedules:
    """The schedules of one store."""

    def __init__(self, jobs: service.Jobs) -> None:
        self._jobs = jobs
        self._store = jobs.store

    def add(
        self,
        name: str,
        trigger: triggers.Trigger | Mapping[str, Any],
        kind: str,
        parameters: Mapping[str, Any],
        principal: people.Principal,
    ) -> tuple[Schedule, str | None]:
        """A new schedule; its jobs are the principal's. A webhook's token comes with it, and never again.

        Raises errors.UserError, errors.Conflict when the name is taken.
        """
        made = _read(trigger)
        if isinstance(made, triggers.Folder):
            made = made.model_copy(update={"path": self._jobs.place(made.path)})
            if not Path(made.path).is_dir():
                raise errors.UserError("app.jobs:no_folder", path=made.path)
        if not _NAME.fullmatch(name):
            raise errors.UserError("app.jobs:schedule_name")
        plain = _checked(self._jobs, kind, parameters, {})
        id = ids.fresh_id("schedule")
        secret = secrets.token_urlsafe(32) if isinstance(made, triggers.Webhook) else None
        when = made.model_dump(mode="json")
        row = {
            "id": id,
            "name": name,
            "kind": kind,
            "parameters": plain,
            "owner": principal.model_dump(mode="json"),
            "trigger": made.on,
            "when": when | {"secret": _hash(secret)} if secret else when,
            "enabled": True,
            "created": records.now(),
            "seen": records.now(),
        }

        def work(conn: sa.Connection) -> None:
            if not self._store.scope(principal.tenant).insert_new(conn, tables.schedules, [row]):
                raise errors.Conflict("app.jobs:schedule_taken", name=name)

        self._store.run(work)
        return self.get(id, principal), f"{id}.{secret}" if secret else None

    def get(self, id: str, principal: people.Principal) -> Schedule:
        """One schedule. Raises errors.NotFound."""
        table = tables.schedules
        with self._store.read() as conn:
            row = conn.execute(self._store.scope(principal.tenant).select(table).where(table.c.id == id)).one_or_none()
        if row is None:
            raise errors.NotFound("app.jobs:no_schedule", schedule=id)
        return _word(row)

    def list(self, principal: people.Principal) -> list[Schedule]:
        """The tenant's schedules, by name."""
        table = tables.schedules
        with self._store.read() as conn:
            found = self._store.scope(principal.tenant).select(table).order_by(table.c.name).limit(1000)
            return [_word(row) for row in conn.execute(found)]

    def enable(self, id: str, principal: people.Principal, *, enabled: bool = True) -> Schedule:
        """Switch a schedule on or off. What it misses while it is off stays missed. Raises errors.NotFound."""
        self.get(id, principal)
        table = tables.schedules

        def work(conn: sa.Connection) -> None:
            own = self._store.scope(principal.tenant).update(table).where(table.c.id == id)
            conn.execute(own.values(enabled=enabled, seen=records.now(), fault=None))

        self._store.run(work)
        return self.get(id, principal)

    def remove(self, id: str, principal: people.Principal) -> None:
        """Take a schedule away; its jobs stay. Raises errors.NotFound."""
        self.get(id, principal)
        scope = self._store.scope(principal.tenant)

        def work(conn: sa.Connection) -> None:
            conn.execute(scope.delete(tables.firings).where(tables.firings.c.schedule == id))
            conn.execute(scope.delete(tables.schedules).where(tables.schedules.c.id == id))

        self._store.run(work)

    def asset_changed(
        self, tenant: str, asset: assets.Asset, *, file: Path | None = None, conn: sa.Connection | None = None
    ) -> Sequence[jobs_.Job]:
        """An asset has a new version: start what waits for it, once a version. `file` is where it lies.

        With `conn` it happens in the caller's transaction, together with the new version.
        """
        values = {ASSET: asset.name, VERSION: asset.sha256} | ({FILE: str(file)} if file else {})

        def work(conn: sa.Connection) -> list[jobs_.Job]:
            table = tables.schedules
            waiting = conn.execute(
                self._store.scope(tenant).select(table).where(table.c.trigger == "asset", table.c.enabled)
            ).all()
            fits = [row for row in waiting if (row.when["kind"], row.when["name"]) == (asset.kind, asset.name)]
            started = [self.fire(conn, row, asset.sha256, values) for row in fits]
            return [job for job in started if job is not None]

        return work(conn) if conn is not None else self._store.run(work)

    def webhook(self, token: str, *, delivery: str | None = None) -> jobs_.Job | None:
        """Start the job of a webhook's token; None when this `delivery` has started one already.

        Raises errors.NotFound for a wrong token, or one that is switched off: they are answered alike.
        """
        id, _, secret = token.partition(".")
        table = tables.schedules

        def work(conn: sa.Connection) -> jobs_.Job | None:
            # The one place that asks in no tenant's name: the token says whose schedule it is.
            wanted = sa.select(table).where(table.c.id == id, table.c.trigger == "webhook", table.c.enabled)
            row = conn.execute(wanted).one_or_none() if _ID.fullmatch(id) else None
            kept = row.when["secret"] if row is not None else _hash("")
            if not hmac.compare_digest(kept, _hash(secret)) or row is None:
                raise errors.NotFound("app.jobs:no_webhook")
            return self.fire(conn, row, _hash(delivery) if delivery else secrets.token_hex(16), {})

        return self._store.run(work)

    def fire(
        self, conn: sa.Connection, row: Any, key: str, values: Mapping[str, str], source: str | None = None
    ) -> jobs_.Job | None:
        """Start the schedule's job for what `key` names; None when that was done, or cannot be.

        Why it cannot is kept as the schedule's fault: one that is wrong keeps no other waiting.
        """
        scope = self._store.scope(row.tenant)
        job = ids.fresh_id("job")
        firing = {"schedule": row.id, "key": key, "job": job, "at": records.now(), "source": source}
        if not scope.insert_new(conn, tables.firings, [firing]):
            return None
        owner = people.Principal.model_validate(row.owner)
        fault = None
        started = None
        try:
            plain = _checked(self._jobs, row.kind, row.parameters, values)
            started = self._jobs.put(conn, job, row.kind, plain, owner)
        except errors.UserError as error:
            fault = notes.kept(notes.of(error))
        table = tables.schedules
        conn.execute(scope.update(table).where(table.c.id == row.id).values(fault=fault))
        return started

    def tick(self, now: datetime.datetime | None = None) -> Sequence[jobs_.Job]:
        """Start what is due by the time of day. Any number of workers may do so at once."""
        table = tables.schedules
        at = now or records.now()
        with self._store.read() as conn:
            rows = conn.execute(sa.select(table).where(table.c.trigger == "cron", table.c.enabled)).all()
        started = []
        for row in rows:
            due = triggers.Cron.model_validate(row.when).last(at)
            if row.seen >= due and at >= row.seen - _BACK:
                continue

            def work(conn: sa.Connection, row: Any = row, due: datetime.datetime = due) -> jobs_.Job | None:
                own = self._store.scope(row.tenant).update(table).where(table.c.id == row.id)
                conn.execute(own.values(seen=at))  # also back, when the clock was put back
                return self.fire(conn, row, due.isoformat(), {}) if due > row.seen else None

            job = self._store.run(work)
            started += [job] if job is not None else []
        return started


def _checked(jobs: service.Jobs, kind: str, given: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """The parameters with what stands for something filled in, and checked; what has no value yet is let through."""
    filled = {name: _filled(value, values) for name, value in given.items()}
    open_ = {FILE, ASSET, VERSION} - set(values) if not values else set()
    return jobs.checked(kind, filled, open_=open_)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_filled(one, values) for one in value]
    if not isinstance(value, str):
        return value
    name, equals, word = value.partition("=")  # a table may be named: orders=$file
    return f"{name}={values[word]}" if equals and word in values else values.get(value, value)


def _read(trigger: triggers.Trigger | Mapping[str, Any]) -> triggers.Trigger:
    if not isinstance(trigger, Mapping):
        return trigger
    try:
        return _trigger.validate_python(dict(trigger))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "on"
        raise errors.UserError("app.jobs:trigger", field=field, reason=first["msg"]) from None


def _word(row: Any) -> Schedule:
    when = {name: value for name, value in row.when.items() if name != "secret"}
    return Schedule(
        id=row.id,
        name=row.name,
        kind=row.kind,
        parameters=row.parameters,
        owner=row.owner["name"],
        trigger=_trigger.validate_python(when),
        enabled=row.enabled,
        created=row.created,
        fault=notes.read(row.fault) if row.fault else None,
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()

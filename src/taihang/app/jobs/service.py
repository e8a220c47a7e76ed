"""Service: submit, look at, cancel and retry jobs. Every call is inside the principal's tenant."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from taihang.app.jobs import history, kinds, notes, records, tables
from taihang.core import errors, i18n, ids
from taihang.core import job as words
from taihang.core import principal as people
from taihang.engines.store import opening

if TYPE_CHECKING:
    from taihang.app.jobs import dispatch, schedules

_MOST = 500
_LARGEST = 1 << 20
_NAMED = re.compile(r"[\w.-]+=")
_ID = re.compile(r"job-[0-9a-f]{16}")
_KEY = re.compile(r"[\x20-\x7e]{1,200}")


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job. `stage` is a catalogue key; `number` counts up from 1, with gaps."""

    number: int
    at: datetime.datetime
    stage: str
    done: float
    total: float
    message: i18n.Message | None = None


class Jobs:
    """The jobs of one store, as any process sees them; workers do the work.

    `roots`: when given, files that parameters name must lie below one of these folders.
    """

    def __init__(
        self, store: opening.Store, home: Path, *, roots: Sequence[Path] | None = None, modules: Sequence[str] = ()
    ) -> None:
        self.store = store
        self.home = home
        self._roots = None if roots is None else [root.resolve() for root in roots]
        self._queue_kept: dispatch.Queue | None = None
        kinds.load(modules)

    def create(self) -> None:
        """Make the queue's own tables; those of the jobs belong to the store's schema."""
        from taihang.app.jobs import dispatch  # noqa: PLC0415 - DBOS takes a second to import

        dispatch.prepare(self.store)

    def submit(
        self, kind: str, parameters: Mapping[str, Any], principal: people.Principal, *, key: str | None = None
    ) -> words.Job:
        """Queue a job. With a `key` that was used before, the job of then is returned.

        Raises errors.UserError for an unknown kind, a wrong parameter or a file out of bounds;
        errors.Conflict when the key was used for another request; opening.Unreachable.
        """
        plain = self.checked(kind, parameters)
        if key is not None and not _KEY.fullmatch(key):
            raise errors.UserError("app.jobs:key")
        job = ids.fresh_id("job")

        def work(conn: sa.Connection) -> words.Job:
            return self.put(conn, job, kind, plain, principal, key=key)

        return self.store.run(work)

    @property
    def schedules(self) -> schedules.Schedules:
        """What starts jobs by itself."""
        from taihang.app.jobs import schedules  # noqa: PLC0415 - it builds on this module

        return schedules.Schedules(self)

    def checked(self, kind: str, parameters: Mapping[str, Any], *, open_: Collection[str] = ()) -> dict[str, Any]:
        """The parameters as they are kept: validated, files as whole paths; words in `open_` stay as they are.

        Raises errors.UserError.
        """
        try:
            size = len(json.dumps(dict(parameters), default=str))
        except (ValueError, TypeError, RecursionError):
            size = _LARGEST + 1
        if size > _LARGEST:
            raise errors.UserError("app.jobs:parameters_size", kind=kind)
        plain: dict[str, Any] = kinds.read(kind, parameters).model_dump(mode="json", exclude_unset=True)
        for field in kinds.get(kind).paths:
            if isinstance(plain.get(field), str):
                plain[field] = plain[field] if plain[field] in open_ else self.place(plain[field])
            elif plain.get(field) is not None:
                plain[field] = [
                    one if one.partition("=")[2] in open_ or one in open_ else self.place(one) for one in plain[field]
                ]
        return plain

    def put(
        self,
        conn: sa.Connection,
        job: str,
        kind: str,
        parameters: Mapping[str, Any],
        principal: people.Principal,
        *,
        key: str | None = None,
    ) -> words.Job:
        """`submit` in the caller's transaction, with parameters that `checked` made."""
        scope = self.store.scope(principal.tenant)
        row: dict[str, Any] = {
            "id": job,
            "kind": kind,
            "parameters": dict(parameters),
            "owner": principal.model_dump(mode="json"),
            "key": key,
            "state": "queued",
            "round": 1,
            **dict.fromkeys(("attempt", "crashes", "losses", "faults", "events"), 0),
            "cancel": False,
            "done": 0.0,
            "total": 0.0,
            "submitted": records.now(),
            "inputs": [],
            "versions": {},
        }
        if not scope.insert_new(conn, tables.jobs, [row]):
            jobs = tables.jobs
            there = conn.execute(
                scope.select(jobs).where(jobs.c.key == key if key is not None else jobs.c.id == job)
            ).one()
            if there.kind != kind or there.parameters != dict(parameters) or there.owner["name"] != principal.name:
                raise errors.Conflict("app.jobs:key_taken", key=key)
            return records.word(there)
        made = records.locked(conn, principal.tenant, job)
        records.change(conn, made, **records.say(conn, made, "app.jobs:state.queued"))
        self._queue().put(conn, principal.tenant, job, 1, kind)
        records.decide(conn, made, "submitted", principal.name, parameters=ids.digest_json(dict(parameters)))
        return records.word(made)

    def get(self, id: str, principal: people.Principal) -> words.Job:
        """The job. Raises errors.NotFound, also for another tenant's."""
        with self.store.read() as conn:
            return records.word(self._row(conn, id, principal))

    def list(
        self,
        principal: people.Principal,
        *,
        state: words.State | None = None,
        kind: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> list[words.Job]:
        """Jobs, newest first; `after` is the id of the last one of the page before. Raises errors.UserError."""
        jobs = tables.jobs
        wanted = self.store.scope(principal.tenant).select(jobs)
        if state is not None:
            wanted = wanted.where(jobs.c.state == state)
        if kind is not None:
            wanted = wanted.where(jobs.c.kind == kinds.get(kind).name)
        with self.store.read() as conn:
            if after is not None:
                last = self._row(conn, after, principal)
                wanted = wanted.where(sa.tuple_(jobs.c.submitted, jobs.c.id) < sa.tuple_(last.submitted, last.id))
            wanted = wanted.order_by(jobs.c.submitted.desc(), jobs.c.id.desc()).limit(max(1, min(limit, _MOST)))
            return [records.word(row) for row in conn.execute(wanted)]

    def events(self, id: str, principal: people.Principal, after: int = 0) -> Sequence[Event]:
        """What happened after the event of that number, oldest first. Raises errors.NotFound."""
        events = tables.events
        with self.store.read() as conn:
            self._row(conn, id, principal)
            rows = conn.execute(
                self.store.scope(principal.tenant)
                .select(events)
                .where(events.c.job == id, events.c.number > after)
                .order_by(events.c.number)
                .limit(_MOST)
            )
            return [
                Event(r.number, r.at, r.stage, r.done, r.total, notes.read(r.message) if r.message else None)
                for r in rows
            ]

    def cancel(self, id: str, principal: people.Principal) -> words.Job:
        """Ask a job to stop: a queued one is cancelled at once, a running one within a second or so.

        Raises errors.NotFound; errors.Conflict when it is over (a cancelled one stays so without a word).
        """

        def work(conn: sa.Connection) -> None:
            row = self._row(conn, id, principal, lock=True)
            if row.state == "cancelled" or (row.state == "running" and row.cancel):
                return
            if row.state in records.OVER:
                raise errors.Conflict("app.jobs:is_over", job=id, state=_state(row.state))
            reason = i18n.Message(key="app.jobs:cancelled_by", values={"name": principal.name})
            values = {"cancel": True, "reason": notes.kept(reason)}
            if row.state == "queued":
                values |= {"state": "cancelled", "ended": records.now()}
                values |= records.say(conn, row, "app.jobs:state.cancelled", message=reason)
            records.change(conn, row, **values)
            records.decide(conn, row, "cancelled", principal.name)

        self.store.run(work)
        return self.get(id, principal)

    def retry(self, id: str, principal: people.Principal) -> words.Job:
        """Queue a failed or cancelled job once more. Raises errors.NotFound, errors.Conflict."""

        def work(conn: sa.Connection) -> None:
            row = self._row(conn, id, principal, lock=True)
            if row.state not in ("failed", "cancelled"):
                raise errors.Conflict("app.jobs:not_retried", job=id, state=_state(row.state))
            records.change(
                conn,
                row,
                state="queued",
                round=row.round + 1,
                cancel=False,
                reason=None,
                ended=None,
                stage=None,
                **dict.fromkeys(("crashes", "losses", "faults"), 0),
                **records.say(conn, row, "app.jobs:state.queued"),
            )
            self._queue().put(conn, row.tenant, id, row.round + 1, row.kind)
            records.decide(conn, row, "retried", principal.name)

        self.store.run(work)
        return self.get(id, principal)

    def revive(self, conn: sa.Connection, tenant: str, job: str, round_: int) -> bool:
        """Queue a job anew whose place in the queue leads to nothing; False when it is over or in another round."""
        row = records.locked(conn, tenant, job)
        if row is None or row.round != round_ or row.state in records.OVER:
            return False
        if row.state == "running":
            records.lost(conn, tenant, job, row.worker, "lost")
        records.change(conn, row, round=round_ + 1)
        self._queue().put(conn, tenant, job, round_ + 1, row.kind)
        return True

    def history(self, id: str, principal: people.Principal) -> history.History:
        """Everything that is known of a job. Raises errors.NotFound."""
        with self.store.read() as conn:
            return history.read(conn, self._row(conn, id, principal))

    def workers(self) -> int:
        """How many workers are there, on all machines together."""
        with self.store.read() as conn:
            alive = sa.select(sa.func.count()).select_from(tables.workers).where(~tables.workers.c.dead)
            return int(conn.execute(alive).scalar_one())

    def folder(self, id: str, principal: people.Principal) -> Path:
        """Where the outputs of a job that is done lie. Raises errors.NotFound."""
        self.get(id, principal)
        return output(self.home, id)

    def _row(self, conn: sa.Connection, id: str, principal: people.Principal, *, lock: bool = False) -> Any:
        jobs = tables.jobs
        wanted = self.store.scope(principal.tenant).select(jobs).where(jobs.c.id == id)
        row = None
        if _ID.fullmatch(id):
            row = conn.execute(wanted.with_for_update() if lock else wanted).one_or_none()
        if row is None:
            raise errors.NotFound("app.jobs:not_found", job=id)
        return row

    def place(self, given: str) -> str:
        """A file as a whole path, for a worker in another folder; `NAME=` before it stays.

        Raises errors.UserError for one out of bounds.
        """
        named = _NAMED.match(given)
        name, plain = (named[0], given[named.end() :]) if named else ("", given)
        try:
            path = Path(plain).resolve()
            there = path.exists()
        except (OSError, ValueError, RuntimeError):
            path, there = Path("/"), False
        if self._roots is None:
            return name + str(path) if there else given
        if not any(path.is_relative_to(root) for root in self._roots):
            raise errors.UserError("app.jobs:out_of_bounds", path=given)
        return name + str(path)

    def _queue(self) -> dispatch.Queue:
        if self._queue_kept is None:
            from taihang.app.jobs import dispatch  # noqa: PLC0415 - DBOS takes a second to import

            self._queue_kept = dispatch.Queue(self.store)
        return self._queue_kept


def output(home: Path, job: str) -> Path:
    """The folder of a job's outputs."""
    return home / "jobs" / job / "out"


def _state(state: str) -> i18n.Message:
    return i18n.Message(key=f"app.jobs:state.{state}")

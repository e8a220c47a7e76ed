"""Jobs: submit, look at, cancel, retry; what happens to one as a stream; its history."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import fastapi
import pydantic
from starlette.responses import Response, StreamingResponse

from taihang.app import walks
from taihang.app.api import caller, forms, gate, paging, streams
from taihang.core import errors, i18n
from taihang.core import job as words

router = gate.router("jobs")
_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {streams.MEDIA_TYPE: {"schema": streams.EVENT}}}}
_LISTED = 200


class Submission(forms.Form):
    """A kind of job and its parameters, as `GET /job-kinds` describes them."""

    model_config = pydantic.ConfigDict(
        json_schema_extra={
            "examples": [
                {"kind": "inspect-asset", "parameters": {"version": "version-0123456789abcdef", "budget": "2%"}}
            ]
        }
    )
    kind: Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,49}$")]
    parameters: dict[str, Any]


class Kind(forms.Answer):
    """A kind of job that may be submitted here, and the JSON Schema of its parameters."""

    name: str
    parameters: dict[str, Any]


class Job(forms.Answer):
    """A job; `stage` and `reason` in the caller's language, `done` in [0, 1]."""

    id: str
    kind: str
    state: words.State
    done: float
    stage: str | None = None
    reason: str | None = None
    owner: str
    parameters: dict[str, Any]
    attempts: int
    submitted: datetime.datetime | None = None
    started: datetime.datetime | None = None
    ended: datetime.datetime | None = None
    inputs: list[str]
    result: dict[str, Any] | None = None


class Line(forms.Answer):
    """One event of a job, as its stream has it."""

    number: int
    at: datetime.datetime
    stage: str | None = None
    text: str | None = None
    done: float
    total: float
    message: str | None = None


@router.get("/job-kinds")
def list_job_kinds(who: caller.Who) -> forms.Listed[Kind]:
    """What may be submitted."""
    who.may("job:read")
    return forms.Listed(items=[Kind(name=k, parameters=m.model_json_schema()) for k, m in walks.KINDS.items()])


@router.post("/jobs", status_code=201)
def submit_job(body: Submission, who: caller.Who, response: Response, key: gate.Key = None) -> Job:
    """Queue a job. With the same Idempotency-Key it is the same job, also after a crash."""
    who.may("job:create")
    if body.kind not in walks.KINDS:
        raise errors.UserError("app.api:no_kind", kind=body.kind, known=", ".join(walks.KINDS))
    walks.check(body.kind, body.parameters, who.platform.catalogue(who.who), who.may)
    made = submitted(who, body.kind, body.parameters, key)
    response.headers["Location"] = f"/api/v1/jobs/{made.id}"
    return made


def submitted(who: caller.Caller, kind: str, parameters: Mapping[str, Any], key: str | None) -> Job:
    """A job of this caller; the key is the caller's own."""
    given = None if key is None else f"{who.who.name} {key}"
    return _shown(who.platform.jobs.submit(kind, parameters, who.who, key=given))


@router.get("/jobs")
def list_jobs(
    who: caller.Who,
    state: words.State | None = None,
    kind: forms.Word = None,
    after: paging.After = None,
    limit: paging.Limit = 50,
) -> paging.Page[Job]:
    """Jobs of the tenant, the newest first."""
    who.may("job:read")
    last = paging.key(after, 1)
    found = who.platform.jobs.list(
        who.who, state=state, kind=kind, after=None if last is None else str(last[0]), limit=limit
    )
    following = paging.cursor(found[-1].id) if len(found) == limit else None
    return paging.Page(items=[_shown(one) for one in found], next=following)


@router.get("/jobs/{id}")
def get_job(id: forms.Id, who: caller.Who) -> Job:
    """One job."""
    return _shown(_seen(who, id, "job:read"))


@router.post("/jobs/{id}/cancel")
def cancel_job(id: forms.Id, who: caller.Who, key: gate.Key = None) -> Job:
    """Ask a job to stop."""
    _seen(who, id, "job:cancel")
    return _shown(who.platform.jobs.cancel(id, who.who))


@router.post("/jobs/{id}/retry")
def retry_job(id: forms.Id, who: caller.Who, key: gate.Key = None) -> Job:
    """Queue a failed or cancelled job once more."""
    _seen(who, id, "job:run")
    return _shown(who.platform.jobs.retry(id, who.who))


@router.get("/jobs/{id}/events", response_class=StreamingResponse, responses=_STREAM)
def stream_job(
    id: forms.Id,
    who: caller.Who,
    last: Annotated[int, fastapi.Header(alias="Last-Event-ID", ge=0, le=2**31 - 1)] = 0,
) -> StreamingResponse:
    """What happens to a job, as server-sent events until it is over; `Last-Event-ID` goes on from there."""
    _seen(who, id, "job:read")
    language = i18n.current()
    name = f"{who.who.tenant}/{who.who.name}"
    who.service.streams.check(name)

    def read(after: int) -> tuple[Sequence[tuple[int, str, Any]], bool]:
        # The state first: what was said before it ended is then among the events.
        job = who.platform.jobs.get(id, who.who)
        found = who.platform.jobs.events(id, who.who, after)
        return [(one.number, "progress", _event(one, language)) for one in found], job.over and not found

    made = who.service.streams.events(name, read, last)
    return StreamingResponse(made, media_type=streams.MEDIA_TYPE, headers={"X-Accel-Buffering": "no"})


@router.get("/jobs/{id}/log")
def job_log(
    id: forms.Id, who: caller.Who, after: Annotated[int, fastapi.Query(ge=0, le=2**31 - 1)] = 0
) -> forms.Listed[Line]:
    """What happened to a job after the event of that number, at most 500 at a time."""
    _seen(who, id, "job:read")
    found = who.platform.jobs.events(id, who.who, after)
    return forms.Listed(items=[Line(number=one.number, **_event(one, i18n.current())) for one in found])


@router.get("/jobs/{id}/history")
def job_history(id: forms.Id, who: caller.Who) -> dict[str, Any]:
    """Who, what, versions, inputs' hashes, and what each attempt used."""
    _seen(who, id, "job:read")
    made: dict[str, Any] = who.platform.jobs.history(id, who.who).model_dump(mode="json")
    return made


def _seen(who: caller.Caller, id: str, action: str) -> words.Job:
    found = who.platform.jobs.get(id, who.who)
    who.may(action, id, owner=found.owner or None)
    return found


def _shown(found: words.Job) -> Job:
    plain = {name: getattr(found, name) for name in Job.model_fields if name not in {"stage", "reason", "inputs"}}
    return Job(
        **plain,
        inputs=list(found.inputs),
        stage=_said(found.stage, i18n.current()),
        reason=found.reason.in_() if found.reason else None,
    )


def _event(event: Any, language: i18n.Language) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "stage": event.stage,
        "text": _said(event.stage, language),
        "done": event.done,
        "total": event.total,
        "message": event.message.in_(language) if event.message else None,
    }


def _said(stage: str | None, language: i18n.Language) -> str | None:
    if stage is None:
        return None
    try:
        return i18n.text(stage, language)
    except (KeyError, ModuleNotFoundError, FileNotFoundError):  # a stage of a plug-in that is not installed here
        return stage

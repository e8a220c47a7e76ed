"""Submitting, looking at, cancelling and retrying jobs."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import stores

from taihang.app.jobs import kinds, service
from taihang.core import errors
from taihang.report import bundle
from tests.app.jobs import crew as crews

Crew = crews.Crew


@pytest.fixture(params=stores.KINDS)
def crew(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crew]:
    with crews.crew(request.param, tmp_path) as made:
        yield made


def test_another_tenant_sees_no_job(crew: Crew) -> None:
    job = crew.jobs.submit("echo", {}, crews.ANN)
    for call in (crew.jobs.get, crew.jobs.events, crew.jobs.cancel, crew.jobs.retry, crew.jobs.folder):
        with pytest.raises(errors.NotFound):
            call(job.id, crews.BEN)
    assert crew.jobs.list(crews.BEN) == []


def test_a_wrong_request_is_refused_in_one_line(crew: Crew, tmp_path: Path) -> None:
    hostile = ["'; DROP TABLE jobs; --", "\0", "../../etc/passwd", "$(reboot)", "🏔" * 300]
    for text in hostile:
        with pytest.raises(errors.UserError) as told:
            crew.jobs.submit(text, {}, crews.ANN)
        assert "\n" not in str(told.value)
        with pytest.raises(errors.UserError):
            crew.jobs.submit("echo", {text: 1}, crews.ANN)
        with pytest.raises(errors.UserError):
            crew.jobs.get(text, crews.ANN)
        with pytest.raises(errors.UserError):
            crew.jobs.list(crews.ANN, after=text)
    with pytest.raises(errors.UserError):
        crew.jobs.submit("echo", {"name": "x" * (2 << 20)}, crews.ANN)
    with pytest.raises(errors.UserError):
        crew.jobs.submit("echo", {}, crews.ANN, key="newline\n")
    assert crew.jobs.list(crews.ANN) == []
    for text in hostile:
        job = crew.jobs.submit("echo", {"name": text.replace("\0", "")}, crews.ANN)
        assert crew.jobs.get(job.id, crews.ANN).parameters == {"name": text.replace("\0", "")}


def test_files_out_of_bounds_are_refused(crew: Crew, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "a.csv").write_text("a\n1\n")
    (inside / "link.csv").symlink_to("/etc/passwd")
    jobs = service.Jobs(crew.store, crew.home, roots=[inside])
    for path in ("/etc/passwd", str(inside / ".." / "b.csv"), str(inside / "link.csv"), "t=/etc/passwd", "a\0b"):
        with pytest.raises(errors.UserError):
            jobs.submit("profile", {"sources": [path]}, crews.ANN)
    assert jobs.submit("profile", {"sources": [str(inside / "a.csv")]}, crews.ANN).state == "queued"


def test_a_key_gives_the_same_job_and_another_request_with_it_is_a_conflict(crew: Crew) -> None:
    job = crew.jobs.submit("echo", {"name": "a"}, crews.ANN, key="k")
    assert crew.jobs.submit("echo", {"name": "a"}, crews.ANN, key="k").id == job.id
    assert crew.jobs.submit("echo", {"name": "a"}, crews.BEN, key="k").id != job.id
    with pytest.raises(errors.Conflict):
        crew.jobs.submit("echo", {"name": "b"}, crews.ANN, key="k")


def test_pages_hold_every_job_once_newest_first(crew: Crew) -> None:
    made = [crew.jobs.submit("echo", {"name": str(n)}, crews.ANN).id for n in range(7)]
    crew.jobs.submit("echo", {}, crews.BEN)
    found: list[str] = []
    while page := crew.jobs.list(crews.ANN, limit=3, after=found[-1] if found else None):
        found += [job.id for job in page]
    assert found == made[::-1]
    assert crew.jobs.list(crews.ANN, state="done") == []
    assert crew.jobs.list(crews.ANN, kind="count") == []


def test_a_queued_job_is_cancelled_at_once_and_can_be_queued_again(crew: Crew) -> None:
    job = crew.jobs.submit("echo", {}, crews.ANN)
    gone = crew.jobs.cancel(job.id, crews.ANN)
    assert gone.state == "cancelled"
    assert gone.reason is not None
    assert gone.reason.in_("zh") == "由 ann 取消"
    assert crew.jobs.cancel(job.id, crews.ANN).state == "cancelled"
    assert crew.jobs.retry(job.id, crews.ANN).state == "queued"
    with pytest.raises(errors.Conflict):
        crew.jobs.retry(job.id, crews.ANN)


@pytest.mark.parametrize("name", ["inspect", "profile", "assess"])
def test_a_kind_has_the_parameters_of_its_function(name: str) -> None:
    """But for where it writes to and works; of the options of assess, those for a gate in CI need a command line."""
    function = getattr(importlib.import_module(f"taihang.app.{name}"), name)
    own = {n: p.default for n, p in inspect.signature(function).parameters.items()}
    if "options" in own:
        del own["options"]
        own["incremental"] = False
        own["formats"] = bundle.DEFAULT
    del own["out"]
    own.pop("progress", None)
    own.pop("tasks", None)  # whose machines a job may use is the platform's to say
    kinds.load()
    fields = kinds.get(name).parameters.model_fields
    assert list(fields) == list(own)
    for field, default in own.items():
        if default is not inspect.Parameter.empty:
            assert fields[field].default == (tuple(default) if field == "formats" else default), field

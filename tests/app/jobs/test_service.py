"""Submitting, looking at, cancelling and retrying jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import stores

from taihang.core import errors
from tests.app.jobs import crew as crews

Crew = crews.Crew


@pytest.fixture(params=stores.KINDS)
def crew(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crew]:
    with crews.crew(request.param, tmp_path) as made:
        yield made


def test_a_job_runs_to_its_end_and_leaves_its_files_and_its_story(crew: Crew) -> None:
    job = crew.jobs.submit("echo", {"name": "太行"}, crews.ANN)
    assert job.state == "queued"
    crew.hire()
    done = crew.wait(job.id)
    assert done.state == "done", crew.log.read_text()
    assert done.result == {"name": "太行"}
    assert done.inputs == ("0" * 64,)
    assert (crew.jobs.folder(job.id, crews.ANN) / "name.txt").read_text() == "太行"
    stages = [event.stage.rpartition(".")[2] for event in crew.jobs.events(job.id, crews.ANN)]
    assert stages[0] == "queued"
    assert stages[1] == "running"
    assert stages[-1] == "done"


def test_another_tenant_sees_no_job(crew: Crew) -> None:
    job = crew.jobs.submit("echo", {}, crews.ANN)
    for call in (crew.jobs.get, crew.jobs.events, crew.jobs.cancel, crew.jobs.retry, crew.jobs.folder):
        with pytest.raises(errors.NotFound):
            call(job.id, crews.BEN)
    assert crew.jobs.list(crews.BEN) == []

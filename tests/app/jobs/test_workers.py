"""What two workers on one store do: every job once, within the limits, and trouble stays where it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures import stores

import taihang
from taihang.core import errors
from taihang.core.principal import Principal
from taihang.trust.ledger import outbox
from tests.app.jobs import crew as crews

Crew = crews.Crew


@pytest.fixture(params=stores.KINDS, scope="module")
def crew(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """Two workers that all tests of this module share."""
    with crews.crew(request.param, tmp_path_factory.mktemp("workers")) as made:
        for _ in range(2):
            made.hire(slots=8)
        yield made


def test_a_job_runs_to_its_end_and_leaves_its_files_and_its_story(crew: Crew) -> None:
    job = crew.jobs.submit("echo", {"name": "太行"}, crews.ANN)
    assert job.state == "queued"
    done = crew.wait(job.id)
    assert done.state == "done", crew.log.read_text()
    assert done.result == {"name": "太行"}
    assert done.inputs == ("0" * 64,)
    assert (crew.jobs.folder(job.id, crews.ANN) / "name.txt").read_text() == "太行"
    stages = [event.stage.rpartition(".")[2] for event in crew.jobs.events(job.id, crews.ANN)]
    assert stages[0] == "queued"
    assert stages[1] == "running"
    assert stages[-1] == "done"


def test_workers_race_for_jobs_and_each_is_done_once(crew: Crew) -> None:
    jobs = [crew.jobs.submit("echo", {"name": str(n)}, crews.ANN) for n in range(9)]
    for job in jobs:
        assert crew.wait(job.id).state == "done"
        assert [one.outcome for one in crew.jobs.history(job.id, crews.ANN).attempts] == ["done"]


def test_limits_of_kind_and_tenant_hold_over_all_workers(crew: Crew, tmp_path: Path) -> None:
    """A job that starts while it must not finds another's mark and fails."""
    people = [crews.ANN, crews.BEN, Principal(name="cat", tenant="one")]
    given = {"steps": 1, "step_s": 0.3, "marks": str(tmp_path)}
    jobs = [(crew.jobs.submit(kind, given, who), who) for kind in ("alone", "shared") for who in people]
    for job, who in jobs:
        done = crew.wait(job.id, who=who)
        assert done.state == "done", done.reason


def test_what_goes_wrong_with_one_job_is_said_and_holds_up_no_other(crew: Crew, tmp_path: Path) -> None:
    """All kinds of trouble at once."""
    poison = crew.jobs.submit("poison", {"name": "7%%"}, crews.ANN)
    defect = crew.jobs.submit("defect", {}, crews.ANN)
    deadly = crew.jobs.submit("deadly", {"marks": str(tmp_path)}, crews.ANN)
    (tmp_path / "once").mkdir()
    once = crew.jobs.submit("deadly", {"marks": str(tmp_path / "once"), "times": 1}, crews.ANN)
    deaf = crew.jobs.submit("deaf", {}, crews.ANN)
    slow = crew.jobs.submit("count", {"steps": 1000}, crews.ANN)
    fine = crew.jobs.submit("echo", {}, crews.BEN)
    assert crew.wait(fine.id, who=crews.BEN).state == "done"

    failed = crew.wait(poison.id)
    assert failed.state == "failed"
    assert failed.reason is not None
    assert "7%%" in failed.reason.in_("zh")
    assert "7%%" in failed.reason.in_("en")
    assert failed.reason.in_("zh") != failed.reason.in_("en")
    broken = crew.wait(defect.id)
    assert broken.state == "failed"
    assert "ZeroDivisionError" in str(broken.reason and broken.reason.in_())

    killed = crew.wait(deadly.id)
    assert killed.state == "failed"
    assert "SIGSEGV" in str(killed.reason and killed.reason.in_())
    assert len((tmp_path / "deaths").read_text()) == 3
    assert [one.outcome for one in crew.jobs.history(deadly.id, crews.ANN).attempts] == ["crashed"] * 3
    assert crew.wait(once.id).state == "done"

    crew.wait(slow.id, "running")
    for job in (slow, deaf):
        crew.jobs.cancel(job.id, crews.ANN)
    for job in (slow, deaf):
        gone = crew.wait(job.id, timeout_s=20)
        assert gone.state == "cancelled"
        assert gone.reason is not None
    used = crew.jobs.history(deaf.id, crews.ANN)
    assert used.who == crews.ANN
    assert used.cpu_s > 0
    assert used.peak_rss is not None
    assert used.attempts[0].taihang == taihang.__version__
    with pytest.raises(errors.Conflict):
        crew.jobs.cancel(fine.id, crews.BEN)
    _decided(crew, poison.id, ["job-submitted", "job-ended"])
    _decided(crew, deaf.id, ["job-submitted", "job-cancelled", "job-ended"])


def _decided(crew: Crew, job: str, kinds: list[str]) -> None:
    """What the ledger will hold of a job; never a name in the clear."""
    table = outbox.decisions
    with crew.store.read() as conn:
        rows = conn.execute(sa.select(table).where(table.c.subject == job).order_by(table.c.number)).all()
    assert [row.kind for row in rows] == kinds
    assert not any(b'"ann"' in row.entry for row in rows)

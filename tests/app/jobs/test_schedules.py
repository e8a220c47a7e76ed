"""Jobs that start by themselves: by time, files, versions and calls; once each, whoever notices."""

from __future__ import annotations

import datetime
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import stores

from taihang.app.jobs import folders, schedules, triggers
from taihang.core import asset as assets
from taihang.core import errors
from tests.app.jobs import crew as crews

Crew = crews.Crew
NAMED = {"name": "$file"}


@pytest.fixture(params=stores.KINDS)
def crew(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crew]:
    with crews.crew(request.param, tmp_path) as made:
        yield made


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)


@pytest.mark.parametrize(
    ("expression", "zone", "now", "last"),
    [
        ("30 2 * * *", "Asia/Shanghai", "2026-11-21T02:30:00+08:00", "2026-11-21T02:30:00+08:00"),
        ("30 2 * * *", "Asia/Shanghai", "2026-11-21T02:29:59+08:00", "2026-11-20T02:30:00+08:00"),
        ("0 8 * * 1-5", "Asia/Shanghai", "2026-11-22T12:00:00+08:00", "2026-11-20T08:00:00+08:00"),
        ("*/15 * * * *", "UTC", "2026-11-21T00:14:59+00:00", "2026-11-21T00:00:00+00:00"),
        # The hour that is repeated: the first of the two, also when asked within the second.
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T02:40:00+01:00", "2026-10-25T02:30:00+02:00"),
        # The hour that is left out: a moment that the zone counts as 03:30.
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T12:00:00+02:00", "2026-03-29T03:30:00+02:00"),
    ],
)
def test_the_newest_time_of_a_cron_line(expression: str, zone: str, now: str, last: str) -> None:
    assert triggers.Cron(expression=expression, zone=zone).last(at(now)) == at(last)


@pytest.mark.parametrize(
    "given",
    [
        {"expression": "* * * *"},
        {"expression": "* * * * * *"},
        {"expression": "61 * * * *"},
        {"expression": "0 0 31 2 *"},
        {"expression": "@reboot"},
        {"expression": "0 0 * * *", "zone": "../../etc/passwd"},
        {"expression": "0 0 * * *", "zone": "Mars/Olympus"},
        {"expression": "0 0 * * *\n"},
    ],
)
def test_a_cron_line_that_never_comes_is_refused(crew: Crew, given: dict[str, str]) -> None:
    with pytest.raises(errors.UserError):
        crew.jobs.schedules.add("n", {"on": "cron", **given}, "echo", {}, crews.ANN)


def test_missed_times_are_made_up_for_by_one_job(crew: Crew) -> None:
    made, _ = crew.jobs.schedules.add("hourly", triggers.Cron(expression="0 * * * *"), "echo", {}, crews.ANN)
    later = made.created + datetime.timedelta(days=3)
    assert len(crew.jobs.schedules.tick(later)) == 1
    assert crew.jobs.schedules.tick(later) == []
    assert crew.jobs.schedules.tick(later + datetime.timedelta(hours=1)) != []


def test_a_clock_that_jumps_starts_nothing_twice_and_stops_nothing(crew: Crew) -> None:
    made, _ = crew.jobs.schedules.add("hourly", triggers.Cron(expression="0 * * * *"), "echo", {}, crews.ANN)
    hour = datetime.timedelta(hours=1)
    assert len(crew.jobs.schedules.tick(made.created + hour)) == 1
    assert len(crew.jobs.schedules.tick(made.created + 100 * hour)) == 1
    assert crew.jobs.schedules.tick(made.created + hour) == []
    assert len(crew.jobs.schedules.tick(made.created + 2 * hour)) == 1
    assert crew.jobs.schedules.tick(made.created + 2 * hour) == []


def test_workers_that_notice_at_once_start_one_job(crew: Crew) -> None:
    made, _ = crew.jobs.schedules.add("hourly", triggers.Cron(expression="0 * * * *"), "echo", {}, crews.ANN)
    later = made.created + datetime.timedelta(hours=2)
    threads = [threading.Thread(target=crew.jobs.schedules.tick, args=(later,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(crew.jobs.list(crews.ANN)) == 1


def test_a_file_starts_a_job_once_it_has_settled_and_each_content_once(crew: Crew, tmp_path: Path) -> None:
    watched = tmp_path / "in"
    watched.mkdir()
    trigger = triggers.Folder(path=str(watched), pattern="*.mp4", settle_s=10)
    crew.jobs.schedules.add("in", trigger, "echo", NAMED, crews.ANN)
    time = [0.0]
    eyes = folders.Folders(crew.jobs.schedules, crew.store, lambda: time[0])
    (watched / "a.mp4").write_bytes(b"one")
    (watched / "note.txt").write_bytes(b"not asked for")
    (watched / "link.mp4").symlink_to("/etc/passwd")
    os.mkfifo(watched / "pipe.mp4")
    assert eyes.look() == []
    time[0] = 9
    (watched / "a.mp4").write_bytes(b"one, still growing")
    assert eyes.look() == []
    time[0] = 18
    assert eyes.look() == []
    time[0] = 20
    (job,) = eyes.look()
    assert job.parameters == {"name": str(watched / "a.mp4")}
    (watched / "copy.mp4").write_bytes(b"one, still growing")
    for time[0] in (30, 50):
        assert eyes.look() == []
    # Whoever looks next, after a restart too, finds nothing new.
    fresh = folders.Folders(crew.jobs.schedules, crew.store, lambda: time[0])
    for time[0] in (60, 80):
        assert fresh.look() == []
    (watched / "a.mp4").write_bytes(b"two")
    for time[0] in (90, 110):
        found = fresh.look()
    assert len(found) == 1
    assert len(crew.jobs.list(crews.ANN)) == 2


def test_the_new_file_may_be_a_named_table(crew: Crew, tmp_path: Path) -> None:
    crew.jobs.schedules.add("in", triggers.Folder(path=str(tmp_path), pattern="*.csv", settle_s=0), "echo",
                            {"name": f"orders={schedules.FILE}"}, crews.ANN)  # fmt: skip
    (tmp_path / "a.csv").write_bytes(b"one")
    eyes = folders.Folders(crew.jobs.schedules, crew.store, iter(range(0, 1000, 10)).__next__)
    started = [job for _ in range(4) for job in eyes.look()]
    assert [job.parameters for job in started] == [{"name": f"orders={tmp_path / 'a.csv'}"}]


def test_a_new_version_of_an_asset_starts_what_waits_for_it(crew: Crew) -> None:
    trigger = triggers.AssetVersion(kind="table", name="employees")
    crew.jobs.schedules.add("quality", trigger, "echo", {"name": "$version"}, crews.ANN)
    asset = assets.Asset(kind="table", name="employees", sha256="a" * 64, size=1, tenant="one")
    (job,) = crew.jobs.schedules.asset_changed("one", asset)
    assert job.parameters == {"name": "a" * 64}
    assert crew.jobs.schedules.asset_changed("one", asset) == []
    assert crew.jobs.schedules.asset_changed("two", asset) == []
    assert crew.jobs.schedules.asset_changed("one", asset.model_copy(update={"name": "other"})) == []
    with pytest.raises(RuntimeError), crew.store.begin() as conn:
        newer = asset.model_copy(update={"sha256": "b" * 64})
        assert len(crew.jobs.schedules.asset_changed("one", newer, conn=conn)) == 1
        raise RuntimeError
    assert len(crew.jobs.list(crews.ANN)) == 1


def test_a_webhook_needs_its_whole_token_and_starts_once_a_delivery(crew: Crew) -> None:
    made, token = crew.jobs.schedules.add("hook", triggers.Webhook(), "echo", {}, crews.ANN)
    assert token is not None
    with crew.store.read() as conn:
        rows = conn.exec_driver_sql('SELECT "when" FROM job_schedules').all()
    assert token.partition(".")[2] not in str(rows)
    for wrong in ("", ".", token[:-1], f"{made.id}.", f"{made.id}.wrong", "x" * 5000, "\0.\0", f"{made.id}.\ud800"):
        with pytest.raises(errors.NotFound):
            crew.jobs.schedules.webhook(wrong)
    assert crew.jobs.schedules.webhook(token, delivery="d1") is not None
    assert crew.jobs.schedules.webhook(token, delivery="d1") is None
    assert crew.jobs.schedules.webhook(token) is not None
    crew.jobs.schedules.enable(made.id, crews.ANN, enabled=False)
    with pytest.raises(errors.NotFound):
        crew.jobs.schedules.webhook(token)
    with pytest.raises(errors.NotFound):
        crew.jobs.schedules.remove(made.id, crews.BEN)
    crew.jobs.schedules.remove(made.id, crews.ANN)
    assert crew.jobs.schedules.list(crews.ANN) == []


def test_a_schedule_that_cannot_start_its_job_says_why_and_holds_up_no_other(crew: Crew) -> None:
    hour = triggers.Cron(expression="0 * * * *")
    bad, _ = crew.jobs.schedules.add("bad", hour, "echo", {"name": "$file"}, crews.ANN)
    crew.jobs.schedules.add("good", hour, "echo", {"name": "x"}, crews.ANN)
    with crew.store.begin() as conn:
        conn.exec_driver_sql("UPDATE job_schedules SET kind = 'gone' WHERE name = 'bad'")
    assert len(crew.jobs.schedules.tick(bad.created + datetime.timedelta(hours=2))) == 1
    fault = crew.jobs.schedules.get(bad.id, crews.ANN).fault
    assert fault is not None
    assert "gone" in fault.in_("zh")
    with pytest.raises(errors.Conflict):
        crew.jobs.schedules.add("good", hour, "echo", {}, crews.ANN)
    for name in ("", "\0", "a\nb", "x" * 201):
        with pytest.raises(errors.UserError):
            crew.jobs.schedules.add(name, hour, "echo", {}, crews.ANN)


def test_a_worker_starts_what_is_due(crew: Crew, tmp_path: Path) -> None:
    watched = tmp_path / "in"
    watched.mkdir()
    trigger = triggers.Folder(path=str(watched), settle_s=0.1)
    crew.jobs.schedules.add("in", trigger, "echo", {"name": schedules.FILE}, crews.ANN)
    crew.hire()
    (watched / "a.mp4").write_bytes(b"one")
    crew.until(lambda: any(job.state == "done" for job in crew.jobs.list(crews.ANN)))
    (only,) = crew.jobs.list(crews.ANN)
    assert (only.kind, only.state) == ("echo", "done")

"""Planted events happen, each at its time and in its place; and nothing else does."""

from __future__ import annotations

import pytest

from taihang.use.video import scene
from taihang.use.video.scene import cast, figure, film, truth


def happenings(script: scene.Script, seed: int = 0) -> tuple[truth.Happening, ...]:
    """What a script leads to, drawn small and coarse in time, without lens or encoder."""
    small = script.model_copy(update={"width": 320, "height": 180, "fps": 5})
    place, people = film.setting(small, seed)
    rows = film.Rows(small)
    for number in range(small.frames):
        here = place.backdrop(number)
        rows.add(number, people, place.grounds, cast.draw(here, people, number))
    return truth.happenings(small, rows.table(), place.grounds)


@pytest.fixture(scope="module")
def sample() -> tuple[truth.Happening, ...]:
    return happenings(scene.sample())


def test_the_sample_holds_every_planted_event_at_its_time(sample: tuple[truth.Happening, ...]) -> None:
    script, found = scene.sample(), sample
    for event in script.events:
        if event.kind == "equipment":
            moments = [e.start_s for e in found if e.kind in ("equipment_start", "equipment_stop")]
            assert event.at_s in moments
            assert event.end_s in moments
            continue
        match = [e for e in found if e.kind == event.kind and e.planted]
        assert len(match) == 1, event
        assert match[0].start_s == pytest.approx(event.at_s, abs=1.0), event
        if event.kind != "running":
            assert match[0].end_s == pytest.approx(event.end_s, abs=1.0), event


def test_nothing_happens_in_the_sample_that_was_not_planted(sample: tuple[truth.Happening, ...]) -> None:
    objectionable = {"restricted", "crowding", "lone", "running", "unattended"}
    assert [e for e in sample if e.kind in objectionable and not e.planted] == []


@pytest.mark.parametrize(("camera", "seed"), [("fixed", 0), ("fixed", 5), ("worn", 2)])
def test_null_scripts_hold_nothing_to_object_to(camera: scene.Camera, seed: int) -> None:
    script = scene.random_script(seed, minutes=1, camera=camera, null=True)
    assert script.events
    objectionable = {"restricted", "crowding", "lone", "running", "unattended", "covered", "dark"}
    assert [e for e in happenings(script, seed) if e.kind in objectionable] == []


def test_a_crowd_of_six_is_a_crowd_only_while_four_are_there() -> None:
    crowd = scene.Event(kind="crowding", at_s=16, for_s=8, people=6)
    found = happenings(scene.Script(duration_s=45, events=(crowd,)))
    (event,) = [e for e in found if e.kind == "crowding"]
    assert (event.start_s, event.end_s) == (pytest.approx(16, abs=0.5), pytest.approx(24, abs=0.5))


def test_three_people_are_no_crowd() -> None:
    few = scene.Event(kind="crowding", at_s=14, for_s=6, people=3)
    assert not [e for e in happenings(scene.Script(duration_s=35, events=(few,))) if e.kind == "crowding"]


def test_the_wearer_meets_what_the_script_plants() -> None:
    kinds = (("restricted", 8, 5), ("look", 20, 4), ("crowding", 32, 6), ("running", 50, 3))
    events = tuple(scene.Event(kind=kind, at_s=at, for_s=length) for kind, at, length in kinds)
    found = happenings(scene.Script(camera="worn", duration_s=58, events=events), seed=2)
    planted = {e.kind: e for e in found if e.planted}
    assert set(planted) == {"restricted", "look", "crowding", "running"}
    assert planted["restricted"].start_s == pytest.approx(8, abs=0.5)
    assert planted["running"].start_s == pytest.approx(50, abs=0.5)


def drawn(kind: str, camera: scene.Camera) -> list[tuple[float, cast.Drawn, str]]:
    """(time, figure, pose) of the one person of a film in which it does something from 6 s to 11 s."""
    event = scene.Event(kind=kind, at_s=6, for_s=5)  # type: ignore[arg-type]
    script = scene.Script(duration_s=15, camera=camera, width=320, height=180, fps=5, staff=0, events=(event,))
    place, people = film.setting(script, 3)
    return [
        (number / script.fps, one, str(people[one.person].pose[number]))
        for number in range(script.frames)
        for one in cast.draw(place.backdrop(number), people, number)
    ]


@pytest.mark.parametrize("camera", ["fixed", "worn"])
def test_who_falls_lies_and_gets_up_again(camera: scene.Camera) -> None:
    tall = {t: one.y1 - one.y0 for t, one, _ in drawn("fall", camera)}
    upright, lying, risen = tall[5.8], tall[8.4], tall[11.0]
    assert lying < 0.55 * upright
    assert risen > 0.8 * upright


@pytest.mark.parametrize("camera", ["fixed", "worn"])
def test_a_work_step_moves_somebody_who_stays_in_place(camera: scene.Camera) -> None:
    rows = [(one, pose) for t, one, pose in drawn("step", camera) if 6.4 <= t <= 10.6]
    assert len({pose for _, pose in rows}) == 1
    assert rows[0][1] in figure.TASKS
    # Arms or back move: the figure's own size goes to and fro far more than the sway of somebody who stands.
    sizes = [(one.y1 - one.y0) * (one.x1 - one.x0) for one, _ in rows]
    turns = sum((b - a) * (c - b) < 0 for a, b, c in zip(sizes, sizes[1:], sizes[2:], strict=False))
    assert max(sizes) > 1.25 * min(sizes)
    assert turns >= 3


@pytest.mark.parametrize(("kind", "camera"), [("fall", "fixed"), ("step", "worn")])
def test_falls_and_work_steps_stand_in_the_truth(kind: str, camera: scene.Camera) -> None:
    event = scene.Event(kind=kind, at_s=2, for_s=3)  # type: ignore[arg-type]
    found = happenings(scene.Script(duration_s=6, camera=camera, events=(event,)))
    assert [(e.start_s, e.end_s, e.planted) for e in found if e.kind == kind] == [(2, 5, True)]

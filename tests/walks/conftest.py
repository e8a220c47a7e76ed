"""A small rendered film with planted events, made once for all walks, whatever process they run in."""

from __future__ import annotations

import fcntl
import os
import pickle

import pytest

from taihang.use.video.scene import film, script, truth


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> truth.Truth:
    """24 s of a fixed camera: the belt starts at 7 s, somebody is in the restricted zone, the lens is covered."""
    events = (
        script.Event(kind="equipment", at_s=7, for_s=16),
        script.Event(kind="restricted", at_s=8, for_s=6),
        script.Event(kind="covered", at_s=18, for_s=4),
    )
    plan = script.Script(name="planted", duration_s=24, width=640, height=360, fps=10, events=events)
    base = tmp_path_factory.getbasetemp()
    # Processes of pytest-xdist have a folder each in one that is theirs together.
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "planted"
    shared.mkdir(exist_ok=True)
    told = shared / "truth.pickle"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            made = film.render(shared / "planted.mp4", plan, seed=3)
            told.write_bytes(pickle.dumps(made))
        found: truth.Truth = pickle.loads(told.read_bytes())
    return found

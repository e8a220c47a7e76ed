"""A platform that runs, a browser in each language, and somebody signed in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from taihang.use.video.scene import film, script, truth
from tests.console import hostile, pages, running
from tests.console.running import PASSWORD, Running

# One registration, as a later domain makes it: the page is there, framed, guarded, and in the navigation.
LATER = """
from nicegui import ui
from taihang.app.console import registry

@registry.page("/later", key="app.console:welcome", icon="sensors", order=25, action="asset:read")
async def later(looking):
    ui.label("a later domain " + looking.language)
"""


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running.platform(tmp_path_factory.mktemp("platform"), before=LATER) as found:
        yield found


@pytest.fixture(scope="session")
def foreign(console: Running) -> dict[str, str]:
    """Things of another tenant, and hostile ones of one's own: their ids."""
    return hostile.put(console)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> truth.Truth:
    """16 s of a fixed camera: somebody walks into the restricted zone, then the lens is covered."""
    events = (script.Event(kind="restricted", at_s=3, for_s=6), script.Event(kind="covered", at_s=11, for_s=3))
    plan = script.Script(name="clip", duration_s=16, width=640, height=360, fps=10, events=events)
    return film.render(tmp_path_factory.mktemp("clip") / "巡检.mp4", plan, seed=3)


@pytest.fixture(params=["zh", "en"])
def visitor(console: Running, request: pytest.FixtureRequest) -> Iterator[pages.Pages]:
    """A browser whose visitor is signed in as the administrator, who may do everything."""
    with pages.browsing(console.base, request.param) as found:
        found.language = request.param
        sign_in(found)
        yield found


def sign_in(found: pages.Pages, login: str = "admin", password: str = PASSWORD) -> None:
    found.goto("/sign-in")
    found.type("input[name=login]", login)
    found.type("input[name=password]", password)
    found.click(found.element("button[type=submit]"))
    found.until("return location.pathname !== '/sign-in'")

"""A platform that runs, a browser in each language, and somebody signed in."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taihang.app.client import client
from taihang.use.video.scene import film, script, truth
from tests.console import pages

PASSWORD = "a-long-enough-Passphrase-7"


@dataclasses.dataclass
class Running:
    """A platform on this machine: its address, its home, a client that is signed in as its administrator."""

    base: str
    home: Path
    client: client.Client


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("platform")
    environment = {**os.environ, "TAIHANG_HOME": str(home), "TAIHANG_LANG": "en", "PYTHONUNBUFFERED": "1"}
    run = "from taihang.app import cli; cli.main()"
    with subprocess.Popen(
        [sys.executable, "-c", run, "up", "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if "/welcome#" in line:
                    break
            base = re.search(r"http://[\d.:]+", said)
            link = re.search(r"http://\S+/welcome#\S+", said)
            assert base and link, said
            made = client.Client(base[0])
            made.join(link[0], PASSWORD, login="admin", name="管理员")
            yield Running(base[0], home, made)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


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

"""Sign-in through an organisation's provider, in a real browser, against a real provider."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import provider as fixture

from tests.console import pages

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture
def provider() -> Iterator[fixture.Remote]:
    with fixture.running() as found:
        yield found


@pytest.fixture
def base(provider: fixture.Remote, tmp_path: Path) -> Iterator[str]:
    settings = {
        "corp": {
            "issuer": provider.issuer,
            "client_id": fixture.CLIENT,
            "client_secret": "env:CORP_SECRET",
            "roles": {"safety": "inspector"},
        }
    }
    environment = {
        **os.environ,
        "TAIHANG_HOME": str(tmp_path / "home"),
        "TAIHANG_LANG": "en",
        "PYTHONUNBUFFERED": "1",
        "CORP_SECRET": fixture.SECRET,
        "TAIHANG_IDENTITY_PROVIDERS": json.dumps(settings),
    }
    words = [sys.executable, "-c", "from taihang.app import cli; cli.main()", "up", "--port", "0", "--workers", "0"]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = next(found for line in process.stdout if (found := re.search(r"http://[\d.:]+\d", line)))
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def test_one_comes_in_through_the_provider(base: str, provider: fixture.Remote) -> None:
    provider.control(claims={"sub": "u-1", "preferred_username": "li", "name": "李四", "groups": ["safety"]})
    with pages.browsing(base, "en") as browser:
        browser.goto("/sign-in?next=/tickets")
        browser.click(browser.element("button[data-provider=corp]"))
        browser.until("return location.pathname === '/tickets'")
        me = browser.run("return fetch('/api/v1/me').then(a => a.json())")
        assert (me["login"], me["name"], me["roles"]) == ("li#corp", "李四", ["inspector"])


def test_who_is_not_let_in_reads_why(base: str, provider: fixture.Remote) -> None:
    provider.control(fault="expired")
    with pages.browsing(base, "en") as browser:
        browser.goto("/sign-in")
        browser.click(browser.element("button[data-provider=corp]"))
        browser.sees("has expired")
        assert browser.run("return fetch('/api/v1/me').then(a => a.status)") == 401
        assert "code=" not in browser.run("return location.href")

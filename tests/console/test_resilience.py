"""A line that is cut, a server that starts anew, a tab left open, two people at once: nothing is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import holdings

from taihang.app import places as placing
from taihang.app import platform
from taihang.catalog.tickets import policy
from taihang.catalog.tickets import words as tickets
from taihang.core import asset, principal
from tests.console import conftest, pages, running, wire

# So long a tab is left alone; TAIHANG_TAB_AWAY_S=1860 leaves it for half an hour.
AWAY_S = float(os.environ.get("TAIHANG_TAB_AWAY_S", "40"))
pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900 * pages.SLOW + AWAY_S)]
TYPED = "已到现场，等待备件 / waiting for parts"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Running]:
    """A platform without workers, with a few tickets of made-up findings."""
    with running.platform(tmp_path_factory.mktemp("kept"), "--workers", "0") as found:
        where = placing.Places(found.home, f"sqlite:///{found.home / 'taihang.db'}", (found.home / "blobs").as_uri())
        whole = platform.open_platform(where)
        who = principal.Principal(name="x", tenant="default")
        for number in range(5):
            known = asset.Asset(kind="table", name=f"t{number}.csv", sha256=f"{number + 1:064x}", size=1)
            whole.catalogue(who).register(known)
            subject = tickets.Subject(asset=known.name, version=known.sha256)
            whole.desk(who).open_by_policy([holdings.finding_of(number)], policy.load("default"), subject)
        whole.close()
        yield found


def _ticket(found: running.Running, number: int) -> str:
    return str(found.client.get("tickets")["items"][number]["id"])


def _opened(browser: pages.Pages, ticket: str) -> None:
    browser.patience_s = 60
    browser.language = "zh"
    conftest.sign_in(browser)
    browser.goto(f"/tickets/{ticket}?from=list")
    browser.until(
        "return window.did_handshake && document.querySelector('[data-draft] textarea, textarea[data-draft]')"
    )
    browser.type("textarea", TYPED)
    browser.run("window.before = 1")


def test_a_short_cut_is_not_noticed(kept: running.Running) -> None:
    ticket = _ticket(kept, 0)
    with wire.between(kept.base) as line, pages.browsing(line.base) as browser:
        _opened(browser, ticket)
        line.cut()
        browser.until("return document.getElementById('popup').ariaHidden === 'false'")
        time.sleep(2)
        line.mend()
        browser.until("return document.getElementById('popup').ariaHidden === 'true'")
        browser.click(browser.t("tickets.comment"))
        browser.sees(TYPED)
        assert browser.run("return window.before") == 1  # the page was not loaded anew
    history = kept.client.get(f"tickets/{ticket}/history")["items"]
    assert [one["reason"] for one in history if one["reason"] == TYPED] == [TYPED]  # once, not twice


def test_a_tab_that_was_left_alone_goes_on_with_and_without_its_line(kept: running.Running) -> None:
    ticket, other = _ticket(kept, 1), _ticket(kept, 4)
    with (
        wire.between(kept.base) as line,
        pages.browsing(line.base) as browser,
        pages.browsing(kept.base) as held,
    ):
        _opened(browser, ticket)
        _opened(held, other)
        line.cut()
        time.sleep(AWAY_S)
        # Its line held: the page is the one that was opened, and what was typed is sent.
        held.click(held.t("tickets.comment"))
        held.until("return document.querySelector('textarea').value === ''")
        assert held.run("return window.before") == 1
        assert kept.client.get(f"tickets/{other}/history")["items"][-1]["reason"] == TYPED
        # Its line was cut: the page is loaded anew where it was, with what was typed.
        line.mend()
        browser.until("return !window.before && window.did_handshake && document.readyState === 'complete'")
        assert browser.run("return location.pathname + location.search") == f"/tickets/{ticket}?from=list"
        browser.until("return document.querySelector('textarea').value === arguments[0]", TYPED)
        browser.click(browser.t("tickets.comment"))
        browser.until("return document.querySelector('textarea').value === ''")
    assert kept.client.get(f"tickets/{ticket}/history")["items"][-1]["reason"] == TYPED


def test_a_server_that_starts_anew_finds_the_visitor_where_he_was(kept: running.Running, tmp_path: Path) -> None:
    with running.platform(tmp_path / "home", "--workers", "0") as first, pages.browsing(first.base) as browser:
        port = int(first.base.rpartition(":")[2])
        browser.patience_s = 90
        browser.language = "zh"
        conftest.sign_in(browser)
        browser.goto("/rules/edit")
        browser.until("return document.querySelector('.cm-content[aria-label]')")
        browser.type("textarea", "name\n王五")
        browser.until("return sessionStorage.length > 0")
        browser.run("window.before = 1")
        os.kill(first.pid, 15)
        browser.until("return document.getElementById('popup').ariaHidden === 'false'")
        time.sleep(3)
        with running.up(tmp_path / "home", "--workers", "0", port=port):
            browser.until("return !window.before && window.did_handshake")
            browser.until("return document.querySelector('textarea').value.endsWith('name\\n王五')")
            assert browser.run("return location.pathname") == "/rules/edit"
            browser.goto("/tickets?view=all")  # still signed in
            browser.until("return location.pathname === '/tickets' && document.querySelector('main h1')")


def test_whose_session_ended_meanwhile_signs_in_and_goes_on(kept: running.Running) -> None:
    ticket = _ticket(kept, 2)
    with pages.browsing(kept.base) as browser:
        _opened(browser, ticket)
        browser.run(
            """return fetch('/api/v1/sessions').then(a => a.json()).then(async (found) => {
              const me = await fetch('/api/v1/me').then(a => a.json());
              for (const one of found.items.filter(s => s.agent.includes('Chrome')))
                await fetch('/api/v1/sessions/' + one.id, {method: 'DELETE', headers: {'X-CSRF-Token': me.csrf}});
              return true })"""
        )
        browser.click(browser.t("tickets.comment"))
        browser.until("return location.pathname === '/sign-in'")
        browser.type("input[name=login]", "admin")
        browser.type("input[name=password]", running.PASSWORD)
        browser.click(browser.element("button[type=submit]"))
        browser.until("return location.pathname === arguments[0]", f"/tickets/{ticket}")
        browser.until("return document.querySelector('textarea').value === arguments[0]", TYPED)


def test_two_people_on_one_ticket(kept: running.Running) -> None:
    ticket = _ticket(kept, 3)
    with pages.browsing(kept.base) as first, pages.browsing(kept.base) as second:
        for browser in (first, second):
            _opened(browser, ticket)
        first.click(first.t("tickets.do.acknowledged"))
        first.until("return document.querySelector('[aria-current=step]').innerText === arguments[0]",
                    first.t("tickets.state.acknowledged"))  # fmt: skip
        second.click(second.t("tickets.do.acknowledged"))
        second.until("return document.querySelector('.q-notification')")  # told that somebody was quicker
        second.until("return document.querySelector('[aria-current=step]').innerText === arguments[0]",
                     second.t("tickets.state.acknowledged"))  # fmt: skip
        assert second.run("return document.querySelector('textarea').value") == TYPED
        second.click(second.t("tickets.take"))
        second.until("return document.querySelector('[aria-current=step]').innerText === arguments[0]",
                     second.t("tickets.state.assigned"))  # fmt: skip
    states = [one["to_state"] for one in kept.client.get(f"tickets/{ticket}/history")["items"]]
    assert states.count("acknowledged") == 1

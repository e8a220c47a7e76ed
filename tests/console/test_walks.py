# ruff: noqa: E501 - scripts and pieces of pages
"""What each kind of visitor comes for, done as they do it, in a real browser and in both languages."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from taihang.app.client.client import Client
from tests.console import pages
from tests.console.conftest import PASSWORD, Running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.mark.long  # a job or two each, in two languages
def test_an_inspector_goes_from_a_video_to_the_document(visitor: pages.Pages, clip) -> None:
    t = visitor.t
    visitor.patience_s = 120.0
    visitor.goto("/videos")
    visitor.attach("input[type=file]", clip.video)
    visitor.until("return location.search.includes('job=')")
    visitor.sees(clip.video.name)
    visitor.until("return !location.search.includes('job=') && document.querySelectorAll('.th-item').length > 0")
    visitor.until("return document.querySelector('.th-stage').parentElement.parentElement.taihang")
    visitor.keys("j")
    visitor.until("return document.querySelector('.th-item[aria-current=true]')")
    assert "finding=" in visitor.run("return location.search")
    visitor.until("return document.querySelectorAll('svg.th-boxes rect, svg.th-boxes polygon').length >= 0")
    visitor.type("textarea", "看不清 <script>document.title='x'</script>")
    visitor.click(t("videos.reject"))
    visitor.sees(t("videos.state.rejected"))
    assert visitor.run("return document.title") != "x"
    # A zone on the picture, then again with it.
    visitor.click(t("videos.draw"))
    visitor.run(
        """const svg = document.querySelector('svg.th-boxes'), box = svg.getBoundingClientRect();
        for (const [x, y] of [[.2, .2], [.8, .2], [.8, .9], [.2, .9]])
          svg.dispatchEvent(new MouseEvent('click', {bubbles: true, clientX: box.left + box.width * x, clientY: box.top + box.height * y}))"""
    )
    visitor.click(t("videos.close_zone"))
    visitor.sees(t("videos.zone_kept", name=t("videos.zone_name", number=1)))
    visitor.click(t("videos.run"))
    visitor.until("return document.querySelector('.q-dialog .q-select .q-field__native, .q-dialog .q-field')")
    visitor.click(visitor.element(".q-dialog .q-card > button.q-btn, .q-dialog .nicegui-card > button"))
    visitor.until("return location.search.includes('job=')")
    visitor.until("return !location.search.includes('job=') && document.querySelector('.th-line')")
    document = visitor.until("return [...document.querySelectorAll('a')].find(a => a.innerText === 'DOCX')?.href")
    got = visitor.run(
        "return fetch(arguments[0]).then(a => a.arrayBuffer()).then(b => [b.byteLength, String.fromCharCode(...new Uint8Array(b).slice(0, 2))])",
        document,
    )
    assert got[0] > 10_000
    assert got[1] == "PK"


@pytest.fixture
def workers(tmp_path: Path) -> Path:
    made = random.Random(3)
    path = tmp_path / f"工人{made.random()}.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["id", "name", "age"])
        for number in range(300):
            rows.writerow(
                [number, "" if number % 30 == 0 else f"工{number}", 200 if number % 50 == 0 else made.randint(18, 60)]
            )
    return path


@pytest.mark.long  # a job or two each, in two languages
def test_a_steward_builds_rules_and_sees_the_bad_rows(visitor: pages.Pages, workers: Path) -> None:
    t = visitor.t
    visitor.patience_s = 90.0
    visitor.goto("/quality")
    visitor.attach("input[type=file]", workers)
    visitor.until("return /^\\/quality\\/version-/.test(location.pathname)")
    visitor.sees(t("quality.not_yet"))
    page = visitor.run("return location.pathname")
    visitor.click(t("quality.run"))
    visitor.type(f'.q-dialog input[aria-label="{t("quality.column")}"]', "name")
    visitor.click(t("quality.add"))
    visitor.sees("not_null")
    visitor.click(visitor.element(".q-dialog .nicegui-card > button.q-btn:last-child"))
    visitor.until("return location.pathname.startsWith('/jobs/')")
    visitor.sees(t("jobs.report"))
    visitor.goto(page)
    visitor.sees("name")
    visitor.click(visitor.element(".th-rule .q-item"))
    visitor.click(t("quality.show_rows"))
    visitor.until("return document.querySelectorAll('.th-rule tbody tr').length")
    rows = visitor.run(
        "return [...document.querySelectorAll('.th-rule tbody tr')].map(r => Number(r.cells[0].innerText))"
    )
    assert rows == list(range(0, 300, 30))


@pytest.mark.long  # a job or two each, in two languages
def test_an_owner_works_a_ticket(console: Running, visitor: pages.Pages) -> None:
    t = visitor.t
    visitor.goto("/tickets")
    visitor.click(visitor.element(".th-table a[href^='/tickets/']"))
    visitor.sees(t("tickets.history"))
    visitor.type("textarea", "已安排 / arranged")
    visitor.click(t("tickets.comment"))
    visitor.sees("已安排 / arranged")
    card = console.client.get("tickets/" + visitor.run("return location.pathname.split('/').pop()"))
    if card["state"] in {"new", "acknowledged"}:
        visitor.click(t("tickets.take"))
        visitor.sees(t("tickets.state.assigned"))
    visitor.click(t("tickets.do.resolved"))
    visitor.sees(t("tickets.reason_needed"))
    visitor.type("textarea", "修好了")
    visitor.click(t("tickets.do.resolved"))
    visitor.sees(t("tickets.verify_note"))
    assert console.client.get(f"tickets/{card['id']}")["state"] == "resolved"


@pytest.mark.long  # a job or two each, in two languages
def test_an_auditor_verifies_a_report(visitor: pages.Pages) -> None:
    visitor.patience_s = 60.0
    visitor.goto("/audit")
    visitor.click(visitor.t("audit.verify"))
    visitor.sees(visitor.t("audit.holds"))
    assert visitor.run("return document.querySelectorAll('.th-state-done').length") == 1


def test_an_administrator_adds_a_tenant_a_role_and_a_token(console: Running, visitor: pages.Pages) -> None:
    t = visitor.t
    visitor.goto("/admin")
    visitor.type(f'input[aria-label="{t("entry.login")}"]', f"wang-{visitor.language}")
    visitor.click(t("admin.invite"))
    visitor.sees(t("admin.invited"))
    assert "/welcome#" in visitor.until("return document.querySelector('.q-dialog input').value")
    visitor.goto("/admin?tab=tenants")
    visitor.type(f'input[aria-label="{t("admin.id")}"]', f"mine-{visitor.language}")
    visitor.click(t("admin.add_tenant"))
    visitor.sees(f"mine-{visitor.language}")
    visitor.goto("/admin?tab=tokens")
    visitor.type(f'input[aria-label="{t("admin.name")}"]', f"token-{visitor.language}")
    visitor.click(t("admin.issue"))
    visitor.sees(t("admin.once"))
    secret = visitor.run("return document.querySelector('.q-dialog input').value")
    held = Client(console.base, secret)
    assert held.me().tenant == "default"


def test_nothing_leaves_this_machine_and_no_page_is_in_trouble(visitor: pages.Pages) -> None:
    for path in (
        "/",
        "/videos",
        "/quality",
        "/tickets",
        "/assets",
        "/jobs",
        "/rules",
        "/rules/edit",
        "/audit",
        "/admin",
    ):
        visitor.goto(path)
        visitor.until("return document.querySelector('main.th-main h1')")
        assert not visitor.run("return document.querySelector('[role=alert]')?.innerText"), path
        assert not visitor.console(), path
    asked = [one for one in visitor.requests() if one.startswith(("http:", "https:", "ws:"))]
    assert asked
    assert all(visitor.base.partition("//")[2] in one for one in asked)


def test_who_is_not_signed_in_is_asked_to_and_comes_back(console: Running) -> None:
    with pages.browsing(console.base, "zh") as found:
        found.goto("/tickets?view=all")
        found.until("return location.pathname === '/sign-in'")
        found.type("input[name=login]", "admin")
        found.type("input[name=password]", "wrong")
        found.click(found.element("button[type=submit]"))
        found.until("return document.getElementById('told').innerText.length > 5")
        found.goto("/sign-in?next=https://elsewhere.example/")
        found.type("input[name=login]", "admin")
        found.type("input[name=password]", PASSWORD)
        found.click(found.element("button[type=submit]"))
        found.until("return location.pathname === '/'")
        assert found.run("return location.origin") == console.base

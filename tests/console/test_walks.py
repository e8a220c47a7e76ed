# ruff: noqa: E501 - scripts and pieces of pages
"""What each kind of visitor comes for, done as they do it, in a real browser and in both languages."""

from __future__ import annotations

import contextlib
import csv
import random
from pathlib import Path

import av
import numpy as np
import pytest

from taihang.app import ledger
from taihang.app.client.client import Client
from taihang.trust.ledger import verify
from tests.console import hostile, pages
from tests.console.running import PASSWORD, Running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900 * pages.SLOW)]


@pytest.mark.long  # a job or two each, in two languages
def test_an_inspector_goes_from_a_video_to_the_document_in_under_ten_clicks(visitor: pages.Pages, clip) -> None:
    visitor.patience_s, visitor.clicks = 180.0, 1  # the click that signed in
    _inspector(visitor, clip)
    assert visitor.clicks < 10


def _inspector(visitor: pages.Pages, clip) -> None:
    t = visitor.t
    visitor.goto("/")
    visitor.click(t("videos.title"))
    visitor.until("return location.pathname === '/videos'")
    visitor.until("return window.did_handshake && document.querySelector('input[type=file]')")
    visitor.clicks += 1  # the button that opens the browser's own choice of a file
    visitor.attach("input[type=file]", clip.video)
    visitor.until("return location.search.includes('job=')")
    visitor.sees(clip.video.name)
    _looked(visitor)
    visitor.keys("j")
    visitor.until("return document.querySelector('.th-item[aria-current=true]')")
    assert "finding=" in visitor.run("return location.search")
    visitor.keys("r")
    visitor.type(".q-dialog input", "看不清 <script>document.title='x'</script>", clear=False)
    visitor.keys(pages.ENTER)
    visitor.sees(t("videos.state.rejected"))
    assert visitor.run("return document.title") != "x"
    # A zone over most of the picture, pulled from corner to corner; then again with it.
    visitor.until("return !document.querySelector('.q-dialog__backdrop')")
    visitor.run("document.activeElement.blur()")
    visitor.keys("z")
    visitor.until("return document.querySelector('svg.th-boxes').style.pointerEvents === 'auto'")
    box = visitor.run(
        "const b = document.querySelector('svg.th-boxes').getBoundingClientRect(); return [b.left, b.top, b.width, b.height]"
    )
    visitor.drag(*((box[0] + box[2] * x, box[1] + box[3] * y) for x, y in ((0.08, 0.12), (0.92, 0.86))))
    visitor.until("return document.querySelector('svg.th-boxes polygon.th-zone:not(.th-open)')")
    visitor.until(
        "return document.body.innerText.includes(arguments[0])",
        t("videos.zone_kept", name=t("videos.zone_name", number=1)),
    )
    visitor.click(t("videos.run"))
    visitor.until("return location.search.includes('job=')")
    _looked(visitor)
    assert (
        visitor.until("return document.querySelectorAll('svg.th-boxes polygon.th-zone').length") >= 1
    )  # the zone is still there
    _corrected(visitor)
    visitor.sees(t("videos.boxes", count=1))
    document = visitor.until("return [...document.querySelectorAll('a')].find(a => a.innerText === 'DOCX')?.href")
    visitor.clicks += 1  # a click on that link; a browser without a window cannot show what it saves
    got = visitor.run(
        "return fetch(arguments[0]).then(a => a.arrayBuffer()).then(b => [b.byteLength, String.fromCharCode(...new Uint8Array(b).slice(0, 2))])",
        document,
    )
    assert got[0] > 10_000
    assert got[1] == "PK"


def _looked(visitor: pages.Pages) -> None:
    """The check has run, and the page stands with what it found."""
    visitor.until("return !location.search.includes('job=') && document.querySelectorAll('.th-item').length > 0")
    visitor.until("return [...document.querySelectorAll('div')].some(e => e.taihang) && window.did_handshake")
    visitor.until("return document.querySelector('video').readyState >= 2")


def _corrected(visitor: pages.Pages) -> None:
    """Step to a finding with a box, pull the box's corner, say why."""
    for _ in range(visitor.run("return document.querySelectorAll('.th-item').length")):
        visitor.keys("j")
        with contextlib.suppress(AssertionError):
            visitor.patience_s = 3.0
            visitor.until("return document.querySelector('rect.th-box')")
            break
    visitor.patience_s = 60.0
    at = visitor.until(
        "const b = document.querySelector('rect.th-box')?.getBoundingClientRect(); return b && [b.right, b.bottom]"
    )
    visitor.drag((at[0] - 2, at[1] - 2), (at[0] + 14, at[1] + 10))
    visitor.type(".q-dialog input", "框偏小", clear=False)
    visitor.keys(pages.ENTER)
    visitor.sees(visitor.t("videos.boxes", count=1))
    drawn = "const r = document.querySelector('rect.th-corrected'); return r && ['x', 'y', 'width', 'height'].map(m => Number(r.getAttribute(m)))"
    there = visitor.until(drawn)
    # Loaded anew, the box stands where it was put.
    visitor.goto(visitor.run("return location.pathname + location.search"))
    visitor.sees("框偏小")
    assert visitor.until(drawn) == pytest.approx(there, abs=0.11)


@pytest.mark.long
def test_a_video_that_the_browser_cannot_play_is_made_playable(
    console: Running, visitor: pages.Pages, tmp_path: Path
) -> None:
    old = tmp_path / f"旧式-{visitor.language}.avi"
    with av.open(str(old), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(60):
            for packet in stream.encode(
                av.VideoFrame.from_ndarray(np.full((240, 320, 3), number * 4, np.uint8), format="rgb24")
            ):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    version = console.client.upload(old, kind="video").version
    visitor.patience_s = 120.0
    visitor.goto(f"/videos/{version}")
    visitor.sees(visitor.t("videos.part"))
    visitor.until(
        "const v = document.querySelector('video'); return v.src.includes('/clips/0') && v.readyState >= 2 && v.videoWidth === 320"
    )
    assert visitor.run("return Math.round(document.querySelector('video').duration)") == 6
    visitor.until("return !document.body.innerText.includes(arguments[0])", visitor.t("videos.part"))
    before = [job.id for job in console.client.jobs(kind="clip-asset")]
    visitor.goto(f"/videos/{version}")  # made once: the second time it is there
    visitor.until("const v = document.querySelector('video'); return v.src.includes('/clips/0') && v.readyState >= 2")
    assert [job.id for job in console.client.jobs(kind="clip-asset")] == before


@pytest.fixture
def workers(tmp_path: Path, visitor: pages.Pages) -> Path:
    """A table that no other visitor has brought: what is known already was assessed already."""
    made = random.Random(visitor.language)
    path = tmp_path / f"工人-{visitor.language}.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["id", "name", "age"])
        for number in range(300):
            rows.writerow(
                [number, "" if number % 30 == 0 else f"工{number}", 200 if number % 50 == 0 else made.randint(18, 60)]
            )
    return path


@pytest.mark.long  # a job or two each, in two languages
def test_a_steward_builds_rules_sees_the_bad_rows_compares_and_opens_a_ticket(
    console: Running, visitor: pages.Pages, workers: Path
) -> None:
    t = visitor.t
    visitor.patience_s = 120.0
    visitor.goto("/quality")
    visitor.until("return window.did_handshake && document.querySelector('input[type=file]')")
    visitor.attach("input[type=file]", workers)
    visitor.until("return /^\\/quality\\/version-/.test(location.pathname)")
    visitor.sees(t("quality.not_yet"))
    page = visitor.run("return location.pathname")
    _assessed(visitor, page)
    visitor.click(visitor.element(".th-rule .q-item"))
    visitor.click(t("quality.show_rows"))
    visitor.until("return document.querySelectorAll('.th-rule tbody tr').length")
    rows = visitor.run(
        "return [...document.querySelectorAll('.th-rule tbody tr')].map(r => Number(r.cells[0].innerText))"
    )
    assert rows == list(range(0, 300, 30))
    # Another version of the same table, by the same rules: what changed is told.
    lines = workers.read_text(encoding="utf-8").splitlines()
    workers.write_text("\n".join(line.replace(",,", ",有,") for line in lines) + "\n", encoding="utf-8")
    version = console.client.upload(workers, kind="table").version
    _assessed(visitor, f"/quality/{version}")
    visitor.sees(t("quality.compare"))
    assert visitor.until("return document.querySelector('.th-change-fixed .th-number')?.innerText") == "1"
    visitor.goto(page)
    visitor.click(visitor.element(".th-rule .q-item"))
    visitor.click(t("quality.ticket"))
    visitor.until("return location.pathname.startsWith('/tickets/ticket-')")
    visitor.sees(workers.name)


def _assessed(visitor: pages.Pages, page: str) -> None:
    """A rule by form, tried on a sample, then run."""
    t = visitor.t
    visitor.goto(page)
    visitor.until("return window.did_handshake")
    visitor.click(t("quality.run"))
    visitor.type(f'.q-dialog input[aria-label="{t("quality.column")}"]', "name")
    visitor.click(t("quality.add"))
    visitor.sees("not_null")
    visitor.click(visitor.element(".q-dialog .q-expansion-item .q-item"))
    visitor.click(t("rules.run"))
    assert visitor.until("return document.querySelector('.q-dialog tbody tr')?.cells[1].innerText") == "1"
    visitor.click(t("quality.start"))
    visitor.until("return location.pathname.startsWith('/jobs/')")
    visitor.sees(t("jobs.report"))
    visitor.goto(page)
    visitor.until("return window.did_handshake && document.querySelector('main h1')")


@pytest.mark.long  # a job or two each, in two languages
def test_an_owner_works_a_ticket_to_verified(console: Running, visitor: pages.Pages, tmp_path: Path) -> None:
    t, on = visitor.t, console.client
    visitor.patience_s = 120.0
    bad = tmp_path / f"台账-{visitor.language}.csv"
    bad.write_text('name\n张三\n""\n', encoding="utf-8")
    text = f"taihang: rules/1\nid: owned-{visitor.language}\nversion: '1'\ntitle: {{zh: 台账, en: Register}}\nrules:\n- {{id: named, title: {{zh: 有名, en: named}}, table: data, level: yellow, dimension: completeness, check: {{kind: not_blank, column: name}}}}\n"
    book = on._line.call(
        "POST", "rulebooks", key=on._line.fresh_key(), json={"name": f"owned-{visitor.language}", "text": text}
    ).json()["id"]
    version = on.upload(bad, kind="table").version
    assert on.wait(on.submit("assess-asset", {"version": version, "rules": book, "table": "data"}).id).state == "done"
    ticket = next(one["id"] for one in on.get("tickets")["items"] if one["asset"] == bad.name)
    visitor.goto("/tickets")
    visitor.click(visitor.element(f".th-table a[href='/tickets/{ticket}']"))
    visitor.sees(t("tickets.history"))
    visitor.type("textarea", "已安排 / arranged")
    visitor.click(t("tickets.comment"))
    visitor.until("return document.querySelector('.th-event')?.innerText.includes('arranged')")
    if on.get(f"tickets/{ticket}")["state"] in {"new", "acknowledged"}:
        visitor.click(t("tickets.take"))
        visitor.until(
            "return document.querySelector('[aria-current=step]').innerText === arguments[0]",
            t("tickets.state.assigned"),
        )
    visitor.click(t("tickets.do.resolved"))
    visitor.sees(t("tickets.reason_needed"))
    visitor.type("textarea", "修好了")
    bad.write_text("name\n张三\n李四\n", encoding="utf-8")
    on.upload(bad, kind="table")
    visitor.click(t("tickets.do.resolved"))
    visitor.sees(t("tickets.verify_note"))
    visitor.click(t("tickets.verify"))
    visitor.until("return location.pathname.startsWith('/jobs/')")
    visitor.click(visitor.element("main a[href^='/tickets/']"))  # back to what the job is for
    visitor.until("return location.pathname.startsWith('/tickets/')")
    visitor.until(
        "return document.querySelector('[aria-current=step]')?.innerText === arguments[0]", t("tickets.state.verified")
    )
    assert on.get(f"tickets/{ticket}")["state"] == "verified"


@pytest.mark.long
def test_an_auditor_verifies_a_report(console: Running, visitor: pages.Pages, foreign: dict[str, str]) -> None:
    hostile.report_again(console, 11)
    report = console.client.get("reports", version=foreign["hostile"])["items"][0]["id"]
    button = "document.querySelector(`a[href='/api/v1/reports/${arguments[0]}/proof']`)?.closest('tr').querySelector('button')"
    # A decision is sealed a moment after it was made.
    visitor.patience_s = 120.0
    visitor.goto("/audit")
    visitor.until("return fetch(`/api/v1/reports/${arguments[0]}/proof`).then(a => a.ok)", report)
    # Others have reported since: an older report is some pages on.
    first = "document.querySelector('a[href$=\"/proof\"]').href"
    for _ in range(50):
        if visitor.run(f"return !!{button}", report):
            break
        shown = visitor.until(f"return {first}")
        visitor.click(visitor.t("later"))
        visitor.until(f"return {first} !== arguments[0]", shown)
    visitor.click(visitor.until(f"return {button}", report))
    visitor.until(f"return {button}.closest('td').innerText.includes(arguments[1])", report, visitor.t("audit.holds"))
    assert visitor.run("return document.querySelectorAll('.th-state-done').length") == 1
    proof = visitor.run("return fetch(`/api/v1/reports/${arguments[0]}/proof`).then(a => a.text())", report)
    key = console.client._line.call("GET", "ledger/key").text.strip()
    verify.bundle(proof, ledger.policy(key))  # and the file that the page offers holds without the server


@pytest.mark.long
def test_an_administrator_adds_a_tenant_a_role_and_a_token(console: Running, visitor: pages.Pages) -> None:
    t = visitor.t
    visitor.goto("/admin")
    visitor.type(f'input[aria-label="{t("entry.login")}"]', f"wang-{visitor.language}")
    visitor.click(t("admin.invite"))
    visitor.sees(t("admin.invited"))
    assert "/welcome#" in visitor.until("return document.querySelector('.q-dialog input').value")
    visitor.goto("/admin?tab=policies")
    visitor.type(f'input[aria-label="{t("roles.name")}"]', f"night-{visitor.language}")
    visitor.type(f'input[aria-label="{t("roles.actions")}"]', "ticket:update", clear=False)
    visitor.click(
        visitor.until(
            "return [...document.querySelectorAll('.q-menu .q-item')].find(e => e.innerText.trim() === 'ticket:update')"
        )
    )
    visitor.keys("\ue00c")
    visitor.click(t("roles.add"))
    visitor.sees(t("roles.activate"))
    visitor.click(t("roles.activate"))
    newest = "document.querySelector('main tbody tr:first-child .th-state-done')"
    visitor.until(f"return {newest}?.innerText === arguments[0]", t("roles.in_force"))
    assert f"night-{visitor.language}" in console.client.get("roles")["roles"]
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
        "/live",
        "/findings",
        "/quality",
        "/tickets",
        "/assets",
        "/jobs",
        "/rules",
        "/rules/edit",
        "/audit",
        "/admin",
        "/admin?tab=policies",
    ):
        visitor.goto(path)
        visitor.until("return window.did_handshake && document.querySelector('main.th-main h1')")
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

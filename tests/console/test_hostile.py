# ruff: noqa: E501 - scripts
"""Bad input through a real browser: what somebody typed, sent or forged is text, is refused in a line, or is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from tests.console import conftest, hostile, pages
from tests.console.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(900 * pages.SLOW)]
SCRIPT = "<img src=x onerror=window.pwned=1>\"'${window.pwned=1}{{window.pwned=1}}"
PAGES = ("/videos", "/findings", "/quality", "/tickets", "/assets", "/jobs", "/rules", "/rules/edit", "/audit", "/admin",
         "/admin?tab=policies", "/admin?tab=tenants", "/admin?tab=tokens")  # fmt: skip
_FIELDS = """return [...document.querySelectorAll('main input, main textarea')].filter(e => e.getClientRects().length
  && !e.readOnly && !e.disabled && !['file', 'number', 'checkbox'].includes(e.type) && e.getAttribute('role') !== 'combobox')"""


@pytest.fixture(scope="module")
def browser(console: Running) -> Iterator[pages.Pages]:
    """One browser for all of them."""
    with pages.browsing(console.base, "zh") as found:
        found.patience_s = 60.0
        conftest.sign_in(found)
        yield found


def _opened(browser: pages.Pages, path: str) -> None:
    browser.goto(path)
    browser.until("return window.did_handshake && document.querySelector('main h1, main .th-empty-title')")


def _harmless(browser: pages.Pages, where: str) -> None:
    assert not browser.run("return window.pwned"), where
    wide = browser.run("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1], f"{where} is wider than the window: {wide}"


@pytest.fixture(scope="module")
def things(console: Running, browser: pages.Pages, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A table of a hostile name and cells, sent through the browser, judged; and the ticket that it gave."""
    on = console.client
    folder = tmp_path_factory.mktemp("hostile")
    bad = folder / "<img src=x onerror=window.pwned=1>.csv"
    bad.write_text(
        f'name,"{SCRIPT.replace(chr(34), chr(34) * 2)}"\n"<script>window.pwned=1</script>",1\n"",2\n', encoding="utf-8"
    )
    _opened(browser, "/quality")
    browser.attach("input[type=file]", bad)
    browser.until("return /^\\/quality\\/version-/.test(location.pathname)")
    version = browser.run("return location.pathname.split('/').pop()")
    rule = '{id: named, title: {zh: "<img src=x onerror=window.pwned=1>", en: "<img src=x onerror=window.pwned=1>"}, table: data, level: red, dimension: completeness, check: {kind: not_blank, column: name}}'
    text = f"taihang: rules/1\nid: hostile\nversion: '1'\ntitle: {{zh: \"<script>window.pwned=1</script>\", en: x}}\nrules:\n- {rule}\n"
    book = on._line.call("POST", "rulebooks", key=on._line.fresh_key(), json={"name": "hostile", "text": text}).json()
    job = on.submit("assess-asset", {"version": version, "rules": book["id"], "table": "data", "lang": "zh"}).id
    assert on.wait(job).state == "done"
    ticket = next(one["id"] for one in on.get("tickets")["items"] if one["asset"] == bad.name)
    asset = on.get(f"versions/{version}")["asset_id"]
    return {
        "version": version,
        "ticket": ticket,
        "asset": asset,
        "book": book["asset_id"],
        "job": job,
        "name": bad.name,
    }


def test_what_is_typed_into_any_field_is_text(browser: pages.Pages, things: dict[str, str]) -> None:
    more = (f"/tickets/{things['ticket']}", f"/quality/{things['version']}", f"/rules/edit?asset={things['book']}")
    typed = 0
    for path in (*PAGES, *more):
        _opened(browser, path)
        for number in range(len(browser.run(_FIELDS))):
            field = browser.run(f"{_FIELDS}[{number}]")
            if field is None:
                continue
            browser.put(field, SCRIPT)
            typed += 1
        browser.keys(pages.ENTER)
        browser.until("return document.readyState === 'complete'")
        _harmless(browser, path)
    assert typed >= 15


def test_what_was_kept_of_it_is_shown_as_it_was_typed(
    browser: pages.Pages, console: Running, things: dict[str, str]
) -> None:
    t = browser.t
    _opened(browser, f"/tickets/{things['ticket']}")
    browser.type("textarea", SCRIPT)
    browser.click(t("tickets.comment"))
    browser.until(
        "return [...document.querySelectorAll('.th-event')].some(e => e.innerText.includes(arguments[0]))", SCRIPT
    )
    _opened(browser, "/admin?tab=tokens")
    browser.type(f'input[aria-label="{t("admin.name")}"]', SCRIPT)
    browser.click(t("admin.issue"))
    browser.sees(t("admin.once"))
    for path in ("/admin?tab=tokens", "/audit", "/quality", "/assets", "/findings", "/tickets", "/rules", "/jobs", "/", f"/tickets/{things['ticket']}",
                 f"/quality/{things['version']}", f"/assets/{things['asset']}", f"/jobs/{things['job']}", f"/rules/edit?asset={things['book']}"):  # fmt: skip
        _opened(browser, path)
        _harmless(browser, path)
    _opened(browser, f"/assets/{things['asset']}")
    browser.sees(things["name"])
    _opened(browser, "/admin?tab=tokens")
    browser.sees(SCRIPT)
    _opened(browser, f"/quality/{things['version']}")  # the bad rows, and the columns' own names
    browser.click(browser.element(".th-rule .q-item"))
    browser.click(t("quality.show_rows"))
    browser.until("return document.querySelectorAll('.th-rule tbody tr').length")
    _harmless(browser, "bad rows")


def test_text_from_right_to_left_stands_by_itself(
    browser: pages.Pages, things: dict[str, str], foreign: dict[str, str]
) -> None:
    _opened(browser, f"/tickets/{things['ticket']}")
    browser.type("textarea", hostile.RTL)
    browser.click(browser.t("tickets.comment"))
    found = browser.until(
        "return [...document.querySelectorAll('.th-event *')].find(e => !e.children.length && e.innerText === arguments[0])",
        hostile.RTL,
    )
    assert browser.run("return getComputedStyle(arguments[0]).direction", found) == "rtl"
    _opened(browser, "/assets")
    found = browser.until(
        "return [...document.querySelectorAll('.th-table a')].find(e => e.innerText === arguments[0])", hostile.RTL
    )
    assert browser.run("return getComputedStyle(arguments[0]).direction", found) == "rtl"
    assert browser.run("return getComputedStyle(document.querySelector('.th-table')).direction") == "ltr"


def test_a_forged_address_shows_a_page(browser: pages.Pages) -> None:
    for path in hostile.FORGED:
        _opened(browser, path)
        assert not [one for one in browser.console() if "SyntaxError" in one or "TypeError" in one], path
        _harmless(browser, path)


def test_what_is_another_tenants_is_not_there(browser: pages.Pages, foreign: dict[str, str]) -> None:
    for path in ("/quality/{version}", "/videos/{version}", "/assets/{asset}", "/assets/of/{version}"):
        _opened(browser, path.format(**foreign))
        browser.until("return document.querySelector('main [role=alert]')")
        assert "secret-plan" not in browser.run("return document.documentElement.outerHTML"), path


def test_a_report_that_is_gone_ends_on_a_page(browser: pages.Pages, foreign: dict[str, str]) -> None:
    browser.goto("/api/v1/reports/report-0000000000000000/files/report.html")
    browser.sees(browser.t("unavailable.gone"))
    browser.click(browser.t("start"))
    browser.until("return location.pathname === '/' && document.querySelector('main h1')")
    _opened(browser, f"/videos/{foreign['gone']}")  # known, but its bytes are not there any more
    browser.sees("gone.mp4")
    browser.sees(browser.t("videos.nothing"))


def test_what_a_video_says_of_itself_is_text(browser: pages.Pages, console: Running, tmp_path: Path) -> None:
    path = tmp_path / "<b onmouseover=window.pwned=1>巡检.mp4"
    said = dict.fromkeys(("title", "artist", "comment", "description"), "<img src=x onerror=window.pwned=1>")
    with av.open(str(path), "w") as out:
        out.metadata.update(said)
        stream = out.add_stream("h264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(20):
            shown = np.full((240, 320, 3), number * 9, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        out.mux(stream.encode())
    on = console.client
    version = on.upload(path, kind="video").version
    job = on.submit("inspect-asset", {"version": version, "lang": "zh"})
    assert on.wait(job.id).state == "done"
    for where in (f"/videos/{version}", "/videos", f"/jobs/{job.id}", "/"):
        _opened(browser, where)
        _harmless(browser, where)
    report = on.get("reports", version=version)["items"][0]["id"]
    browser.goto(f"/api/v1/reports/{report}/files/report.html")
    browser.until("return document.querySelector('main, h1')")
    assert not browser.run("return window.pwned")
    assert browser.run("return !document.querySelector('img[src=x]')")

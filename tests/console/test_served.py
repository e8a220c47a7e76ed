"""What the console serves for addresses that nobody made by clicking: forged, foreign, gone, hostile."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.console.hostile import FORGED, SCRIPT
from tests.console.running import PASSWORD, Running


@pytest.fixture(scope="module")
def web(console: Running) -> Iterator[httpx.Client]:
    """A visitor without a browser, signed in as the administrator."""
    with httpx.Client(base_url=console.base, trust_env=False, timeout=60, headers={"Accept-Language": "en"}) as made:
        assert made.post("/api/v1/session", json={"login": "admin", "password": PASSWORD}).status_code == 201
        yield made


@pytest.mark.parametrize("path", FORGED, ids=range(len(FORGED)))
def test_a_forged_address_is_answered_with_a_page(web: httpx.Client, path: str) -> None:
    answer = web.get(path)
    assert answer.status_code == 200, answer.text[:500]
    assert "Traceback" not in answer.text
    assert "th-main" in answer.text
    assert "<script>window.pwned" not in answer.text


@pytest.mark.parametrize(
    "where", ["/quality/{version}", "/videos/{version}", "/assets/{asset}", "/assets/of/{version}"]
)
def test_what_is_another_tenants_is_not_there(web: httpx.Client, foreign: dict[str, str], where: str) -> None:
    theirs = web.get(where.format(**foreign)).text
    assert "secret-plan" not in theirs
    assert "theirs" not in theirs
    # Told in the same words as what has never been.
    never = web.get(where.format(version="version-0000000000000000", asset="asset-0000000000000000")).text
    said = [re.sub(r"(version|asset)-[0-9a-f]{16}", "ID", _trouble(page)) for page in (theirs, never)]
    assert said[0] == said[1] != ""


@pytest.mark.parametrize("path", ["/quality", "/assets", "/findings", "/assets?q=script", "/quality/{hostile}"])
def test_hostile_names_are_text(web: httpx.Client, foreign: dict[str, str], path: str) -> None:
    page = web.get(path.format(**foreign)).text
    assert SCRIPT not in page
    assert "window.pwned" in page  # it is shown, as what it is


def test_a_name_of_ten_thousand_characters_is_refused_in_one_line(web: httpx.Client) -> None:
    name = "x" * 10_000
    made = web.post("/api/v1/tokens", json={"name": name, "scopes": ["asset:read"], "days": 1}, headers=_csrf(web))
    assert made.status_code == 400
    assert "\n" not in made.json()["detail"]


def test_a_video_whose_report_and_bytes_are_gone_still_has_its_page(web: httpx.Client, foreign: dict[str, str]) -> None:
    page = web.get(f"/videos/{foreign['gone']}").text
    assert "gone.mp4" in page
    answer = web.get("/api/v1/reports/report-0000000000000000/files/report.html", headers={"Accept-Language": "en"})
    assert answer.status_code == 404
    assert "report" in answer.json()["detail"]


def test_a_page_of_a_later_domain_takes_one_registration(web: httpx.Client, console: Running) -> None:
    page = web.get("/later").text
    assert "a later domain en" in page
    assert "/later" in web.get("/tickets").text  # and stands in the navigation of every other page
    with httpx.Client(base_url=console.base, trust_env=False) as nobody:
        assert nobody.get("/later").headers["location"].startswith("/sign-in")


def test_a_long_list_is_a_page_of_it(web: httpx.Client, foreign: dict[str, str]) -> None:
    page = web.get("/findings").text
    assert page.count("made-up") == 0
    assert 45 <= len(re.findall(r"/quality/version-[0-9a-f]{16}\?finding=", page)) <= 50


def _trouble(page: str) -> str:
    found = re.search(r"There is no [^\"\\]*|there is no [^\"\\]*|[^\"\\]*not found[^\"\\]*", page)
    return found[0] if found else ""


def _csrf(web: httpx.Client) -> dict[str, str]:
    return {"X-CSRF-Token": web.get("/api/v1/me").json()["csrf"]}


def test_an_alert_of_a_node_stands_on_the_live_page_as_text(web: httpx.Client) -> None:
    rule = {"id": "r", "title": {"zh": SCRIPT, "en": SCRIPT}, "rulebook": "b", "rulebook_version": "1", "level": "red",
            "rulebook_sha256": "0" * 64, "dimension": "personnel"}  # fmt: skip
    finding = {"rule": rule, "verdict": "violated", "level": "red", "message": {"zh": SCRIPT, "en": SCRIPT},
               "place": {"table": "people", "start_s": 1.0, "end_s": 2.0}}  # fmt: skip
    film = b"\x00\x00\x00\x18ftypisom" + bytes(99)
    clip = {"sha256": hashlib.sha256(film).hexdigest(), "bytes": len(film), "base64": base64.b64encode(film).decode()}
    told = {"id": "alert-0123456789abcdef", "node": "belt-3", "stream": "gate", "frame_at": "2026-11-30T08:00:00Z",
            "clip": clip, "finding": finding}  # fmt: skip
    made = web.post("/api/v1/alerts", json=told, headers=_csrf(web))
    assert made.status_code == 201, made.text
    page = web.get("/live").text
    assert "belt-3 · gate" in page
    assert "window.pwned" in page
    assert SCRIPT not in page
    # Its clip has a page; there is no page of a report that it could lead to.
    assert "report.html" not in web.get(f"/videos/{made.json()['version']}").text

"""Sign-in through a real provider over HTTP: the journey, its cookie, and what a stranger's return comes to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import platforms
from fixtures import provider as fixture


@pytest.fixture(scope="module")
def provider() -> Iterator[fixture.Remote]:
    with fixture.running() as found:
        yield found


@pytest.fixture
def here(provider: fixture.Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[platforms.Running]:
    provider.control()
    settings = {
        "corp": {
            "issuer": provider.issuer,
            "client_id": fixture.CLIENT,
            "client_secret": "env:CORP_SECRET",
            "roles": {"safety": "inspector"},
        }
    }
    monkeypatch.setenv("CORP_SECRET", fixture.SECRET)
    monkeypatch.setenv("TAIHANG_IDENTITY_PROVIDERS", json.dumps(settings))
    with platforms.running("sqlite", tmp_path) as one:
        yield one


def test_a_journey_ends_signed_in(here: platforms.Running, provider: fixture.Remote) -> None:
    provider.control(claims={"sub": "u-1", "preferred_username": "li", "groups": ["safety"]})
    browser = here.client()
    assert browser.get("/api/v1/providers").json() == {"items": ["corp"]}
    made = browser.post("/api/v1/providers/corp/journeys", json={"return_to": "/tickets"})
    assert made.status_code == 201
    assert "HttpOnly" in made.headers["set-cookie"]
    back = provider.visit(made.json()["url"])
    arrived = browser.post("/api/v1/providers/corp/arrivals", json=back)
    assert arrived.status_code == 201, arrived.text
    assert arrived.json()["return_to"] == "/tickets"
    me = browser.get("/api/v1/me").json()
    assert (me["login"], me["roles"], me["tenant"]) == ("li#corp", ["inspector"], "default")
    again = browser.post("/api/v1/providers/corp/arrivals", json=back)
    assert (again.status_code, again.headers["content-type"]) == (401, "application/problem+json")


def test_another_browser_cannot_end_it(here: platforms.Running, provider: fixture.Remote) -> None:
    provider.control(claims={"sub": "u-1", "groups": ["safety"]})
    made = here.client().post("/api/v1/providers/corp/journeys", json={})
    back = provider.visit(made.json()["url"])
    stranger = here.client()
    refused = stranger.post("/api/v1/providers/corp/arrivals", json=back)
    assert refused.status_code == 401
    assert "browser" in refused.json()["detail"]
    assert stranger.get("/api/v1/me").status_code == 401


def test_what_is_wrong_is_told_in_one_line(here: platforms.Running, provider: fixture.Remote) -> None:
    browser = here.client()
    for fault, status in (("nonce", 401), ("denied", 401), ("down", 503)):
        provider.control(fault=fault)
        made = browser.post("/api/v1/providers/corp/journeys", json={})
        refused = browser.post("/api/v1/providers/corp/arrivals", json=provider.visit(made.json()["url"]))
        assert refused.status_code == status
        assert "\n" not in refused.json()["detail"]
    assert browser.post("/api/v1/providers/none/journeys", json={}).status_code == 404

"""Signing in as a browser does, CSRF, links, tokens and their scopes; calls that are repeated; changes that race."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fixtures import holdings, platforms
from starlette.testclient import TestClient

from taihang.app.api import answers


def _browser(running: platforms.Running) -> tuple[TestClient, str]:
    client = running.client()
    answer = client.post("/api/v1/session", json={"login": "first", "password": platforms.PASSWORD})
    assert answer.status_code == 201
    return client, answer.json()["csrf"]


def test_a_browser_signs_in_changes_and_signs_out(running: platforms.Running) -> None:
    client, csrf = _browser(running)
    cookie = client.cookies.get("taihang")
    assert cookie is not None
    assert client.get("/api/v1/me").json()["login"] == "first"
    body = {"name": "mine", "scopes": ["asset:read"], "days": 1}
    assert client.post("/api/v1/tokens", json=body).status_code == 403
    assert client.post("/api/v1/tokens", json=body, headers={"X-CSRF-Token": "0" * 64}).status_code == 403
    assert client.post("/api/v1/tokens", json=body, headers={"X-CSRF-Token": csrf}).status_code == 201
    assert client.delete("/api/v1/session", headers={"X-CSRF-Token": csrf}).status_code == 204
    client.cookies.set("taihang", cookie)
    assert client.get("/api/v1/me").status_code == 401


def test_the_cookie_is_for_the_browser_alone(local: platforms.Running) -> None:
    client = local.client()
    made = client.post("/api/v1/session", json={"login": "first", "password": platforms.PASSWORD}).headers["set-cookie"]
    assert "HttpOnly" in made
    assert "SameSite=strict" in made
    away = TestClient(local.app, "https://taihang.example", client=("203.0.113.9", 1))
    far = away.post("/api/v1/session", json={"login": "first", "password": platforms.PASSWORD}).headers["set-cookie"]
    assert far.startswith("__Host-taihang=")
    assert "Secure" in far


def test_a_wrong_password_an_unknown_login_and_a_closed_account_are_answered_alike(local: platforms.Running) -> None:
    client = local.client()
    wrong = client.post("/api/v1/session", json={"login": "first", "password": "x" * 20})
    nobody = client.post("/api/v1/session", json={"login": "nobody", "password": "x" * 20})
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json()["detail"] == nobody.json()["detail"]


@pytest.mark.parametrize(
    "given",
    ["Bearer", "Bearer ", "Basic Zmlyc3Q6eA==", "Bearer tht_0000000000000000_" + "A" * 43, "bearer x y z", "\xff"],
)
def test_a_wrong_token_is_nobody(local: platforms.Running, given: str) -> None:
    answer = local.client().get("/api/v1/me", headers={"Authorization": given.encode("latin-1")})
    assert answer.status_code == 401


def test_a_token_does_what_its_scopes_say_and_no_more(local: platforms.Running) -> None:
    token = local.token(local.admin, "finding:read")
    client = TestClient(local.app, headers={"Authorization": f"Bearer {token}"})
    assert client.get("/api/v1/findings").status_code == 200
    assert client.get("/api/v1/assets").status_code == 403
    assert client.post("/api/v1/tokens", json={"name": "n", "scopes": ["*:*"], "days": 1}).status_code == 403


def test_an_invited_person_joins_by_a_link_that_works_once(local: platforms.Running) -> None:
    made = local.client(local.admin).post("/api/v1/invitations", json={"login": "wang", "roles": ["viewer"]})
    secret = made.json()["url"].rpartition("#")[2]
    stranger = local.client()
    assert stranger.post("/api/v1/links/look", json={"secret": secret}).json()["kind"] == "invite"
    used = {"secret": secret, "password": platforms.PASSWORD}
    assert stranger.post("/api/v1/links/redeem", json=used).json()["roles"] == ["viewer"]
    assert local.client().post("/api/v1/links/redeem", json=used).status_code == 401


def test_the_same_key_is_the_same_call(running: platforms.Running) -> None:
    client = running.client(running.admin)
    version = holdings.everything(running, running.principal("default", "steward", "engineer", "admin"), "own")[
        "version"
    ]
    body = {"kind": "profile-asset", "parameters": {"version": version}}
    first = client.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": "k-1"})
    again = client.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": "k-1"})
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    other = client.post("/api/v1/jobs", json={**body, "kind": "assess-asset"}, headers={"Idempotency-Key": "k-1"})
    assert other.status_code == 422
    another = running.client(running.principal("default", "steward"))
    assert (
        another.post("/api/v1/jobs", json=body, headers={"Idempotency-Key": "k-1"}).json()["id"] != first.json()["id"]
    )


def test_twins_at_the_same_moment_make_one(running: platforms.Running) -> None:
    barrier = threading.Barrier(6)
    client = running.client(running.admin)

    def call(_: int) -> Any:
        barrier.wait()
        return client.post("/api/v1/tenants", json={"id": "twin"}, headers={"Idempotency-Key": "twin"})

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(call, range(6)))
    assert {one.status_code for one in made} == {201}, [one.text for one in made]
    assert len({one.text for one in made}) == 1


def test_a_failed_call_may_be_tried_again_under_its_key(local: platforms.Running) -> None:
    client = local.client(local.admin)
    key = {"Idempotency-Key": "again"}
    body = {"name": "small", "text": "not a rulebook"}
    assert client.post("/api/v1/rulebooks", json=body, headers=key).status_code == 422
    assert client.post("/api/v1/rulebooks", json=body, headers=key).status_code == 422


def test_a_reservation_whose_process_died_is_free_after_its_lease(
    local: platforms.Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = answers.Answers(local.whole.store)
    assert kept._reserve("k", local.admin, "0" * 64) is None
    assert kept._reserve("k", local.admin, "0" * 64) is not None
    later = answers._now() + answers._LEASE * 2
    monkeypatch.setattr(answers, "_now", lambda: later)
    assert kept._reserve("k", local.admin, "0" * 64) is None


def test_who_changes_what_somebody_else_changed_is_told(running: platforms.Running) -> None:
    own = holdings.everything(running, running.principal("default", "steward", "engineer", "admin"), "own")
    client = running.client(running.admin)
    place = f"/api/v1/assets/{own['asset']}"
    tag = client.get(place).headers["etag"]
    assert client.patch(place, json={"description": "one"}, headers={"If-Match": tag}).status_code == 200
    late = client.patch(place, json={"description": "two"}, headers={"If-Match": tag})
    assert late.status_code == 412
    assert client.get(place).json()["description"] == "one"
    finding = f"/api/v1/versions/{own['version']}/findings/{own['finding']}"
    seen = client.get(finding).headers["etag"]
    review = {"state": "rejected", "reason": "it is a shadow"}
    assert client.post(f"{finding}/review", json=review, headers={"If-Match": seen}).status_code == 200
    other = {"state": "accepted", "reason": "it is a person"}
    assert client.post(f"{finding}/review", json=other, headers={"If-Match": seen}).status_code == 412
    assert [one["reason"] for one in client.get(f"{finding}/reviews").json()["items"]] == ["it is a shadow"]


SQL = [
    "' OR 1=1 --",
    "'; DROP TABLE jobs; --",
    "%' UNION SELECT 1--",
    "\\'; --",
    "$$; --",
    '" OR ""="',
    "1) OR (1=1",
    "admin'/*",
]


def test_sql_is_only_text(running: platforms.Running) -> None:
    own = running.client(running.admin)
    lists = (("assets", "q"), ("assets", "tag"), ("findings", "rule"), ("findings", "asset"), ("tickets", "owner"))
    for text in SQL:
        for path, field in lists:
            answer = own.get(f"/api/v1/{path}", params={field: text})
            assert (answer.status_code, answer.json().get("items")) == (200, []), answer.text
        assert own.get("/api/v1/jobs", params={"kind": text}).status_code == 422
        for path in ("assets", "jobs", "tickets", "versions", "reports", "users", "schedules", "tokens"):
            assert own.get(f"/api/v1/{path}/{text.replace('/', '')}").status_code in {400, 404}
        running.client().post("/api/v1/session", json={"login": text, "password": text})
    assert own.get("/api/v1/jobs").status_code == 200


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "/etc/passwd", "report.html/../../x", "....//x"]
)
def test_a_path_leads_nowhere_but_to_a_reports_own_files(local: platforms.Running, name: str) -> None:
    own = holdings.everything(local, local.principal("default", "steward", "engineer", "admin"), "own")
    answer = local.client(local.admin).get(f"/api/v1/reports/{own['report']}/files/{name}")
    assert answer.status_code in {400, 404}
    assert "root:" not in answer.text
    tile = local.client(local.principal("default", "auditor")).get(f"/api/v1/ledger/tile/{name}")
    assert tile.status_code in {400, 404}

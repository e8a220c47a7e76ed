"""A rulebook that is paused runs nowhere, one that is locked takes nothing new, and one can go back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import platforms

BOOK = """taihang: rules/1
id: own
version: "{version}"
title: {{zh: 自有, en: Own}}
rules:
- {{id: named, table: data, level: yellow, dimension: completeness, check: {{kind: not_blank, column: name}}}}
"""


@pytest.fixture
def one(tmp_path: Path) -> Iterator[platforms.Running]:
    with platforms.running("sqlite", tmp_path) as found:
        yield found


def test_a_locked_rulebook_takes_no_version_until_it_is_unlocked(one: platforms.Running) -> None:
    web = one.client(one.principal("default", "steward"))
    first = web.post("/api/v1/rulebooks", json={"name": "own", "text": BOOK.format(version=1)}).json()
    at = f"/api/v1/rulebooks/own/{first['asset_id']}"
    assert "taihang:locked" in web.patch(at, json={"locked": True}).json()["tags"]
    refused = web.post("/api/v1/rulebooks", json={"name": "own", "text": BOOK.format(version=2)})
    assert (refused.status_code, "own.rules.yaml is locked" in refused.json()["detail"]) == (409, True)
    # Saying something about the asset does not take the lock away.
    assert web.patch(f"/api/v1/assets/{first['asset_id']}", json={"tags": ["mine"]}).status_code == 200
    assert set(web.get(f"/api/v1/assets/{first['asset_id']}").json()["tags"]) == {"mine", "taihang:locked"}
    assert web.post("/api/v1/rulebooks", json={"name": "own", "text": BOOK.format(version=1)}).status_code == 201
    web.patch(at, json={"locked": False})
    assert web.post("/api/v1/rulebooks", json={"name": "own", "text": BOOK.format(version=2)}).status_code == 201


def test_what_is_in_force_goes_back_to_an_earlier_version(one: platforms.Running) -> None:
    web = one.client(one.principal("default", "steward"))
    old, new = (
        web.post("/api/v1/rulebooks", json={"name": "own", "text": BOOK.format(version=n)}).json() for n in (1, 2)
    )
    at = f"/api/v1/rulebooks/own/{old['asset_id']}"
    assert web.post(f"{at}/roll-back", json={"version": old["id"]}).status_code == 201
    assert web.get(f"/api/v1/assets/{old['asset_id']}").json()["latest"] == old["id"]
    web.patch(at, json={"locked": True})
    assert web.post(f"{at}/roll-back", json={"version": new["id"]}).status_code == 409
    other = web.post("/api/v1/rulebooks", json={"name": "another", "text": BOOK.format(version=1)}).json()
    assert web.post(f"{at}/roll-back", json={"version": other["id"]}).status_code == 404


def test_no_job_uses_a_paused_rulebook(one: platforms.Running) -> None:
    web = one.client(one.principal("default", "steward"))
    book = web.post("/api/v1/rulebooks", json={"name": "own", "text": BOOK.format(version=1)}).json()
    job = {"kind": "assess-asset", "parameters": {"version": book["id"], "rules": book["id"]}}
    at = f"/api/v1/rulebooks/own/{book['asset_id']}"
    web.patch(at, json={"paused": True})
    refused = web.post("/api/v1/jobs", json=job)
    assert (refused.status_code, "is paused" in refused.json()["detail"]) == (409, True)
    web.patch(at, json={"paused": False})
    assert web.post("/api/v1/jobs", json=job).status_code == 201


def test_only_who_may_change_rulebooks_holds_them_and_the_ledger_says_who(one: platforms.Running) -> None:
    steward = one.principal("default", "steward")
    web = one.client(steward)
    book = web.post("/api/v1/rulebooks", json={"name": "own", "text": BOOK.format(version=1)}).json()
    at = f"/api/v1/rulebooks/own/{book['asset_id']}"
    assert one.client(one.principal("default", "viewer")).patch(at, json={"paused": True}).status_code == 403
    assert one.client(one.principal("elsewhere", "steward")).patch(at, json={"paused": True}).status_code == 404
    web.patch(at, json={"paused": True, "locked": True})
    one.whole.publish()
    found = one.client(one.admin).get("/api/v1/ledger/decisions", params={"subject": book["asset_id"]}).json()["items"]
    assert [item["kind"] for item in found] == ["rulebook"]

"""Alerts of edge nodes: kept with their clip, found again, made tickets; hostile ones refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from fixtures import platforms
from use.video.cascade import nodes

from taihang.app import edge
from taihang.core import ids

FILM = b"\x00\x00\x00\x18ftypisom" + bytes(200)


def _finding(level: str = "orange", **place: Any) -> dict[str, Any]:
    rule = {"id": "zone-entry", "title": {"zh": "进入禁区", "en": "entry"}, "rulebook": "b", "rulebook_version": "1",
            "rulebook_sha256": "0" * 64, "dimension": "personnel", "level": level}  # fmt: skip
    return {
        "rule": rule, "verdict": "violated", "level": level, "message": {"zh": "有人", "en": "somebody"},
        "place": {"table": "people", "start_s": 102.5, "end_s": 104.0, **place},
    }  # fmt: skip


def _alert(number: int = 1, film: bytes | None = FILM, **more: Any) -> dict[str, Any]:
    clip = None
    if film is not None:
        clip = {"sha256": ids.digest(film), "bytes": len(film), "base64": base64.b64encode(film).decode()}
    return {"id": f"alert-{number:016x}", "node": "n1", "stream": "gate", "frame_at": "2026-11-30T08:00:00+08:00",
            "clip_from_s": 100.0, "clip": clip, "finding": _finding(), **more}  # fmt: skip


def test_an_alert_is_kept_once_with_its_clip_and_a_ticket(running: platforms.Running) -> None:
    node = running.client(running.principal("default", "inspector"))
    first = node.post("/api/v1/alerts", json=_alert())
    assert first.status_code == 201, first.text
    assert node.post("/api/v1/alerts", json=_alert()).json() == first.json()
    looker = running.client(running.principal("default", "viewer"))
    [one] = looker.get("/api/v1/alerts").json()["items"]
    assert (one["node"], one["stream"], one["level"], one["state"], one["clip"]) == (
        "n1",
        "gate",
        "orange",
        "open",
        True,
    )
    # The moment of the violation in the clip's own time.
    assert one["finding"]["place"]["start_s"] == 2.5
    assert one["finding"]["evidence"][0]["asset"] == ids.digest(FILM)
    assert looker.get(f"/api/v1/versions/{one['version_id']}/content").content == FILM
    assert looker.get(f"/api/v1/tickets/{one['ticket']}").json()["level"] == "orange"
    assert first.json()["ticket"] == one["ticket"] != ""
    assert one["synthetic"] is False
    # The same trouble again, with another clip: another alert, the same ticket.
    again = node.post("/api/v1/alerts", json=_alert(2, FILM + b"x", frame_at="2026-11-30T08:01:00+08:00")).json()
    assert again["ticket"] == one["ticket"]
    newest = looker.get("/api/v1/alerts", params={"limit": 1}).json()
    assert newest["items"][0]["at"].startswith("2026-11-30T00:01")
    [older] = looker.get("/api/v1/alerts", params={"limit": 1, "after": newest["next"]}).json()["items"]
    assert older["id"] == one["id"]


def test_an_alert_of_rendered_pictures_says_so_wherever_it_is_shown(local: platforms.Running) -> None:
    node = local.client(local.principal("default", "inspector"))
    assert node.post("/api/v1/alerts", json=_alert(synthetic=True)).status_code == 201
    [one] = node.get("/api/v1/alerts").json()["items"]
    assert one["synthetic"] is True
    assert node.get(f"/api/v1/versions/{one['version_id']}").json()["asset"]["synthetic"] is True


def test_without_a_clip_or_the_right_to_tickets_it_is_an_alert_all_the_same(local: platforms.Running) -> None:
    who = local.principal("default", "inspector")
    scopes = ("asset:create", "blob:create", "report:create")
    headers = {"Authorization": f"Bearer {local.token(who, *scopes)}"}
    made = local.client().post("/api/v1/alerts", json=_alert(film=None), headers=headers)
    assert made.status_code == 201, made.text
    assert made.json()["ticket"] == ""
    [one] = local.client(who).get("/api/v1/alerts").json()["items"]
    assert (one["clip"], one["ticket"]) == (False, "")
    assert local.client().post("/api/v1/alerts", json=_alert()).status_code == 401
    viewer = local.client(local.principal("default", "viewer"))
    assert viewer.post("/api/v1/alerts", json=_alert()).status_code == 403
    other = local.client(local.principal("elsewhere", "admin"))
    assert other.get("/api/v1/alerts").json()["items"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "../x"},
        {"node": "a/b"},
        {"stream": ""},
        {"frame_at": "yesterday"},
        {"clip_from_s": -1},
        {"more": 1},
        {"finding": {**_finding(), "verdict": "insufficient"}},
        {"finding": {**_finding(), "verdict": "fine"}},
        {"finding": {}},
        {"clip": {"sha256": "0" * 64, "bytes": 5, "base64": "§"}},
        {"clip": {"sha256": "0" * 64, "bytes": 5, "base64": base64.b64encode(FILM).decode()}},
        {"clip": {"sha256": ids.digest(b"no film at all"), "bytes": 14,
                  "base64": base64.b64encode(b"no film at all").decode()}},
    ],
)  # fmt: skip
def test_what_is_no_alert_is_refused_in_one_line(local: platforms.Running, wrong: dict[str, Any]) -> None:
    node = local.client(local.principal("default", "inspector"))
    said = node.post("/api/v1/alerts", json={**_alert(), **wrong})
    assert said.status_code in {400, 422}, said.text
    assert "\n" not in said.json().get("detail", "")
    assert node.get("/api/v1/alerts").json()["items"] == []


def test_a_node_reports_to_the_console_what_it_warns_of(
    local: platforms.Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = local.principal("default", "inspector")
    monkeypatch.setenv("CONSOLE_TOKEN", local.token(who))
    film = nodes.film(tmp_path / "a.mp4", 20, [(3, 6), (13, 16)])
    with platforms.served(local.app) as url:
        plan = edge.settings(
            [str(film)], rules=nodes.rules(tmp_path), detector="bright", console=url, console_token="env:CONSOLE_TOKEN"
        )
        done = edge.run(plan, out=tmp_path / "out", node="n1", wait_s=60)
    assert done.status["alerts"]["console"]["sent"] == 2, done.status
    rows = local.client(who).get("/api/v1/alerts").json()["items"]
    assert [(row["node"], row["stream"], row["rule"], row["clip"]) for row in rows] == [
        ("n1", "a.mp4", "somebody", True)
    ] * 2
    # One trouble, one ticket; the violation lies within its clip.
    assert len({row["ticket"] for row in rows}) == 1
    assert all(0 < row["finding"]["place"]["start_s"] < 6 for row in rows)
    told = json.loads((tmp_path / "out" / "alerts.jsonl").read_text().splitlines()[1])
    clip = (tmp_path / "out" / told["clip"]).read_bytes()
    assert local.client(who).get(f"/api/v1/versions/{rows[0]['version_id']}/content").content == clip

"""Two tenants: whatever one asks about the other's things is answered as for things that are nowhere."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from fixtures import holdings, platforms

from taihang.engines.store import schema

MARK = "hidden5f3c"
NOWHERE = {
    "upload": "upload-0123456789abcdef", "version": "version-0123456789abcdef", "asset": "asset-0123456789abcdef",
    "report": "report-0123456789abcdef", "finding": "finding-0123456789abcdef", "ticket": "ticket-0123456789abcdef",
    "job": "job-0123456789abcdef", "schedule": "schedule-0123456789abcdef", "token": "fedcba9876543210",
    "policy": "7", "session": "ses-0123456789abcdef", "user": "acc-0123456789abcdef",
    "decision": "decision-0123456789abcdef", "run": "run-nowhere", "sha256": "ab" * 32,
    "hold": "hold-0123456789abcdef", "deletion": "version-0011223344556677", "delivery": "delivery-0123456789abcdef",
}  # fmt: skip
# What a caller would do to its own right to call.
_OWN = {"sign_out", "switch_tenant"}
_BODIES: dict[str, dict[str, Any]] = {
    "describe_asset": {"description": "x"},
    "review_finding": {"state": "rejected", "reason": "x"},
    "grant_roles": {"roles": ["viewer"]},
    "switch_schedule": {"enabled": False},
    "move_ticket": {"to": "acknowledged"},
    "comment_ticket": {"text": "x"},
    "verify_ticket": {"version": "{version}", "rules": "mine-demo"},
    "change_tenant": {"name": "x"},
    "release_hold": {"reason": "x"},
    "revoke_certificate": {"reason": "x"},
    "delete_version": {"cause": "request", "early": True},
    "hold_rulebook": {"paused": True},
    "roll_back_rulebook": {"version": "{version}"},
}
_REFERRING: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "jobs", {"kind": "profile-asset", "parameters": {"version": "{version}"}}),
    ("POST", "jobs", {"kind": "profile-asset", "parameters": {"version": "{sha256}"}}),
    ("POST", "jobs", {"kind": "assess-asset", "parameters": {"version": "{own}", "rules": "{version}"}}),
    ("POST", "jobs", {"kind": "inspect-asset", "parameters": {"version": "{own}", "zones": "{version}"}}),
    (
        "POST",
        "schedules",
        {"name": "n", "trigger": {"on": "webhook"}, "kind": "profile-asset", "parameters": {"version": "{version}"}},
    ),
    ("POST", "jobs", {"kind": "clip-asset", "parameters": {"version": "{version}", "part": 0}}),
    ("POST", "jobs", {"kind": "certify-reports", "parameters": {"reports": ["{report}"]}}),
    ("POST", "jobs", {"kind": "mask-asset", "parameters": {"version": "{version}"}}),
    ("POST", "jobs", {"kind": "text-asset", "parameters": {"version": "{own}", "reference": "{version}"}}),
    ("POST", "jobs", {"kind": "text-asset", "parameters": {"version": "{own}", "word_list": "{version}"}}),
    ("POST", "jobs", {"kind": "causes-asset", "parameters": {"versions": ["{own}", "{version}"]}}),
    ("POST", "jobs", {"kind": "causes-asset", "parameters": {"reports": ["{report}"]}}),
    ("POST", "jobs", {"kind": "causes-asset", "parameters": {"versions": ["{own}"], "constraints": "{version}"}}),
    ("GET", "certificates?version={version}", {}),
    ("POST", "tickets", {"version": "{version}", "finding": "{finding}"}),
    ("POST", "tickets", {"version": "{own}", "finding": "{finding}"}),
    ("GET", "versions/{version}/clips/0", {}),
    ("GET", "versions/{own}/changes?since={version}", {}),
    ("GET", "versions/{version}/findings/{finding}", {}),
    ("GET", "versions/{own}/findings/{finding}", {}),
    ("GET", "lineage/nodes/{version}/columns/a", {}),
    ("GET", "lineage/nodes/{version}?direction=down", {}),
    *(("GET", f"findings?{name}={{{name}}}", {}) for name in ("version", "asset", "report", "job")),
    ("GET", "findings/levels?version={version}", {}),
    ("GET", "findings/levels?asset={asset}", {}),
    ("GET", "reports?version={version}", {}),
    ("GET", "tickets?asset={asset}", {}),
    ("GET", "ledger/decisions?subject={sha256}", {}),
    ("GET", "reports/{report}/files/report.json", {}),
    ("POST", "holds", {"target": "{version}", "reason": "x"}),
    ("POST", "holds", {"target": "{asset}", "reason": "x"}),
    ("GET", "holds?target={version}&released=true", {}),
    ("GET", "versions/{version}/quarantine?lifted=true", {}),
    ("GET", "deletions/{deletion}", {}),
]


@pytest.fixture
def tenants(running: platforms.Running) -> Iterator[tuple[platforms.Running, dict[str, str], Any, dict[str, str]]]:
    """A platform, what one tenant owns, a client of another with every role there is, and what that one owns."""
    roles = ("inspector", "steward", "engineer", "admin", "auditor")
    theirs = holdings.everything(running, running.principal("mine-a", *roles), MARK)
    other = running.principal("mine-b", *roles)
    own = holdings.everything(running, other, "own")
    yield running, theirs, running.client(other), own


def _operations(running: platforms.Running) -> Iterator[tuple[str, str, str, list[str]]]:
    document = running.app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            names = re.findall(r"\{(\w+)\}", path)
            if operation["operationId"] not in _OWN and operation.get("security") != []:
                yield method.upper(), path, operation["operationId"], names


def _each(ids: dict[str, str]) -> dict[str, str]:
    return {
        "version_id": ids["version"], "id": ids["finding"], "name": "report.json", "node": ids["version"], "column": "a"
    }  # fmt: skip


def _call(client: Any, method: str, path: str, body: Any, more: dict[str, str] | None = None) -> tuple[int, str]:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", **(more or {})}
    content = {} if method in {"GET", "HEAD", "DELETE"} else {"json": body}
    if "/uploads/" in path and method == "PATCH":
        headers["Content-Type"] = "application/offset+octet-stream"
        content = {"content": b"x"}
    answer = client.request(method, path, headers=headers, **content)
    return answer.status_code, re.sub(r"urn:taihang:request:\w+", "", answer.text)


def test_another_tenants_id_is_answered_as_one_that_is_nowhere(tenants: Any) -> None:
    running, theirs, client, _ = tenants
    before = _rows(running, "mine-a")
    asked = 0
    for method, path, operation, names in _operations(running):
        if not names:
            continue
        # Every kind of id in every place: a route that takes the wrong kind must not leak either.
        # Policies are numbered from 1 in each tenant: a number names nothing of anybody else.
        for kinds in itertools.product(sorted(set(theirs) - {"policy"}), repeat=1 if len(names) == 1 else 0):
            answers = []
            for ids in (theirs, NOWHERE):
                chosen = dict.fromkeys(names, ids[kinds[0]]) if kinds else _each(ids)
                filled = path.format(**{name: chosen.get(name, "x") for name in names})
                body = json.loads(json.dumps(_BODIES.get(operation, {})).replace("{version}", ids["version"]))
                status, text = _call(client, method, filled, body)
                for name, value in ids.items():
                    text = text.replace(value, f"<{name}>") if len(value) > 3 else text
                answers.append((status, text))
            assert answers[0] == answers[1], f"{method} {path} tells {kinds}: {answers}"
            assert MARK not in answers[0][1], (method, path)
            assert answers[0][0] != 500, (method, path)
            asked += 1
    assert asked > 400
    assert _rows(running, "mine-a") == before


def test_bodies_and_queries_that_name_anothers_things_learn_nothing(tenants: Any) -> None:
    running, theirs, client, own = tenants
    before = _rows(running, "mine-a")
    for method, path, body in _REFERRING:
        answers = []
        for ids in (theirs, NOWHERE):
            values = {**ids, "own": own["version"]}
            plain = json.dumps(body)
            for name, value in values.items():
                plain = plain.replace(f"{{{name}}}", value)
            status, text = _call(client, method, f"/api/v1/{path.format(**values)}", json.loads(plain))
            for name, value in ids.items():
                text = text.replace(value, f"<{name}>") if len(value) > 3 else text
            answers.append((status, text))
        assert answers[0] == answers[1], f"{method} {path}: {answers}"
        assert MARK not in answers[0][1]
    assert _rows(running, "mine-a") == before


def test_no_list_holds_anything_of_another_tenant(tenants: Any) -> None:
    running, theirs, client, _ = tenants
    secret = [value for name, value in theirs.items() if len(value) > 3 and name not in {"sha256"}]
    for method, path, _operation, names in _operations(running):
        if method != "GET" or names:
            continue
        text = client.get(path, headers={"Tus-Resumable": "1.0.0"}).text
        assert MARK not in text, path
        assert not [value for value in secret if value in text], path
    for query in (MARK, MARK[:3], "csv"):
        assert MARK not in client.get("/api/v1/assets", params={"q": query}).text


def test_entries_of_all_tenants_are_the_platforms_own(tenants: Any) -> None:
    running, _, client, _ = tenants
    assert client.get("/api/v1/ledger/tile/entries/000").status_code == 403
    auditor = running.client(running.principal("default", "auditor"))
    head = auditor.get("/api/v1/ledger/checkpoint").text.splitlines()
    size = int(head[1])
    assert auditor.get(f"/api/v1/ledger/tile/entries/000.p/{size}").status_code == 200


def test_who_has_no_role_may_do_nothing(running: platforms.Running) -> None:
    own = holdings.everything(running, running.principal("mine-a", "steward", "engineer", "admin"), "own")
    client = running.client(running.principal("mine-a"))
    allowed = {"me", "list_uploads", "list_tokens", "list_sessions", "create_token", "change_password", "end_session"}
    for method, path, operation, names in _operations(running):
        body = json.loads(json.dumps(_BODIES.get(operation, {})).replace("{version}", own["version"]))
        filled = path.format(**{name: _fitting(path, own) for name in names})
        status, text = _call(client, method, filled, body)
        if operation not in allowed:
            # 400: what was sent is not even read as a call; 404: not of the kind that the path wants.
            assert status in {400, 403, 404, 415}, (method, filled, status, text)


def _fitting(path: str, own: dict[str, str]) -> str:
    noun = path.removeprefix("/api/v1/").split("/")[0].rstrip("s")
    return own.get(
        {"tile": "version", "ledger": "decision", "lineage": "version", "policie": "policy"}.get(noun, noun), "x"
    )


def _rows(running: platforms.Running, tenant: str) -> dict[str, list[Any]]:
    """Everything that a tenant has in the store, but when its token was last used."""
    found = {}
    with running.whole.store.read() as conn:
        for table in schema.metadata.sorted_tables:
            if schema.is_tenanted(table) and table.name != "api_tokens":
                rows = conn.execute(sa.select(table).where(table.c.tenant == tenant)).all()
                found[table.name] = sorted(map(repr, rows))
    return found

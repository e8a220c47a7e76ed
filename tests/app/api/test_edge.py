"""What every answer carries, and how what cannot be read is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures import platforms

from taihang.app.api import factory, language, settings


def test_every_answer_carries_its_id_and_forbids_what_browsers_might_do(local: platforms.Running) -> None:
    answer = local.client().get("/api/v1/health", headers={"X-Request-ID": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    strange = local.client().get("/api/v1/health", headers={"X-Request-ID": "a b\tc"})
    assert strange.headers["x-request-id"] not in {"a b\tc", ""}


@pytest.mark.parametrize(
    ("header", "word"),
    [("zh-CN,en;q=0.5", "尚未登录"), ("en", "nobody is signed in"), ("fr, zh;q=0.2, en;q=0.7", "nobody")],
)
def test_errors_are_problems_in_the_callers_language(local: platforms.Running, header: str, word: str) -> None:
    answer = local.client().get("/api/v1/me", headers={"Accept-Language": header})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    problem = answer.json()
    assert word in problem["detail"]
    assert problem["status"] == 401
    assert problem["instance"].endswith(answer.headers["x-request-id"])


@pytest.mark.parametrize("header", ["", "*", ";;;", "zh;q=x", "q=1", "en;q=0", "," * 10_000, "zh;q=1e999"])
def test_a_strange_language_header_gets_the_servers_own(header: str) -> None:
    assert language.chosen(header) == "en"


def test_a_body_that_is_too_large_or_broken_is_refused_before_anything_else(tmp_path: Path) -> None:
    with platforms.running("sqlite", tmp_path, settings.Api(body_bytes=2000, rate_per_s=1e6, burst=10**6)) as one:
        client = one.client(one.admin)
        assert client.post("/api/v1/jobs", content=b"x" * 200_000).status_code == 413

        def endless() -> Callable[[], bytes]:
            yield from (b"x" * 1000 for _ in range(100))  # type: ignore[misc]

        assert client.post("/api/v1/jobs", content=endless()).status_code == 413
        for broken in (b"{", b"\xff\xfe", b'{"kind":', b"[]", b"null", b"[" * 1000, b'{"kind": NaN, "parameters": {}}'):
            answer = client.post("/api/v1/jobs", content=broken, headers={"Content-Type": "application/json"})
            assert answer.status_code == 400, broken
            assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/api/v1/assets/a%00b", "/api/v1/assets?q=%00"])
def test_a_nul_is_refused(local: platforms.Running, path: str) -> None:
    assert local.client(local.admin).get(path).status_code == 400


def test_what_is_not_there_and_what_may_not_be_done_are_problems_too(local: platforms.Running) -> None:
    client = local.client(local.admin)
    assert client.get("/api/v1/nothing").json()["code"] == "app.api:no_route"
    wrong = client.request("PUT", "/api/v1/jobs")
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "GET, POST"
    assert wrong.headers["content-type"] == "application/problem+json"


def test_a_defect_tells_the_caller_nothing_but_its_id(
    local: platforms.Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret of the machine room")

    monkeypatch.setattr(local.whole.jobs, "list", broken)
    answer = local.client(local.admin).get("/api/v1/jobs")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["code"] == "app.api:defect"


def test_only_named_hosts_are_answered(tmp_path: Path) -> None:
    with platforms.running("sqlite", tmp_path) as one:
        app = factory.create(one.whole, settings.Api(hosts="taihang.example"))
        one.app = app
        client = one.client()
        assert client.get("/api/v1/health", headers={"Host": "taihang.example:8080"}).status_code == 200
        assert client.get("/api/v1/health", headers={"Host": "127.0.0.1:1"}).status_code == 200
        assert client.get("/api/v1/health", headers={"Host": "evil.example"}).status_code == 400


def test_who_calls_too_often_waits(tmp_path: Path) -> None:
    with platforms.running("sqlite", tmp_path, settings.Api(rate_per_s=0.01, burst=5)) as one:
        client = one.client(one.admin)
        answers = [client.get("/api/v1/me") for _ in range(7)]
        assert [a.status_code for a in answers] == [200] * 5 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) >= 1


def test_who_guesses_tokens_waits_and_the_right_one_with_them(tmp_path: Path) -> None:
    with platforms.running("sqlite", tmp_path, settings.Api(tries_per_minute=3)) as one:
        guesses = [one.client().get("/api/v1/me", headers={"Authorization": f"Bearer tht_{n}"}) for n in range(5)]
        assert [g.status_code for g in guesses] == [401] * 3 + [429] * 2


def test_a_get_says_its_state_and_is_not_sent_twice(local: platforms.Running) -> None:
    client = local.client(local.admin)
    first = client.get("/api/v1/roles")
    tag = first.headers["etag"]
    again = client.get("/api/v1/roles", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/api/v1/roles", headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_document_names_every_operation_in_both_languages(local: platforms.Running) -> None:
    made = json.loads(local.client().get("/api/v1/openapi.json").content)
    operations = [one for path in made["paths"].values() for one in path.values()]
    assert len(operations) > 40
    for one in operations:
        assert one["summary"].isascii()
        assert not one["description"].isascii()
        assert "4XX" in one["responses"]

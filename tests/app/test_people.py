"""The verbs users, tenants, tokens and policies, as an operator on the machine uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.testing
from fixtures import stores

from taihang.app import cli
from taihang.core import errors
from taihang.engines.store import opening
from taihang.trust.access import guard, policies
from taihang.trust.identity import accounts, settings

PASSWORD = "granite otter lantern 7"
OWN = 'permit(principal in Taihang::Role::"dispatcher", action == Taihang::Action::"job:create", resource);'


@pytest.fixture(params=stores.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[opening.Store]:
    for name, value in (("PASSES", "1"), ("MEMORY_MIB", "8"), ("LANES", "1")):
        monkeypatch.setenv(f"TAIHANG_IDENTITY_ARGON2_{name}", value)
    with stores.url(request.param, tmp_path) as url:
        monkeypatch.setenv("TAIHANG_STORE", url)
        found = opening.open_store(url)
        yield found
        found.close()


def said(*words: str, code: int = 0) -> str:
    result = typer.testing.CliRunner().invoke(cli.app, list(words), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def lines(*words: str) -> list[dict]:
    return [json.loads(line) for line in said(*words, "--json").splitlines()]


def people(store: opening.Store) -> accounts.Accounts:
    return accounts.Accounts(store, limits=settings.Identity.current())


def test_from_the_first_link_to_a_tenant_with_people(store: opening.Store) -> None:
    link = lines("users", "first-link", "--url", "https://host")[0]["url"]
    assert link.startswith("https://host/welcome#thl_")
    people(store).redeem(link.partition("#")[2], PASSWORD, login="boss")
    with pytest.raises(errors.Conflict, match="first admin already"):
        said("users", "first-link")
    place, invited = lines("tenants", "create", "north", "--name", "北方", "--admin", "li")
    assert (place["name"], place["in_use"]) == ("北方", True)
    session = people(store).redeem(invited["url"].partition("#")[2], PASSWORD)
    assert (session.principal.tenant, session.principal.roles) == ("north", ("admin",))
    found = lines("users", "list", "--tenant", "north")
    assert [(one["login"], one["roles"], one["state"]) for one in found] == [("li", ["admin"], "active")]
    assert "北方" in said("tenants", "list")
    with pytest.raises(errors.Conflict, match="last active admin"):
        said("users", "grant", "li", "--role", "viewer", "--tenant", "north")
    lines("users", "invite", "wang", "--role", "viewer", "--tenant", "north")
    said("users", "sign-out", "li", "--tenant", "north")
    said("tenants", "disable", "north")
    assert [one["in_use"] for one in lines("tenants", "list")] == [True, False]
    said("tenants", "enable", "north")
    said("tenants", "rename", "north", "North")
    with pytest.raises(errors.NotFound, match="no tenant south"):
        said("users", "list", "--tenant", "south")


def test_members_come_change_and_go(store: opening.Store) -> None:
    people(store).redeem(lines("users", "first-link")[0]["url"].partition("#")[2], PASSWORD, login="boss")
    link = lines("users", "invite", "li", "--role", "viewer", "--name", "李", "--email", "li@example.com")[0]["url"]
    account = people(store).redeem(link.partition("#")[2], PASSWORD).principal.name
    assert lines("users", "grant", "li", "--role", "steward", "--role", "auditor")[0]["roles"] == ["steward", "auditor"]
    reset = lines("users", "reset", account)[0]["url"]
    people(store).redeem(reset.partition("#")[2], PASSWORD + "8")
    said("users", "disable", "li")
    assert [one["state"] for one in lines("users", "list") if one["login"] == "li"] == ["disabled"]
    said("users", "enable", "li")
    said("users", "remove", "li")
    assert [one["login"] for one in lines("users", "list")] == ["boss"]
    said("users", "erase", account)
    with pytest.raises(errors.NotFound):
        said("users", "reset", account)
    with pytest.raises(errors.UserError, match="no role king"):
        said("users", "invite", "x", "--role", "king")


def test_tokens(store: opening.Store) -> None:
    people(store).redeem(lines("users", "first-link")[0]["url"].partition("#")[2], PASSWORD, login="boss")
    secret = said("tokens", "issue", "boss", "nightly", "--scope", "asset:read", "--days", "30").strip()
    assert people(store).tokens.resolve(secret).scopes == ("asset:read",)
    listed = lines("tokens", "list")
    assert (listed[0]["name"], listed[0]["revoked"]) == ("nightly", False)
    assert secret not in said("tokens", "list")
    said("tokens", "revoke", listed[0]["id"])
    with pytest.raises(errors.Forbidden):
        people(store).tokens.resolve(secret)
    with pytest.raises(errors.UserError, match="not a scope"):
        said("tokens", "issue", "boss", "x", "--scope", "everything")


def test_policies(store: opening.Store, tmp_path: Path) -> None:
    text, cases = tmp_path / "own.cedar", tmp_path / "cases.json"
    text.write_text(OWN)
    cases.write_text(json.dumps([{"roles": ["dispatcher"], "action": "job:create", "allowed": True}]))
    options = ("--cases", str(cases), "--role", "dispatcher")
    assert "as said" in said("policies", "check", str(text), *options)
    assert lines("policies", "draft", str(text), *options, "--note", "trial")[0]["in_force"] is False
    said("policies", "activate", "1")
    assert lines("policies", "list")[0]["in_force"] is True
    assert said("policies", "show", "1").strip() == OWN
    assert policies.Policies(store).own_roles("default") == ("dispatcher",)
    lines("users", "invite", "wang", "--role", "dispatcher")
    said("policies", "activate", "0")
    assert said("policies", "show", "0") == guard.text()
    assert len(lines("policies", "table")) > 60
    cases.write_text(json.dumps([{"roles": ["viewer"], "action": "job:create", "allowed": True}]))
    assert "NOT as said" in said("policies", "check", str(text), *options, code=1)


@pytest.mark.parametrize(
    "wrong", ["{", "[{}]", '[{"roles": [], "action": "asset:fly", "allowed": true}]', "[" * 100_000, "7"]
)
def test_cases_that_are_none(tmp_path: Path, wrong: str) -> None:
    text, cases = tmp_path / "own.cedar", tmp_path / "cases.json"
    text.write_text(OWN)
    cases.write_text(wrong)
    with pytest.raises(errors.UserError, match=r"cases\.json") as caught:
        said("policies", "check", str(text), "--cases", str(cases))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff")
    for name in ("missing", "bytes", "."):
        with pytest.raises(errors.UserError, match="cannot be read"):
            said("policies", "check", str(tmp_path / name))

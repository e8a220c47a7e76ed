"""Sessions and API tokens: what holds, what ends, and what a stranger's text comes to."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taihang.core import errors, principal
from taihang.trust.identity import accounts, refusal, secret, tables
from taihang.trust.ledger import entry, outbox
from tests.trust.identity.worlds import PASSWORD, World

DAY = datetime.timedelta(days=1)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_session_survives_a_restart(world: World) -> None:
    world.admin()
    session = world.accounts.sign_in("boss", PASSWORD, agent="Firefox")
    again = accounts.Accounts(world.store, now=world.clock, limits=world.limits)
    assert again.sessions.resolve(session.secret) == session
    assert sorted(listed.agent for listed in again.sessions.list(session.principal.name)) == ["", "Firefox"]


def test_each_sign_in_has_a_secret_of_its_own(world: World) -> None:
    world.admin()
    made = {world.accounts.sign_in("boss", PASSWORD).secret for _ in range(3)}
    assert len(made) == 3


def test_an_idle_session_ends_and_a_used_one_ends_later(world: World) -> None:
    world.admin()
    idle, used = world.accounts.sign_in("boss", PASSWORD), world.accounts.sign_in("boss", PASSWORD)
    for _ in range(23):
        world.clock.go(minutes=31)
        world.accounts.sessions.resolve(used.secret)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.resolve(idle.secret)
    world.clock.go(minutes=31)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.resolve(used.secret)


def test_an_ended_session_does_not_wake_when_the_clock_is_set_back(world: World) -> None:
    world.admin()
    session = world.accounts.sign_in("boss", PASSWORD)
    world.clock.go(hours=13)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.resolve(session.secret)
    world.clock.go(hours=-13)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.resolve(session.secret)


def test_a_session_from_a_clock_that_ran_ahead_does_not_hold(world: World) -> None:
    world.admin()
    world.clock.go(days=300)
    ahead = world.accounts.sign_in("boss", PASSWORD)
    token = world.accounts.tokens.issue(ahead.principal, "t", ["*:*"], DAY)
    world.clock.go(days=-300)
    for resolve, text in (
        (world.accounts.sessions.resolve, ahead.secret),
        (world.accounts.tokens.resolve, token.secret),
    ):
        with pytest.raises(refusal.NotSignedIn):
            resolve(text)


def test_a_last_use_in_the_future_is_set_right(world: World) -> None:
    world.admin()
    session = world.accounts.sign_in("boss", PASSWORD)
    world.clock.go(minutes=50)
    world.accounts.sessions.resolve(session.secret)
    world.clock.go(minutes=-40)
    world.accounts.sessions.resolve(session.secret)
    world.clock.go(minutes=61)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.resolve(session.secret)


def test_sessions_are_ended_by_their_owner_and_by_their_tenants_admin_only(world: World) -> None:
    platform = world.admin()
    north = world.tenant(platform, "north")
    li = world.member(platform, "li", "viewer")
    first, second = world.accounts.sign_in("li", PASSWORD), world.accounts.sign_in("li", PASSWORD)
    with pytest.raises(errors.NotFound):
        world.accounts.sessions.revoke(north, li.name, first.id)
    assert world.accounts.sessions.revoke(north, li.name) == 0
    world.accounts.sessions.revoke(li, li.name, first.id)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.resolve(first.secret)
    world.accounts.sessions.resolve(second.secret)
    assert world.accounts.sessions.revoke(platform, li.name) == 2
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.resolve(second.secret)
    third = world.accounts.sign_in("li", PASSWORD)
    world.accounts.sessions.sign_out(third)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.resolve(third.secret)


def test_switching_the_tenant_is_a_new_session(world: World) -> None:
    platform = world.admin()
    north = world.tenant(platform, "north")
    inside = principal.Principal(name=north.name, tenant="north")
    world.accounts.redeem(world.accounts.invite(inside, "boss", roles=["auditor"]).secret, PASSWORD)
    old = world.accounts.sign_in("boss", PASSWORD, tenant="default")
    new = world.accounts.sessions.switch(old, "north")
    assert (new.principal.tenant, new.principal.roles) == ("north", ("auditor",))
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.resolve(old.secret)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.switch(new, "elsewhere")


def test_a_token_acts_for_its_owner_within_its_scopes(world: World) -> None:
    admin = world.admin()
    li = world.member(admin, "li", "steward")
    issued = world.accounts.tokens.issue(li, "nightly", ["asset:read", "job:*"], DAY)
    who = world.accounts.tokens.resolve(issued.secret)
    assert who == principal.Principal(name=li.name, roles=("steward",), scopes=("asset:read", "job:*"))
    world.accounts.members.grant(admin, li.name, ["viewer"])
    assert world.accounts.tokens.resolve(issued.secret).roles == ("viewer",)
    world.accounts.members.disable(admin, li.name)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.tokens.resolve(issued.secret)


def test_a_token_says_when_it_was_used_and_ends_for_good(world: World) -> None:
    admin = world.admin()
    issued = world.accounts.tokens.issue(admin, "t", ["*:read"], 2 * DAY)
    assert world.accounts.tokens.list(admin)[0].used_at is None
    world.accounts.tokens.resolve(issued.secret)
    assert world.accounts.tokens.list(admin)[0].used_at == world.clock()
    world.clock.go(days=3)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.tokens.resolve(issued.secret)
    world.clock.go(days=-2)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.tokens.resolve(issued.secret)
    other = world.accounts.tokens.issue(admin, "u", ["*:read"], DAY)
    world.accounts.tokens.revoke(admin, other.token.id)
    world.accounts.tokens.revoke(admin, other.token.id)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.tokens.resolve(other.secret)


def test_calls_that_come_at_once_note_the_use_of_a_token_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = world.accounts.tokens
    issued = tokens.issue(world.admin(), "t", ["*:read"], DAY)
    written: list[str] = []
    whole = tokens._set

    def told(tenant: str, token_id: str, **values: Any) -> None:
        written.append(token_id)
        whole(tenant, token_id, **values)

    monkeypatch.setattr(tokens, "_set", told)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: tokens.resolve(issued.secret).name, range(24)))
    assert len(found) == 1
    assert written == [issued.token.id]
    world.clock.go(minutes=2)
    tokens.resolve(issued.secret)
    assert written == [issued.token.id] * 2


def test_a_token_of_another_tenant_is_not_there(world: World) -> None:
    platform = world.admin()
    north = world.tenant(platform, "north")
    issued = world.accounts.tokens.issue(north, "t", ["*:read"], DAY)
    for use in (world.accounts.tokens.get, world.accounts.tokens.revoke):
        with pytest.raises(errors.NotFound):
            use(platform, issued.token.id)
    assert world.accounts.tokens.list(platform) == []


@pytest.mark.parametrize("scope", ["", "asset", "asset:fly", "asset:read:x", "*", "ASSET:READ", "asset:re*", "king:*"])
def test_what_is_no_scope(world: World, scope: str) -> None:
    with pytest.raises(errors.UserError, match="not a scope"):
        world.accounts.tokens.issue(world.admin(), "t", [scope], DAY)


def test_a_token_needs_an_end_and_a_scope_and_is_never_broader_than_the_one_in_use(world: World) -> None:
    admin = world.admin()
    for expires in (datetime.timedelta(0), -DAY, 366 * DAY, datetime.datetime(2026, 4, 1)):
        with pytest.raises(errors.UserError, match="expires"):
            world.accounts.tokens.issue(admin, "t", ["asset:read"], expires)
    with pytest.raises(errors.UserError, match="scopes"):
        world.accounts.tokens.issue(admin, "t", [], DAY)
    narrow = admin.model_copy(update={"scopes": ("asset:*", "token:create")})
    world.accounts.tokens.issue(narrow, "t", ["asset:read"], DAY)
    for scope in ("job:read", "*:read", "*:*"):
        with pytest.raises(errors.Forbidden, match="broader"):
            world.accounts.tokens.issue(narrow, "t", [scope], DAY)


@QUICK
@given(
    text=st.one_of(
        st.text(max_size=80), st.binary(max_size=40), st.none(), st.integers(), st.from_regex(r"th[slt]_.{0,80}")
    )
)
def test_no_stranger_s_text_is_a_secret(world: World, text: object) -> None:
    world.store.create()
    for resolve in (world.accounts.sessions.resolve, world.accounts.tokens.resolve, world.accounts.offer):
        with pytest.raises(refusal.NotSignedIn):
            resolve(text)  # type: ignore[arg-type]


def test_a_secret_with_one_letter_changed_is_none(world: World) -> None:
    admin = world.admin()
    session = world.accounts.sign_in("boss", PASSWORD)
    token = world.accounts.tokens.issue(admin, "t", ["*:read"], DAY)
    for text, resolve in (
        (session.secret, world.accounts.sessions.resolve),
        (token.secret, world.accounts.tokens.resolve),
    ):
        for place in range(len(text)):
            wrong = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
            with pytest.raises(refusal.NotSignedIn):
                resolve(wrong)
        resolve(text)


def test_the_ledger_is_told_ids_and_no_names(world: World) -> None:
    admin = world.admin()
    li = world.member(admin, "li-personal", "viewer")
    world.accounts.members.grant(admin, li.name, ["steward"])
    token = world.accounts.tokens.issue(li, "t", ["*:read"], DAY)
    world.accounts.tokens.revoke(li, token.token.id)
    for _ in range(5):
        with pytest.raises(refusal.NotSignedIn):
            world.accounts.sign_in("li-personal", "wrong")
    with world.store.read() as conn:
        told = [entry.read(raw, "") for raw in conn.execute(sa.select(outbox.decisions.c.entry)).scalars()]
    kinds = {(one.kind, one.subject) for one in told}
    for kind in ("account", "permission", "sign-in", "token-issue", "token-revoke", "sign-in-locked"):
        assert (kind, li.name) in kinds
    text = str(told)
    assert "li-personal" not in text
    assert token.secret not in text
    assert secret.hashed(token.secret) not in text


def test_nothing_is_recorded_of_what_did_not_happen(world: World) -> None:
    admin = world.admin()

    def count() -> int:
        with world.store.read() as conn:
            return conn.execute(sa.select(sa.func.count()).select_from(outbox.decisions)).scalar_one()

    before = count()
    with pytest.raises(errors.Conflict):
        world.accounts.members.grant(admin, admin.name, ["viewer"])
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sign_in("nobody", "wrong")
    assert count() == before
    assert tables.tenants.name == "tenants"

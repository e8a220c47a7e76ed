"""Accounts as people meet them: the first link, invitations, passwords, waiting after wrong ones."""

from __future__ import annotations

import contextlib
import threading

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from taihang.core import errors, principal
from taihang.trust.identity import first, names, passwords, refusal, tables, tidy
from tests.trust.identity import worlds
from tests.trust.identity.worlds import OTHER, PASSWORD, World


def test_the_first_link_makes_one_admin_and_then_nothing(world: World) -> None:
    links = [first.admin_link(world.store, now=world.clock, limits=world.limits) for _ in range(2)]
    assert links[0] and links[1]
    assert links[0].url("https://host/") == f"https://host/welcome#{links[0].secret}"
    session = world.accounts.redeem(links[0].secret, PASSWORD, login="Boss", name="王工")
    assert session.principal.tenant == "default"
    assert "admin" in session.principal.roles
    assert world.accounts.get(session.principal.name).login == "boss"
    for link in links:
        with pytest.raises(refusal.NotSignedIn, match="link"):
            world.accounts.redeem(link.secret, PASSWORD, login="second")
    assert first.admin_link(world.store, now=world.clock, limits=world.limits) is None


def test_of_many_who_use_first_links_at_once_one_becomes_admin(world: World) -> None:
    links = [first.admin_link(world.store, now=world.clock, limits=world.limits) for _ in range(4)]
    won: list[str] = []
    lost: list[int] = []

    def use(number: int) -> None:
        try:
            won.append(world.accounts.redeem(links[number % 4].secret, PASSWORD, login=f"b{number}").id)
        except refusal.NotSignedIn:
            lost.append(number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    with world.store.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(tables.accounts)).scalar_one() == 1


def test_a_first_link_expires(world: World) -> None:
    link = first.admin_link(world.store, now=world.clock, limits=world.limits)
    world.clock.go(hours=25)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.redeem(link.secret, PASSWORD, login="boss")
    assert first.admin_link(world.store, now=world.clock, limits=world.limits) is not None


def test_no_secret_is_in_the_store(world: World) -> None:
    link = first.admin_link(world.store, now=world.clock, limits=world.limits)
    session = world.accounts.redeem(link.secret, PASSWORD, login="boss")
    issued = world.accounts.tokens.issue(session.principal, "ci", ["asset:read"], worlds.datetime.timedelta(days=1))
    with world.store.read() as conn:
        kept = str([conn.execute(sa.select(table)).all() for table in tables.schema.metadata.sorted_tables])
    for text in (link.secret, session.secret, issued.secret, PASSWORD):
        assert text not in kept
        assert text not in repr(session) + repr(link) + repr(issued)


def test_who_signs_in_is_who_was_invited(world: World) -> None:
    admin = world.admin()
    link = world.accounts.invite(admin, "Lí", roles=["viewer"], name="李", email="li@example.com")
    assert world.accounts.offer(link.secret).login == "lí"
    world.accounts.redeem(link.secret, OTHER)
    session = world.accounts.sign_in("LÍ", OTHER)
    assert session.principal.roles == ("viewer",)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.redeem(link.secret, OTHER)


def test_wrong_and_unknown_are_answered_alike(world: World) -> None:
    admin = world.admin()
    world.member(admin, "li", "viewer")
    world.accounts.members.disable(admin, world.accounts.members.named(admin, "li").account_id)
    told = set()
    for login, password in (
        ("boss", "wrong"),
        ("nobody", "wrong"),
        ("li", PASSWORD),
        ("'; DROP--", "\ud800"),
        ("", ""),
    ):
        with pytest.raises(refusal.NotSignedIn) as caught:
            world.accounts.sign_in(login, password)
        told.add(str(caught.value))
    assert len(told) == 1


def test_the_same_work_is_done_for_an_unknown_login(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.admin()
    seen: list[str] = []
    real = passwords.argon2.PasswordHasher.verify

    def verify(self: object, encoded: str, password: str) -> bool:
        seen.append(encoded.rsplit("$", 2)[0])
        return bool(real(self, encoded, password))

    monkeypatch.setattr(passwords.argon2.PasswordHasher, "verify", verify)
    for login in ("boss", "nobody"):
        with pytest.raises(refusal.NotSignedIn):
            world.accounts.sign_in(login, "wrong")
    assert len(seen) == 2
    assert seen[0] == seen[1]


@pytest.mark.parametrize("login", ["boss", "nobody"])
def test_who_fails_waits_longer_each_time(world: World, login: str) -> None:
    world.admin()
    for _ in range(5):
        with pytest.raises(refusal.NotSignedIn):
            world.accounts.sign_in(login, "wrong")
    waits = []
    for _ in range(8):
        with pytest.raises(refusal.TooMany) as caught:
            world.accounts.sign_in(login, PASSWORD)
        waits.append(caught.value.wait_s)
        world.clock.go(seconds=caught.value.wait_s)
        with pytest.raises(refusal.NotSignedIn):
            world.accounts.sign_in(login, "wrong")
    assert waits[:3] == [30, 60, 120]
    assert max(waits) == 900
    world.clock.go(seconds=900)
    if login == "boss":
        world.accounts.sign_in(login, PASSWORD)
        with pytest.raises(refusal.NotSignedIn):
            world.accounts.sign_in(login, "wrong")
        world.accounts.sign_in(login, PASSWORD)


def test_a_right_password_for_a_wrong_tenant_locks_nobody(world: World) -> None:
    world.admin()
    for _ in range(8):
        with pytest.raises(refusal.NotSignedIn, match="does not belong"):
            world.accounts.sign_in("boss", PASSWORD, tenant="elsewhere")
    world.accounts.sign_in("boss", PASSWORD)


@given(st.text(max_size=120))
def test_a_login_has_one_spelling(text: str) -> None:
    with contextlib.suppress(errors.UserError):
        spelled = names.login(text)
        assert names.login(spelled) == spelled == names.folded(text)


def test_an_address_that_tries_many_logins_waits(world: World) -> None:
    world.admin()
    for number in range(50):
        with pytest.raises(refusal.NotSignedIn):
            world.accounts.sign_in(f"user{number}", "wrong", address="203.0.113.9")
    with pytest.raises(refusal.TooMany):
        world.accounts.sign_in("boss", PASSWORD, address="203.0.113.9")
    world.accounts.sign_in("boss", PASSWORD, address="203.0.113.10")


def test_a_clock_set_back_does_not_lock_for_ever(world: World) -> None:
    world.admin()
    for _ in range(5):
        with pytest.raises(refusal.NotSignedIn):
            world.accounts.sign_in("boss", "wrong")
    world.clock.go(days=-400)
    with pytest.raises(refusal.TooMany) as caught:
        world.accounts.sign_in("boss", PASSWORD)
    assert caught.value.wait_s <= 900


def test_many_at_once_get_no_more_tries(world: World) -> None:
    world.admin()
    refused: list[type] = []

    def attempt() -> None:
        try:
            world.accounts.sign_in("boss", "wrong")
        except errors.Forbidden as error:
            refused.append(type(error))

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused.count(refusal.NotSignedIn) == 5
    assert refused.count(refusal.TooMany) == 7


def test_a_hash_with_old_parameters_is_renewed(world: World) -> None:
    admin = world.admin()

    def kept() -> str:
        with world.store.read() as conn:
            return str(conn.execute(sa.select(tables.accounts.c.password)).scalar_one())

    before = kept()
    dearer = world.limits.model_copy(update={"argon2_passes": 2})
    accounts = worlds.accounts.Accounts(world.store, now=world.clock, limits=dearer)
    accounts.sign_in("boss", PASSWORD)
    assert before.startswith("$argon2id$") and "t=1" in before
    assert "t=2" in kept()
    assert accounts.sign_in("boss", PASSWORD).principal == admin


def test_a_changed_password_ends_the_other_sessions(world: World) -> None:
    world.admin()
    here, there = world.accounts.sign_in("boss", PASSWORD), world.accounts.sign_in("boss", PASSWORD)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.set_password(here, "wrong", OTHER)
    with pytest.raises(errors.UserError, match="12 to 256"):
        world.accounts.set_password(here, PASSWORD, "short")
    world.accounts.set_password(here, PASSWORD, OTHER)
    assert world.accounts.sessions.resolve(here.secret).principal == here.principal
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.resolve(there.secret)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sign_in("boss", PASSWORD)
    world.accounts.sign_in("boss", OTHER)


def test_a_reset_ends_sessions_tokens_and_waiting(world: World) -> None:
    admin = world.admin()
    li = world.member(admin, "li", "viewer")
    session = world.accounts.sign_in("li", PASSWORD)
    token = world.accounts.tokens.issue(li, "t", ["asset:read"], worlds.datetime.timedelta(days=1))
    for _ in range(5):
        with pytest.raises(refusal.NotSignedIn):
            world.accounts.sign_in("li", "wrong")
    old, link = world.accounts.reset(admin, li.name), world.accounts.reset(admin, li.name)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.redeem(old.secret, OTHER)
    world.accounts.redeem(link.secret, OTHER)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.resolve(session.secret)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.tokens.resolve(token.secret)
    world.accounts.sign_in("li", OTHER)


def test_a_tenants_admin_cannot_enter_another_tenant_by_a_reset(world: World) -> None:
    platform = world.admin()
    north, south = world.tenant(platform, "north"), world.tenant(platform, "south")
    shared = world.member(north, "shared", "viewer")
    early = world.accounts.reset(north, shared.name)
    with pytest.raises(refusal.NotSignedIn):  # has an account: its own password is asked for
        world.accounts.redeem(world.accounts.invite(south, "shared", roles=["steward"]).secret, OTHER)
    assert world.member(south, "shared", "steward").tenant == "south"
    with pytest.raises(errors.Forbidden, match="several tenants"):
        world.accounts.reset(north, shared.name)
    with pytest.raises(errors.Forbidden, match="several tenants"):
        world.accounts.redeem(early.secret, OTHER)
    with pytest.raises(errors.NotFound):
        world.accounts.reset(south, north.name)
    assert world.accounts.tenants.of(shared.name) == (("north", "north"), ("south", "south"))
    assert world.accounts.sign_in("shared", PASSWORD, tenant="south").principal.roles == ("steward",)
    assert world.accounts.sign_in("shared", PASSWORD, tenant="north").principal.roles == ("viewer",)


def test_a_disabled_tenant_lets_nobody_in(world: World) -> None:
    platform = world.admin()
    north = world.tenant(platform, "north")
    session = world.accounts.sign_in("north-admin", PASSWORD)
    token = world.accounts.tokens.issue(north, "t", ["*:*"], worlds.datetime.timedelta(days=1))
    world.accounts.tenants.disable(platform, "north")
    for use in (
        lambda: world.accounts.sessions.resolve(session.secret),
        lambda: world.accounts.tokens.resolve(token.secret),
        lambda: world.accounts.sign_in("north-admin", PASSWORD),
    ):
        with pytest.raises(refusal.NotSignedIn):
            use()
    world.accounts.tenants.enable(platform, "north")
    world.accounts.sign_in("north-admin", PASSWORD)
    with pytest.raises(errors.Conflict):
        world.accounts.tenants.disable(platform, "default")


def test_the_last_admin_stays(world: World) -> None:
    admin = world.admin()
    second = world.member(admin, "second", "viewer")
    for change in (
        lambda: world.accounts.members.grant(admin, admin.name, ["viewer"]),
        lambda: world.accounts.members.remove(admin, admin.name),
        lambda: world.accounts.members.disable(admin, admin.name),
        lambda: world.accounts.members.erase(admin, admin.name),
    ):
        with pytest.raises(errors.Conflict, match="last active admin"):
            change()
    world.accounts.members.grant(admin, second.name, ["admin"])
    world.accounts.members.grant(admin, admin.name, ["viewer"])


def test_roles_are_felt_at_once_and_unknown_ones_refused(world: World) -> None:
    admin = world.admin()
    li = world.member(admin, "li", "viewer")
    session = world.accounts.sign_in("li", PASSWORD)
    world.accounts.members.grant(admin, li.name, ["steward", "steward"])
    assert world.accounts.sessions.resolve(session.secret).principal.roles == ("steward",)
    with pytest.raises(errors.UserError, match="there is no role king"):
        world.accounts.members.grant(admin, li.name, ["king"])
    world.accounts.members.remove(admin, li.name)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.resolve(session.secret)


def test_an_erased_person_is_nowhere_in_the_store(world: World) -> None:
    admin = world.admin()
    link = world.accounts.invite(admin, "zhangsan", roles=["viewer"], name="张三", email="zhang@example.com")
    gone = world.accounts.redeem(link.secret, PASSWORD).principal
    world.accounts.members.erase(admin, gone.name)
    with world.store.read() as conn:
        kept = str([conn.execute(sa.select(table)).all() for table in tables.schema.metadata.sorted_tables])
    for text in ("zhangsan", "张三", "zhang@example.com"):
        assert text not in kept
    world.member(admin, "zhangsan", "viewer")


def test_what_has_ended_goes_after_a_week(world: World) -> None:
    admin = world.admin()
    world.accounts.invite(admin, "never-came", roles=["viewer"])
    session = world.accounts.sign_in("boss", PASSWORD)
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sign_in("never-came", "wrong")
    assert tidy.tidy(world.store, now=world.clock) == 0
    world.clock.go(days=5)
    late = world.accounts.sign_in("boss", PASSWORD)
    world.clock.go(days=6)
    # The first link and the invitation, two old sessions, one attempt.
    assert tidy.tidy(world.store, now=world.clock) == 5
    with world.store.read() as conn:
        assert conn.execute(sa.select(tables.sessions.c.id)).scalars().all() == [late.id]
    with pytest.raises(refusal.NotSignedIn):
        world.accounts.sessions.resolve(session.secret)


def test_only_the_platform_changes_accounts_themselves(world: World) -> None:
    platform = world.admin()
    north = world.tenant(platform, "north")
    for change in (world.accounts.members.disable, world.accounts.members.enable, world.accounts.members.erase):
        with pytest.raises(errors.Forbidden, match="platform"):
            change(north, platform.name)


@pytest.mark.parametrize(
    "password",
    ["", "short", "x" * 257, "password12345", "aaaaaaaaaaaaaaaa", "1234567890123", "Welcome2024!", "bossboss2024"],
)
def test_easy_passwords_are_refused(password: str) -> None:
    with pytest.raises(errors.UserError, match=r"password"):
        passwords.checked(password, login="boss")


@pytest.mark.parametrize("login", ["", "a b", "x" * 101, "a\u202eb", "a\x00b", "a\u200bb", "a/b", "a:b"])
def test_what_cannot_be_a_login(world: World, login: str) -> None:
    admin = world.admin()
    with pytest.raises(errors.UserError, match="not a login"):
        world.accounts.invite(admin, login, roles=["viewer"])


@pytest.mark.parametrize("tenant", ["", "A", "a b", "../x", "-a", "a-", "x" * 64, "a'; DROP TABLE tenants;--"])
def test_what_cannot_be_a_tenant(world: World, tenant: str) -> None:
    admin = principal.Principal(name="op", roles=("admin",))
    with pytest.raises(errors.UserError, match="not a tenant"):
        world.accounts.tenants.create(admin, tenant)

"""Sign-in through a provider, against a real one in a process of its own: what is let in and what never is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import provider as fixture
from fixtures import stores

from taihang.core import errors
from taihang.trust.identity import moment, oidc, provider, refusal, remote
from tests.trust.identity import worlds

BACK = "http://127.0.0.1:9/back"


@pytest.fixture(scope="module")
def server() -> Iterator[fixture.Remote]:
    with fixture.running() as found:
        yield found


@dataclasses.dataclass
class Setting:
    world: worlds.World
    server: fixture.Remote
    oidc: oidc.Oidc
    ticks: list[float]

    def travel(self, **control: object) -> oidc.Arrival:
        self.server.control(**control)
        journey = self.oidc.begin("corp", redirect_uri=BACK, return_to="/tickets?mine=1")
        answer = self.server.visit(journey.url)
        return self.oidc.finish("corp", answer, browser=journey.browser, redirect_uri=BACK)


def made(world: worlds.World, server: fixture.Remote, **changes: object) -> Setting:
    ticks = [0.0]
    settings = provider.Provider(
        **{
            "issuer": server.issuer,
            "client_id": fixture.CLIENT,
            "client_secret": "env:CORP_SECRET",
            "roles": {"safety": "inspector", "data": "steward"},
            "default_roles": ("viewer",),
            **changes,
        }
    )
    accounts = world.accounts
    # The tokens have the provider's time, so this side has the machine's.
    flow = oidc.Oidc(
        world.store, accounts.members, accounts.sessions, {"corp": settings}, now=moment.now, ticks=lambda: ticks[0]
    )
    return Setting(world, server, flow, ticks)


@pytest.fixture(params=stores.KINDS)
def setting(
    request: pytest.FixtureRequest, tmp_path: Path, server: fixture.Remote, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Setting]:
    monkeypatch.setenv("CORP_SECRET", fixture.SECRET)
    server.control()
    with stores.store(request.param, tmp_path) as store:
        world = worlds.world(store)
        world.clock.at = moment.now()
        found = made(world, server)
        yield found
        found.oidc.close()


@pytest.mark.parametrize("auth", ["basic", "post"])
@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_who_the_provider_knows_is_let_in(setting: Setting, alg: str, auth: str) -> None:
    claims = {"sub": "u-1", "preferred_username": "Li", "name": "李", "groups": ["safety", "other", "data", 7]}
    first = setting.travel(alg=alg, auth=auth, claims=claims)
    assert first.return_to == "/tickets?mine=1"
    assert first.session.principal.roles == ("inspector", "steward")
    account = setting.world.accounts.get(first.session.principal.name)
    assert (account.login, account.name, account.local) == ("li#corp", "李", False)
    assert setting.world.accounts.sessions.resolve(first.session.secret).principal == first.session.principal
    again = setting.travel(alg=alg, auth=auth, claims={**claims, "groups": "safety"})
    assert again.session.principal.name == first.session.principal.name
    assert again.session.principal.roles == ("inspector",)
    assert setting.travel(alg=alg, auth=auth).session.principal.roles == ("viewer",)


FAULTS = [
    ("issuer", "not from the issuer"),
    ("audience", "another client"),
    ("audiences", "another client"),
    ("azp", "another client"),
    ("nonce", "not of this sign-in"),
    ("no-nonce", "not of this sign-in"),
    ("expired", "has expired"),
    ("future", "of the future"),
    ("not-yet", "of the future"),
    ("none", "signed with none"),
    ("hs256", "signed with HS256"),
    ("forged-kid", "signature does not hold"),
    ("unknown-kid", "not among those"),
    ("tampered", "signature does not hold"),
    ("at_hash", "signature does not hold"),
    ("words", "not in its form"),
    ("garbage", "not in its form"),
    ("number", "not in its form"),
    ("subject", "not in its form"),
    ("denied", "access_denied"),
    ("mix-up", "not from the issuer"),
]


@pytest.mark.parametrize(("fault", "told"), FAULTS)
def test_what_a_dishonest_answer_comes_to(
    server: fixture.Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, told: str
) -> None:
    monkeypatch.setenv("CORP_SECRET", fixture.SECRET)
    with stores.store("sqlite", tmp_path) as store:
        world = worlds.world(store)
        with pytest.raises(refusal.NotSignedIn, match=told) as caught:
            made(world, server).travel(fault=fault)
        assert "\n" not in str(caught.value)
        assert world.accounts.tenants.of("u-1") == ()


def test_clocks_may_differ_by_a_minute(setting: Setting) -> None:
    assert setting.travel(fault="skew").session.principal.tenant


def test_new_keys_are_found_and_forged_ones_do_not_make_us_ask_again(setting: Setting) -> None:
    setting.travel()
    setting.server.rotate()
    setting.ticks[0] += 11
    setting.travel()
    before = setting.server.fetched()
    for _ in range(5):
        with pytest.raises(refusal.NotSignedIn, match="not among those"):
            setting.travel(fault="unknown-kid")
    assert setting.server.fetched() == before
    setting.ticks[0] += 11
    with pytest.raises(refusal.NotSignedIn, match="not among those"):
        setting.travel(fault="unknown-kid")
    assert setting.server.fetched() == before + 1


def test_a_journey_is_of_one_browser_and_good_for_one_return(setting: Setting) -> None:
    journey = setting.oidc.begin("corp", redirect_uri=BACK)
    answer = setting.server.visit(journey.url)
    for browser in (None, "", "another"):
        with pytest.raises(refusal.NotSignedIn, match="not begun in this browser"):
            setting.oidc.finish("corp", answer, browser=browser, redirect_uri=BACK)
    setting.oidc.finish("corp", answer, browser=journey.browser, redirect_uri=BACK)
    for wrong in (answer, {}, {"state": "'; --", "code": "x"}, {"state": "\ud800"}):
        with pytest.raises(refusal.NotSignedIn, match="not begun in this browser"):
            setting.oidc.finish("corp", wrong, browser=journey.browser, redirect_uri=BACK)


def test_a_stolen_code_is_of_no_use_without_the_verifier(setting: Setting) -> None:
    theirs = setting.oidc.begin("corp", redirect_uri=BACK)
    stolen = setting.server.visit(theirs.url)["code"]
    mine = setting.oidc.begin("corp", redirect_uri=BACK)
    answer = {**setting.server.visit(mine.url), "code": stolen}
    with pytest.raises(errors.UserError, match="invalid_grant"):
        setting.oidc.finish("corp", answer, browser=mine.browser, redirect_uri=BACK)


def test_a_journey_ends_after_ten_minutes(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    journey = setting.oidc.begin("corp", redirect_uri=BACK)
    answer = setting.server.visit(journey.url)
    late = setting.world.clock
    late.go(minutes=11)
    monkeypatch.setattr(setting.oidc, "_now", late)
    with pytest.raises(refusal.NotSignedIn, match="is over"):
        setting.oidc.finish("corp", answer, browser=journey.browser, redirect_uri=BACK)


def test_an_equal_login_does_not_join_a_local_account(setting: Setting) -> None:
    admin = setting.world.admin()
    local = setting.world.member(admin, "li", "admin")
    claims = {"sub": "u-9", "preferred_username": "li", "email": "li"}
    arrived = setting.travel(claims=claims).session.principal
    assert arrived.name != local.name
    assert "admin" not in arrived.roles
    other = setting.travel(claims={**claims, "sub": "u-10"}).session.principal
    assert other.name != arrived.name
    with pytest.raises(refusal.NotSignedIn):
        setting.world.accounts.sign_in("li#corp", worlds.PASSWORD)


def test_a_disabled_person_is_not_let_in_again(setting: Setting) -> None:
    admin = setting.world.admin()
    arrived = setting.travel().session.principal
    setting.world.accounts.members.disable(admin, arrived.name)
    with pytest.raises(refusal.NotSignedIn):
        setting.travel()


def test_who_has_no_group_with_a_role_is_not_let_in(setting: Setting) -> None:
    strict = made(setting.world, setting.server, default_roles=())
    with pytest.raises(refusal.NotSignedIn, match="none of your groups"):
        strict.travel(claims={"sub": "u-5", "groups": ["other"]})
    with pytest.raises(errors.UserError, match="no role"):
        made(setting.world, setting.server, roles={"safety": "king"}).travel(
            claims={"sub": "u-5", "groups": ["safety"]}
        )


@pytest.mark.parametrize(
    ("fault", "told"), [("discovery", "not of"), ("plain-http", "https"), ("huge", "does not answer"), ("down", "503")]
)
def test_a_provider_that_does_not_keep_to_the_standard(setting: Setting, fault: str, told: str) -> None:
    with pytest.raises((remote.Away, errors.UserError), match=told):
        setting.travel(fault=fault)


def test_a_provider_that_is_away() -> None:
    settings = provider.Provider(issuer="http://127.0.0.1:9", client_id="x")
    with pytest.raises(remote.Away, match="does not answer"):
        remote.Remote("corp", settings).ends()


@pytest.mark.parametrize(
    "issuer", ["http://idp.example", "ftp://x", "", "https://", "https://a b", "https://x?y", "https://[x"]
)
def test_what_cannot_be_an_issuer(issuer: str) -> None:
    with pytest.raises(ValueError, match="issuer"):
        provider.Provider(issuer=issuer, client_id="x")


def test_a_secret_in_the_settings_is_refused() -> None:
    with pytest.raises(ValueError, match="env:NAME"):
        provider.Provider(issuer="https://idp.example", client_id="x", client_secret="hunter2x")


@pytest.mark.parametrize(
    ("path", "goes"),
    [
        ("/a?b=1", "/a?b=1"),
        ("//evil", "/"),
        ("https://evil", "/"),
        ("/\\evil", "/"),
        ("", "/"),
        ("/a\nb", "/"),
        ("/" * 600, "/"),
    ],
)
def test_nobody_is_sent_to_another_site(path: str, goes: str) -> None:
    assert oidc.inside(path) == goes

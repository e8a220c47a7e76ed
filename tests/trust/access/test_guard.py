"""The guard: the shipped policies hold, tenants never meet, and whatever goes wrong is a no."""

from __future__ import annotations

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors, principal
from taihang.trust.access import actions, guard

ROLES = guard.roles()
words = st.text(st.characters(codec="utf-8"), max_size=12)
tenants = st.sampled_from(["default", "north", "south", "", 'a"b', "Taihang::Tenant"])
principals = st.builds(
    principal.Principal,
    name=st.one_of(words, st.just("me")),
    tenant=tenants,
    roles=st.lists(st.one_of(st.sampled_from(ROLES), words), max_size=6).map(tuple),
    scopes=st.one_of(
        st.none(), st.lists(st.sampled_from(["*:*", "asset:*", "*:read", "job:run", ""]), max_size=3).map(tuple)
    ),
)
sensitivities = st.sampled_from(["", "public", "internal", "sensitive", "important", "core", "nonsense"])


@st.composite
def questions(draw: st.DrawFn) -> tuple[principal.Principal, str, guard.Resource]:
    action = draw(st.sampled_from(actions.names()))
    resource = guard.Resource(
        action.partition(":")[0],
        draw(words),
        draw(tenants),
        draw(st.one_of(st.none(), words, st.just("me"))),
        draw(sensitivities),
        tuple(draw(st.lists(words, max_size=2))),
    )
    return draw(principals), action, resource


@settings(max_examples=400, deadline=None)
@given(questions())
def test_nobody_does_anything_in_another_tenant(question: tuple[principal.Principal, str, guard.Resource]) -> None:
    who, action, resource = question
    decision = guard.Guard().allowed(who, action, resource)
    if who.tenant != resource.tenant:
        assert not decision
        assert "tenant-isolation" in decision.reasons
    if not actions.covers(who.scopes, action):
        assert not decision


@settings(max_examples=200, deadline=None)
@given(questions())
def test_a_permit_for_everything_does_not_lift_the_limits(
    question: tuple[principal.Principal, str, guard.Resource],
) -> None:
    who, action, resource = question
    everything = guard.Rules(cedarpy.PolicySet.from_str(guard.text() + "permit(principal, action, resource);"))
    decision = guard.judge(everything, who, action, resource)
    open_to_all = resource.sensitivity in {"", "public", "internal"} or resource.owner == who.name
    limited = action in {"asset:read", "finding:read", "report:read", "blob:read", "field:read"}
    assert decision.allowed == (
        who.tenant == resource.tenant
        and actions.covers(who.scopes, action)
        and (action not in {"tenant:create", "tenant:delete"} or who.tenant == "default")
        and (not limited or open_to_all or bool({"steward", "admin", "auditor"} & set(who.roles)))
    )


@settings(max_examples=200, deadline=None)
@given(questions())
def test_the_memory_answers_as_the_policies_do(question: tuple[principal.Principal, str, guard.Resource]) -> None:
    keeper = guard.Guard()
    first = keeper.allowed(*question)
    assert keeper.allowed(*question) == first == guard.judge(guard.shipped(), *question)


def test_the_shipped_policies_fit_their_schema() -> None:
    found = cedarpy.validate_policies(guard.text(), actions.shipped("schema.cedarschema"))
    assert found.validation_passed, found.errors
    assert len(actions.names()) == len(set(actions.names())) >= 60


def test_every_action_is_for_somebody() -> None:
    who = {role: principal.Principal(name="me", roles=(role,)) for role in ROLES}
    for action in actions.names():
        thing = guard.Resource(action.partition(":")[0], "x", owner="me")
        assert any(guard.Guard().allowed(one, action, thing) for one in who.values()), action


def test_who_has_no_role_may_only_see_to_their_own() -> None:
    nobody = principal.Principal(name="me")
    allowed = {
        action
        for action in actions.names()
        if guard.Guard().allowed(nobody, action, guard.Resource(action.partition(":")[0], "x"))
    }
    assert allowed == set()


@pytest.mark.parametrize(
    ("action", "noun"), [("asset:fly", "asset"), ("asset:read", "job"), ("", ""), ("asset", "asset"), ("*:*", "*")]
)
def test_what_cannot_be_asked_is_refused(action: str, noun: str) -> None:
    who = principal.Principal(name="me", roles=ROLES)
    assert guard.Guard().allowed(who, action, guard.Resource(noun)) == guard.Decision(allowed=False, failed=True)


def test_half_a_character_in_a_name_is_a_no() -> None:
    who = principal.Principal(name="me", roles=ROLES)
    assert not guard.Guard().allowed(who, "asset:read", guard.Resource("asset", "\ud800"))


class Broken:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def active(self, tenant: str) -> guard.Rules:
        raise self.error


def test_without_policies_nothing_is_permitted() -> None:
    who = principal.Principal(name="me", roles=ROLES)
    assert guard.Guard(Broken(RuntimeError())).allowed(who, "asset:read", guard.Resource("asset")).failed
    with pytest.raises(errors.Forbidden):
        guard.Guard(Broken(KeyError())).require(who, "asset:read", guard.Resource("asset"))
    with pytest.raises(errors.Failure):
        guard.Guard(Broken(errors.Failure("engines:store.away", store="s"))).allowed(
            who, "asset:read", guard.Resource("asset")
        )


def test_a_policy_that_errs_is_a_no() -> None:
    overflow = "forbid(principal, action, resource) when { 9223372036854775807 + 1 > 0 };"
    rules = guard.Rules(cedarpy.PolicySet.from_str(guard.text() + overflow))
    who = principal.Principal(name="me", roles=ROLES)
    assert guard.judge(rules, who, "asset:read", guard.Resource("asset")).failed


@pytest.mark.parametrize(
    ("who", "action", "resource", "told"),
    [
        ({"roles": ("viewer",)}, "asset:delete", {}, "ask its administrator"),
        ({"roles": ("admin",), "scopes": ("job:*",)}, "asset:delete", {}, "scopes"),
        ({"roles": ("admin",)}, "asset:delete", {"tenant": "north"}, "not of this tenant"),
        ({"roles": ("admin",), "tenant": "north"}, "tenant:create", {"tenant": "north"}, "platform"),
        ({"roles": ("viewer",)}, "asset:read", {"sensitivity": "core"}, "core"),
    ],
)
def test_a_refusal_says_what_is_lacking(who: dict, action: str, resource: dict, told: str) -> None:
    thing = guard.Resource(action.partition(":")[0], "x", **resource)
    with pytest.raises(errors.Forbidden, match=told):
        guard.Guard().require(principal.Principal(name="me", **who), action, thing)


@pytest.mark.parametrize(
    ("scopes", "action", "held"),
    [
        (None, "asset:read", True),
        ((), "asset:read", False),
        (("asset:*",), "asset:read", True),
        (("*:read",), "job:read", True),
        (("*:read",), "job:run", False),
        (("asset:read", "job:*"), "job:run", True),
        (("*:*",), "policy:update", True),
        (("asset",), "asset:read", False),
    ],
)
def test_scopes(scopes: tuple[str, ...] | None, action: str, held: bool) -> None:
    assert actions.covers(scopes, action) is held

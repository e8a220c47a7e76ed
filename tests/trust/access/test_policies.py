"""A tenant's own policies: what may be added, what is refused before it can do harm, and taking it back."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures import stores

from taihang.core import errors, principal
from taihang.engines.store import opening
from taihang.trust.access import guard, policies
from taihang.trust.ledger import entry, outbox

ADMIN = principal.Principal(name="acc-1", tenant="north", roles=("admin",))
VIEWER = principal.Principal(name="acc-2", tenant="north", roles=("viewer",))
RUN = 'permit(principal in Taihang::Role::"viewer", action == Taihang::Action::"job:create", resource);'
RUN_CASE = policies.Case(roles=("viewer",), action="job:create", allowed=True)


@dataclasses.dataclass
class World:
    store: opening.Store
    policies: policies.Policies
    guard: guard.Guard
    at: float = 0.0


@contextlib.contextmanager
def opened(kind: str, folder: Path) -> Iterator[World]:
    with stores.store(kind, folder) as store:
        store.create()
        made = World(store, None, None)  # type: ignore[arg-type]
        made.policies = policies.Policies(store, ticks=lambda: made.at)
        made.guard = guard.Guard(made.policies)
        yield made


@pytest.fixture(params=stores.KINDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with opened(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def local(tmp_path: Path) -> Iterator[World]:
    """Where the store makes no difference."""
    with opened("sqlite", tmp_path) as made:
        yield made


def may(world: World, who: principal.Principal, action: str, **thing: str) -> bool:
    noun = action.partition(":")[0]
    return bool(world.guard.allowed(who, action, guard.Resource(noun, **{"tenant": who.tenant, **thing})))


def test_a_tenant_adds_what_a_role_may_do_and_takes_it_back(world: World) -> None:
    assert not may(world, VIEWER, "job:create")
    made = world.policies.draft(ADMIN, RUN, cases=[RUN_CASE], note="viewers may run jobs")
    assert not may(world, VIEWER, "job:create")
    world.policies.activate(ADMIN, made.version)
    assert may(world, VIEWER, "job:create")
    assert not may(world, VIEWER, "job:create", tenant="south")
    assert not may(world, VIEWER.model_copy(update={"tenant": "south"}), "job:create")
    assert not may(world, VIEWER.model_copy(update={"scopes": ("asset:read",)}), "job:create")
    assert [one.in_force for one in world.policies.list(ADMIN)] == [True]
    world.policies.activate(ADMIN, 0)
    assert not may(world, VIEWER, "job:create")
    with world.store.read() as conn:
        told = [entry.read(raw, "").facts for raw in conn.execute(sa.select(outbox.decisions.c.entry)).scalars()]
    assert [(one["state"], one["version"]) for one in told] == [("drafted", 1), ("in-force", 1), ("in-force", 0)]


def test_another_process_follows_within_two_seconds(world: World) -> None:
    other = policies.Policies(world.store)
    assert not may(world, VIEWER, "job:create")
    other.activate(ADMIN, other.draft(ADMIN, RUN, cases=[RUN_CASE]).version)
    world.at = 1.4
    assert not may(world, VIEWER, "job:create")
    world.at = 2.0
    assert may(world, VIEWER, "job:create")
    world.at = -50.0  # a clock that goes back asks anew
    assert may(world, VIEWER, "job:create")


def test_a_role_of_the_tenants_own(world: World) -> None:
    text = RUN.replace("viewer", "dispatcher")
    with pytest.raises(errors.UserError, match="dispatcher"):
        world.policies.draft(ADMIN, text)
    case = policies.Case(roles=("dispatcher",), action="job:create", allowed=True)
    made = world.policies.draft(ADMIN, text, roles=["dispatcher"], cases=[case])
    assert world.policies.own_roles("north") == ()
    world.policies.activate(ADMIN, made.version)
    assert world.policies.own_roles("north") == ("dispatcher",)
    assert may(world, principal.Principal(name="x", tenant="north", roles=("dispatcher",)), "job:create")
    for role, told in (("viewer", "shipped role"), ("Bad Role", "not a role")):
        with pytest.raises(errors.UserError, match=told):
            world.policies.draft(ADMIN, RUN, roles=[role])


@pytest.mark.parametrize(
    "text",
    [
        "permit(",
        'permit(principal, action == Taihang::Action::"asset:fly", resource);',
        "permit(principal, action, resource) when { resource.colour == 1 };",
        "permit(principal == ?principal, action, resource);",
        "permit(principal, action, resource is Nonsense);",
        "/* permit(principal, action, resource);",
    ],
)
def test_what_does_not_fit_the_schema_is_not_kept(local: World, text: str) -> None:
    with pytest.raises(errors.UserError, match="do not fit"):
        local.policies.draft(ADMIN, text)
    assert local.policies.list(ADMIN) == []


NEST = "permit(principal, action, resource) when {{ {} }};"


@pytest.mark.parametrize(
    "text",
    [
        NEST.format("(" * 5000 + "true" + ")" * 5000),
        NEST.format("1+" * 15000 + "1 == 2"),
        NEST.format("[" * 9000 + "]" * 9000),
    ],
    ids=["brackets", "sums", "lists"],
)
def test_a_text_that_kills_the_parser_kills_only_the_trial(local: World, text: str) -> None:
    with pytest.raises(errors.UserError, match="cannot be parsed"):
        local.policies.draft(ADMIN, text)


def test_a_text_that_is_too_long(local: World) -> None:
    with pytest.raises(errors.UserError, match="too long"):
        local.policies.draft(ADMIN, "//" + "x" * 40_000)


@pytest.mark.parametrize(
    "text",
    [
        "forbid(principal, action, resource);",
        'forbid(principal, action == Taihang::Action::"policy:update", resource);',
        'forbid(principal in Taihang::Role::"admin", action, resource);',
        'forbid(principal == Taihang::User::"acc-1", action, resource);',
        'forbid(principal, action, resource is Taihang::Policy) when { resource == Taihang::Policy::"2" };',
        "forbid(principal, action, resource) when { 9223372036854775807 + 1 == 2 };",
    ],
)
def test_an_admin_cannot_lock_the_door_behind_them(local: World, text: str) -> None:
    case = policies.Case(roles=("viewer",), action="job:create", allowed=False)
    made = local.policies.draft(ADMIN, text, cases=[case])
    with pytest.raises((errors.Conflict, errors.UserError), match=r"any more|case fails"):
        local.policies.activate(ADMIN, made.version)
    assert local.guard.allowed(ADMIN, "policy:update", guard.Resource("policy", tenant="north"))


def test_cases_are_needed_and_have_to_come_out_as_said(world: World) -> None:
    bare = world.policies.draft(ADMIN, RUN)
    with pytest.raises(errors.UserError, match="at least one case"):
        world.policies.activate(ADMIN, bare.version)
    wrong = world.policies.draft(ADMIN, RUN, cases=[RUN_CASE.model_copy(update={"allowed": False})])
    with pytest.raises(errors.UserError, match="should be denied"):
        world.policies.activate(ADMIN, wrong.version)
    with pytest.raises(errors.NotFound):
        world.policies.activate(ADMIN, 99)
    assert [bool(one) for one in world.policies.simulate(ADMIN, RUN, wrong.cases)] == [True]


def test_tenants_do_not_see_each_others_policies(world: World) -> None:
    south = ADMIN.model_copy(update={"tenant": "south"})
    made = world.policies.draft(ADMIN, RUN, cases=[RUN_CASE])
    assert world.policies.list(south) == []
    with pytest.raises(errors.NotFound):
        world.policies.get(south, made.version)
    with pytest.raises(errors.NotFound):
        world.policies.activate(south, made.version)


def test_calls_that_come_at_once_do_not_wait_for_one_another(local: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One asks the store what is in force now; the others go on with what is known, as long as that may be used."""
    known = local.policies.active("north")
    asking, answered, asked = threading.Event(), threading.Event(), []
    number = policies.Policies._number

    def slow(self: policies.Policies, conn: sa.Connection, tenant: str) -> int:
        asked.append(tenant)
        asking.set()
        assert answered.wait(30)
        return number(self, conn, tenant)

    monkeypatch.setattr(policies.Policies, "_number", slow)
    local.at = 1.7
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(local.policies.active, "north")
        assert asking.wait(30)
        others = [pool.submit(local.policies.active, "north") for _ in range(4)]
        assert [one.result(30) for one in others] == [known] * 4
        local.at = 2.1  # too old to be used by anybody: these wait, and hear what the first one was told
        late = [pool.submit(local.policies.active, "north") for _ in range(4)]
        answered.set()
        assert [one.result(30) for one in (first, *late)] == [known] * 5
    assert asked == ["north"]

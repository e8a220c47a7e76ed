"""Guard: may this principal do that to this thing? Cedar answers; whatever goes wrong, the answer is no."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any, Protocol

import cedarpy

from taihang.core import errors, principal
from taihang.trust.access import actions

_SPACE = "Taihang::"
_ENTITIES = cedarpy.Entities.from_json_str(actions.shipped("roles.json"))
# The forbids that have an explanation of their own, for who reads the refusal.
_EXPLAINED = ("tenant-isolation", "token-scope", "platform-only", "sensitive-data")


@dataclasses.dataclass(frozen=True, slots=True)
class Resource:
    """A thing, as far as policies look at it.

    `noun` is the action's noun (`asset`, `job` …); `id` is `*` for all of them, as when listing or creating.
    `tenant` is the one that the thing belongs to, read from the thing and never from the request. `owner` is
    a principal's name. `sensitivity`: the catalogue's word (`public`, `internal`, `sensitive`, `important`, `core`),
    or '' where nothing is marked.
    """

    noun: str
    id: str = "*"
    tenant: str = "default"
    owner: str | None = None
    sensitivity: str = ""
    tags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """The answer; `reasons` are the ids of the policies that made it, none when no policy permits."""

    allowed: bool
    reasons: tuple[str, ...] = ()
    failed: bool = False

    def __bool__(self) -> bool:
        return self.allowed


@dataclasses.dataclass(frozen=True, eq=False)
class Rules:
    """Policies in force for one tenant: the shipped ones and, when `version` is above 0, the tenant's own."""

    policies: cedarpy.PolicySet
    version: int = 0
    roles: tuple[str, ...] = ()


class Source(Protocol):
    """Where the policies in force come from."""

    def active(self, tenant: str) -> Rules:
        """The policies of a tenant, now."""


class Shipped:
    """The shipped policies, for every tenant."""

    def active(self, tenant: str) -> Rules:
        """The same for all."""
        return shipped()


class Guard:
    """Decides and remembers; decisions are remembered per version of the policies, so a new one is felt at once.

    Safe to share between threads.
    """

    def __init__(self, policies: Source | None = None, *, remembered: int = 20_000) -> None:
        self._source = policies or Shipped()
        self._judged = functools.lru_cache(maxsize=remembered)(judge)

    def allowed(self, who: principal.Principal, action: str, resource: Resource) -> Decision:
        """The decision. A defect in policies or names is a no; only an unreachable store is raised."""
        try:
            return self._judged(self._source.active(who.tenant), who, action, resource)
        except errors.Failure:
            raise
        except Exception:  # noqa: BLE001 - fail closed: whatever went wrong, it is not permitted
            return Decision(allowed=False, failed=True)

    def require(self, who: principal.Principal, action: str, resource: Resource) -> None:
        """Nothing when it is allowed. Raises errors.Forbidden, which says what is lacking."""
        decision = self.allowed(who, action, resource)
        if decision:
            return
        told = next((reason for reason in _EXPLAINED if reason in decision.reasons), "")
        if told == "token-scope":
            raise errors.Forbidden("trust:access.not_in_scope", action=action)
        if told == "tenant-isolation":
            raise errors.Forbidden("trust:access.other_tenant", action=action)
        if told == "platform-only":
            raise errors.Forbidden("trust:access.platform_only", action=action)
        if told == "sensitive-data":
            raise errors.Forbidden("trust:access.sensitive", action=action, sensitivity=resource.sensitivity)
        raise errors.Forbidden(
            "trust:access.forbidden", action=action, tenant=who.tenant, roles=", ".join(who.roles) or "-"
        )


def judge(rules: Rules, who: principal.Principal, action: str, resource: Resource) -> Decision:
    """One decision, not remembered. Raises ValueError for what cannot even be asked."""
    kind = actions.kinds().get(action)
    if kind is None or action.partition(":")[0] != resource.noun:
        return Decision(allowed=False, failed=True)
    user, thing = _uid("User", who.name), _uid(kind, resource.id)
    delta: list[dict[str, Any]] = [
        {
            "uid": user,
            "attrs": {"tenant": {"__entity": _uid("Tenant", who.tenant)}},
            "parents": [_uid("Role", role) for role in dict.fromkeys(who.roles)],
        },
        {"uid": thing, "attrs": _attributes(resource), "parents": []},
    ]
    request = {
        "principal": user,
        "action": _uid("Action", action),
        "resource": thing,
        "context": {"scoped": actions.covers(who.scopes, action)},
    }
    answer = cedarpy.is_authorized(request, rules.policies, _ENTITIES.with_added_json_str(json.dumps(delta)), _schema())
    found = answer.diagnostics
    reasons = tuple(sorted(found.id_annotations_by_reason.get(reason, reason) for reason in found.reasons))
    # Cedar skips a policy that errs, a forbid too: so an error anywhere is a no.
    return Decision(allowed=answer.allowed and not found.errors, reasons=reasons, failed=bool(found.errors))


@functools.cache
def shipped() -> Rules:
    """The shipped policies alone."""
    return Rules(cedarpy.PolicySet.from_str(text()))


def text() -> str:
    """The shipped policies as Cedar text."""
    return actions.shipped("limits.cedar") + "\n" + actions.shipped("roles.cedar") + "\n"


def roles() -> tuple[str, ...]:
    """The shipped roles, in their order."""
    return tuple(entity["uid"]["id"] for entity in json.loads(actions.shipped("roles.json")))


@functools.cache
def _schema() -> cedarpy.Schema:
    return cedarpy.Schema.from_str(actions.shipped("schema.cedarschema"))


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": _SPACE + kind, "id": name}


def _attributes(resource: Resource) -> dict[str, Any]:
    found: dict[str, Any] = {
        "tenant": {"__entity": _uid("Tenant", resource.tenant)},
        "sensitivity": resource.sensitivity,
        "tags": list(resource.tags),
    }
    if resource.owner is not None:
        found["owner"] = {"__entity": _uid("User", resource.owner)}
    return found

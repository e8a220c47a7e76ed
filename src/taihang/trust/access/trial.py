"""Trial: a tenant's policy text is first parsed, validated and asked in a process of its own.

Deeply nested text overflows the stack of Cedar's parser, which ends the whole process, and some texts are
parsed for minutes. So it happens where only the trial dies, on a smaller stack than the platform's: what
passes here does no harm there. (`python -m taihang.trust.access.trial`: JSON in, JSON out.)
"""

from __future__ import annotations

import dataclasses
import json
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import cedarpy

from taihang.core import errors, principal
from taihang.trust.access import actions, guard

LONGEST = 32 * 1024
_SECONDS = 5
_STACK = 1 << 20
_MEMORY = 2 << 30
_together = threading.BoundedSemaphore(2)  # a trial costs a third of a second of a processor


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """May `who` do `action` to `thing`?"""

    who: principal.Principal
    action: str
    thing: guard.Resource


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial found: `problems` of the text, in the engine's words; the roles it names; the answers."""

    problems: tuple[str, ...]
    roles: tuple[str, ...] = ()
    answers: tuple[guard.Decision, ...] = ()


def hold(text: str, questions: Sequence[Question] = ()) -> Outcome:
    """Try a tenant's own policies together with the shipped ones.

    Raises errors.UserError for a text that is too long, or that no parser survives.
    """
    if len(text.encode("utf-8", "replace")) > LONGEST:
        raise errors.UserError("trust:access.policy_size", most=LONGEST)
    asked = [
        {"who": one.who.model_dump(), "action": one.action, "thing": dataclasses.asdict(one.thing)} for one in questions
    ]
    # -P: what lies in the working folder is not imported.
    command = [sys.executable, "-P", "-m", "taihang.trust.access.trial"]
    given = json.dumps({"text": text, "asked": asked}).encode()
    try:
        with _together:
            done = subprocess.run(  # noqa: S603 - our own module; the text goes in by its input
                command, input=given, capture_output=True, timeout=_SECONDS * 6, check=True
            )
        found = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        raise errors.UserError("trust:access.policy_parser") from None
    return Outcome(
        tuple(found["problems"]),
        tuple(found["roles"]),
        tuple(guard.Decision(one["allowed"], tuple(one["reasons"]), one["failed"]) for one in found["answers"]),
    )


def parse(text: str) -> cedarpy.PolicySet:
    """The shipped policies and a tenant's own, which have passed a trial."""
    return cedarpy.PolicySet.from_str(f"{guard.text()}\n{text}\n")


def _tried(given: dict[str, Any]) -> dict[str, Any]:
    text = given["text"]
    checked = cedarpy.validate_policies(text, actions.shipped("schema.cedarschema"))
    problems = [error.error for error in checked.errors]
    if problems:
        return {"problems": problems, "roles": [], "answers": []}
    form = json.loads(cedarpy.policies_to_json_str(text))
    if form.get("templates"):
        return {"problems": ["templates (?principal, ?resource) have nothing to fill them"], "roles": [], "answers": []}
    rules = guard.Rules(parse(text))
    answers = [
        guard.judge(
            rules,
            principal.Principal.model_validate(one["who"]),
            one["action"],
            guard.Resource(**{**one["thing"], "tags": tuple(one["thing"]["tags"])}),
        )
        for one in given["asked"]
    ]
    return {
        "problems": [],
        "roles": sorted(set(_roles(form))),
        "answers": [dataclasses.asdict(answer) for answer in answers],
    }


def _roles(value: object) -> Iterator[str]:
    """Ids of all roles that a policy in Cedar's JSON form names."""
    if isinstance(value, dict):
        if value.get("type") == "Taihang::Role" and isinstance(value.get("id"), str):
            yield value["id"]
        for part in value.values():
            yield from _roles(part)
    elif isinstance(value, list):
        for part in value:
            yield from _roles(part)


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    given, found = json.load(sys.stdin), {}
    threading.stack_size(_STACK)
    worker = threading.Thread(target=lambda: found.update(_tried(given)))
    worker.start()
    worker.join()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    _main()

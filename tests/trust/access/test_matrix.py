"""docs/access.md tells what the policies do: its table, its examples, its words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from taihang.trust.access import actions, guard, matrix, policies, trial

PAGE = (Path(__file__).parents[3] / "docs" / "access.md").read_text(encoding="utf-8")


def test_the_table_is_what_the_policies_say() -> None:
    assert matrix.renewed(PAGE) == PAGE


def test_the_roles_are_what_their_names_promise() -> None:
    said = {action: dict(zip(guard.roles(), answers, strict=True)) for action, answers in matrix.rows()}
    for action, answers in said.items():
        if not action.endswith((":read", ":verify")) and action != "policy:run":
            assert answers["auditor"] in {"no", "own"}, action
            assert answers["viewer"] in {"no", "own"}, action
    assert said["ticket:verify"]["inspector"] == "no"
    assert said["role:grant"] == {**dict.fromkeys(guard.roles(), "no"), "admin": "yes"}
    whole = {role for role, told in said["asset:read"].items() if told == "yes"}
    assert whole == {"steward", "admin", "auditor"}
    assert said["tenant:create"]["admin"] == "platform"
    assert said["field:read"]["steward"] == "yes"


def test_the_example_in_the_page_works() -> None:
    cedar = re.findall(r"```cedar\n(.*?)```", PAGE, re.S)[0]
    cases = [policies.Case.model_validate(one) for one in json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.S)[0])]
    found = trial.hold(cedar, [case.question("north") for case in cases])
    assert found.problems == ()
    assert [bool(one) for one in found.answers] == [case.allowed for case in cases]


def test_every_word_in_the_page_is_one() -> None:
    for word in re.findall(r"`([a-z]+:[a-z]+)`", PAGE):
        assert word in actions.names() or word == "noun:verb"


def test_a_page_without_a_place_is_said() -> None:
    with pytest.raises(ValueError, match="no place"):
        matrix.renewed("# nothing")

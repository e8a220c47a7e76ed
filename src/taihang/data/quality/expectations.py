"""Expectations: rules written in Python, kept as the same YAML that a rulebook file holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from taihang.rules import rulebook

_OWN = ("id", "title", "level", "dimension", "filter", "message", "tolerate", "weight", "tags")


def expect(kind: str, *, table: str, **fields: Any) -> dict[str, Any]:
    """One rule with a built-in check, as a mapping: `expect("range", table="people", column="age", min=0)`.

    `fields` are those of the kind, and of a rule: id, title, level, dimension, filter, message,
    tolerate, weight, tags. `is_` stands for `is`. Nothing is checked before `book`.
    """
    own = {name: fields.pop(name) for name in _OWN if name in fields}
    check = {"kind": kind, **{name.removesuffix("_"): value for name, value in fields.items()}}
    return {"table": table, "check": check, **own}


def book(*rules: Mapping[str, Any], name: str, version: str, title: Mapping[str, str] | None = None) -> str:
    """A rulebook as YAML. A rule without an id gets one of its place and kind.

    Raises errors.UserError for what a rulebook file could not say either.
    """
    lines = [
        "taihang: rules/1",
        f"id: {json.dumps(name)}",
        f"version: {json.dumps(version)}",
        f"title: {json.dumps(dict(title or {'zh': name, 'en': name}), ensure_ascii=False)}",
        "rules:" if rules else "rules: []",
    ]
    for number, rule in enumerate(rules):
        implied = f"{number + 1}-{str(rule.get('check', {}).get('kind', 'where')).replace('_', '-')}"
        lines.append(f"  - {json.dumps({'id': implied, **rule}, ensure_ascii=False)}")
    text = "\n".join(lines) + "\n"
    rulebook.loads(text, f"{name}{rulebook.SUFFIX}")
    return text

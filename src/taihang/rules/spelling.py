"""Spelling: a rule as a file would say it."""

from __future__ import annotations

import json
from typing import Any

from taihang.rules import completion, rule

Body = dict[str, Any]


def fields(own: rule.Rule) -> Body:
    """A rule as a file would say it: without what its check implies and what is so by default."""
    made: Body = own.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if own.check is None:
        return made
    made["check"] = {"kind": own.check.kind, **own.check.model_dump(mode="json", by_alias=True, exclude_defaults=True)}
    implied = completion.completed({"check": made["check"]})
    for name in ("title", "message", "level", "dimension", "where"):
        value = implied.get(name)
        plain = value.model_dump() if hasattr(value, "model_dump") else getattr(value, "value", value)
        if made.get(name) == plain or name == "where":
            made.pop(name, None)
    copied: Body = json.loads(json.dumps(made, ensure_ascii=False))  # YAML writes plain values only
    return copied

"""SQL, paths and commands in every text that a caller can give: they are texts, or refused; never anything else."""

from __future__ import annotations

import itertools
import re
from typing import Any

import sqlalchemy as sa
from fixtures import holdings, platforms

from taihang.engines.store import schema

TEXTS = (
    "'; DROP TABLE jobs; --",
    "x' OR '1'='1",
    "1); DELETE FROM accounts; --",
    "../../../../etc/passwd",
    "%27%20UNION%20SELECT%20*%20FROM%20accounts--",
    "$(touch /tmp/owned)",
)
# What the caller would do to its own right to call.
_OWN = {"sign_out", "switch_tenant", "change_password", "sign_in", "redeem_link"}


def _filled(part: dict[str, Any], known: dict[str, Any], text: str, depth: int = 0) -> Any:
    """A value of this schema with the text wherever a text may stand."""
    if "$ref" in part:
        return _filled(known[part["$ref"].rpartition("/")[2]], known, text, depth)
    for name in ("anyOf", "oneOf", "allOf"):
        if name in part:
            return _filled(part[name][0], known, text, depth)
    if "const" in part or "enum" in part:
        return part.get("const", part.get("enum", [None])[0])
    kind = part.get("type")
    if kind == "object" and depth < 6:
        fields = part.get("properties", {})
        return {name: _filled(one, known, text, depth + 1) for name, one in fields.items()} or {text: text}
    if kind == "array" and depth < 6:
        return [_filled(part.get("items", {}), known, text, depth + 1)]
    return {"integer": 1, "number": 1.0, "boolean": True, "null": None}.get(str(kind), text)


def _state(one: platforms.Running) -> dict[str, int]:
    """Rows of each table; a table that is gone raises."""
    with one.whole.store.read() as conn:
        return {
            table.name: conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in schema.metadata.sorted_tables
            if not table.name.startswith("test_")
        }


def test_in_every_field_of_every_call(local: platforms.Running) -> None:
    who = local.principal("north", "admin", "steward", "engineer", "auditor")
    made = holdings.everything(local, who, "kept")
    before, client, texts = _state(local), local.client(who), itertools.cycle(TEXTS)
    document = local.app.openapi()
    known = document["components"]["schemas"]
    asked = 0
    for path, operations in document["paths"].items():
        whole = re.sub(r"\{[^}]*\}", made["version"] if "version" in path else "x", path)
        for method, operation in operations.items():
            if operation["operationId"] in _OWN or method == "delete":
                continue
            text = next(texts)
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            body = {"json": _filled(content["schema"], known, text)} if content else {}
            query = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
            for params in ({}, *({name: text} for name in query)):
                answer = client.request(method.upper(), whole, params=params, **body)
                assert answer.status_code < 500, (method, path, params, answer.text)
                asked += 1
    assert asked > 100
    after = _state(local)
    lost = {name for name, count in before.items() if after[name] < count}
    assert not lost
    for text in TEXTS:
        assert client.get("/api/v1/assets", params={"q": text}).json()["items"] == []
        for field in ("rule", "rulebook", "asset", "job", "dimension"):
            shown = client.get("/api/v1/findings", params={field: text})
            assert shown.status_code in {200, 400, 422}, (field, shown.text)
            assert shown.status_code != 200 or shown.json()["items"] == [], field

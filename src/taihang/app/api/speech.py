"""Speech: the OpenAPI document in both languages, with the parts that every operation shares.

An operation's words are in the catalogue under `op.<operation id>`; its errors are problems.
"""

from __future__ import annotations

from typing import Any

import fastapi
from fastapi.openapi.utils import get_openapi

from taihang.app.api import problems
from taihang.core import i18n

_PROBLEM = {
    "description": "Problem · 问题说明 (RFC 9457)",
    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token · API 访问令牌"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "taihang",
        "description": "A browser's session; changes need X-CSRF-Token too · 浏览器会话，修改时还需 X-CSRF-Token",
    },
}


def install(app: fastapi.FastAPI) -> None:
    """Make `app.openapi()` say all this."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: fastapi.FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=app.title,
        version=app.version,
        summary=i18n.text("app.api:api", "en"),
        description=i18n.text("app.api:api", "zh"),
        routes=app.routes,
    )
    parts = made.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    schemas |= {"Problem": problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")}
    schemas |= schemas["Problem"].pop("$defs", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    parts["securitySchemes"] = _SCHEMES
    for path in made["paths"].values():
        for operation in path.values():
            _said(operation)
    return made


def _said(operation: dict[str, Any]) -> None:
    key = f"app.api:op.{operation['operationId']}"
    operation["summary"] = i18n.text(key, "en")
    operation["description"] = i18n.text(key, "zh")
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _plain(parameter["schema"])
    operation.setdefault("security", [{"token": []}, {"session": []}])
    answers = operation["responses"]
    answers.pop("422", None)
    answers |= {"4XX": _PROBLEM, "5XX": _PROBLEM}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema without null: what is not in an address or a header is left out, not null."""
    rest = [part for part in schema.get("anyOf", ()) if part.get("type") != "null"]
    if len(rest) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name not in {"anyOf", "default"}}, **rest[0]}

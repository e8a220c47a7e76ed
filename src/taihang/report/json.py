"""The report as JSON, and the schema that is published for it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pydantic

from taihang.core import errors
from taihang.report import document

NAME = "report.json"
_SURROGATE = re.compile("[\ud800-\udfff]")


def write(report: document.Report, folder: Path) -> Path:
    """Write `report.json` into `folder`; raises OSError when it cannot be written."""
    path = folder / NAME
    path.write_bytes(dump(report))
    return path


def dump(report: document.Report) -> bytes:
    """The report in UTF-8, keys in the order of the schema; equal reports give equal bytes.

    Findings and the asset carry their `id`. NaN and infinity become null, a character that UTF-8
    cannot hold becomes U+FFFD.
    """
    value = report.model_dump(mode="json")
    value["asset"] = {"id": report.asset.id, **value["asset"]}
    value["findings"] = [
        {"id": found.id, **plain} for found, plain in zip(report.findings, value["findings"], strict=True)
    ]
    plain = json.dumps(_valid(value), ensure_ascii=False, allow_nan=False, indent=1)
    return plain.encode() + b"\n"


def load(data: bytes) -> document.Report:
    """The report that `dump` wrote; raises errors.UserError when `data` is not one."""
    try:
        value = json.loads(data)
        value["asset"].pop("id", None)
        for found in value["findings"]:
            found.pop("id", None)
        return document.Report.model_validate_json(json.dumps(value))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise errors.UserError("report:not_a_report", reason=_first_line(error)) from error


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of what `dump` writes."""
    made = document.Report.model_json_schema(mode="serialization")
    for name, prefix in (("Asset", "[a-z]+"), ("Finding", "finding")):
        part = made["$defs"][name]
        ident = {"title": "Id", "type": "string", "pattern": f"^{prefix}-[0-9a-f]{{16}}$"}
        part["properties"] = {"id": ident, **part["properties"]}
        part["required"] = ["id", *part["required"]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:taihang:schema:report:1",
        **_nullable(made),
    }


def _valid(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("�", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_valid(k): _valid(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_valid(v) for v in value]
    return value


def _nullable(part: Any) -> Any:
    """The schema with null beside every number that no bound keeps finite: NaN is written as null."""
    if isinstance(part, list):
        return [_nullable(one) for one in part]
    if not isinstance(part, dict):
        return part
    if part.get("type") == "number" and "minimum" not in part and "default" not in part:
        return {**part, "type": ["number", "null"]}
    return {name: _nullable(one) for name, one in part.items()}


def _first_line(error: Exception) -> str:
    if isinstance(error, pydantic.ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).partition("\n")[0]

"""Croissant: a profiled file described for machine learning (MLCommons Croissant 1.0, JSON-LD)."""

from __future__ import annotations

import json
import re
from typing import Any

from taihang.data.profile import profile

SPECIFICATION = "http://mlcommons.org/croissant/1.0"
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_FORMATS = {"parquet": "application/x-parquet", "csv": "text/csv", "json": "application/jsonlines"}
_TYPES = (
    (r"bool", "sc:Boolean"),
    (r"u?int\d+", "sc:Integer"),
    (r"float|double|half|decimal", "sc:Float"),
    (r"date\d+", "sc:Date"),
    (r"timestamp", "sc:DateTime"),
)


def described(made: profile.Profile, *, file: bool) -> str:
    """The description as JSON; columns without an equal type are texts. `file`: the source is one file.

    What only people know (licence, citation, who made the data) is left out: validators say so as
    warnings, and whoever publishes the data fills it in. A source that is no file of its own (a
    database, a folder) gets its record set without a distribution.
    """
    name = re.sub(r"[^\w-]+", "-", made.asset.name.rpartition("/")[2]).strip("-") or "table"
    form = _FORMATS.get(made.source) if file else None
    body: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": SPECIFICATION,
        "name": name,
        "description": f"{made.rows} rows, {len(made.columns)} columns; profiled by Taihang, {made.created:%Y-%m-%d}.",
        "datePublished": f"{made.created:%Y-%m-%d}",
    }
    if form:
        described_file = {
            "@type": "cr:FileObject",
            "@id": "file",
            "name": "file",
            "contentUrl": made.asset.name.rpartition("/")[2],
            "contentSize": f"{made.asset.size} B",
            "encodingFormat": form,
            "sha256": made.asset.sha256,
        }
        body["distribution"] = [described_file]
    body["recordSet"] = [_record_set(made, with_source=form is not None)]
    return json.dumps(body, ensure_ascii=False, indent=1) + "\n"


def _record_set(made: profile.Profile, *, with_source: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"@type": "cr:RecordSet", "@id": "rows", "name": "rows"}
    # The narrowest key, and of those the first.
    key = min((k.columns for k in made.keys), key=len, default=())
    if key:
        found["key"] = [{"@id": f"rows/{name}"} for name in key]
    fields = []
    for column in made.columns:
        field: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": f"rows/{column.name}",
            "name": column.name,
            "dataType": _type(column.type),
        }
        if column.semantic:
            field["description"] = column.semantic.kind + (" (personal data)" if column.semantic.pii else "")
        if with_source:
            field["source"] = {"fileObject": {"@id": "file"}, "extract": {"column": column.original}}
        fields.append(field)
    found["field"] = fields
    return found


def _type(kind: str) -> str:
    return next((found for pattern, found in _TYPES if re.match(pattern, kind)), "sc:Text")

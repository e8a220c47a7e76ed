"""JSON: one object a line, or one array of objects; a broken line is told by its number."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from taihang.core import errors
from taihang.engines.sources import encoding, faults, limits, objects, paths


class Json(objects.Objects):
    """A JSON Lines file, or a JSON document that is an array of objects or one object.

    Whole documents may have sources.max_document_bytes.
    """

    kind = "json"

    def __init__(self, path: Path, name: str | None = None) -> None:
        super().__init__()
        self.path = path
        self.name = name or str(path)
        with path.open("rb") as raw:
            head = raw.read(1 << 16)
        self.encoding = encoding.detect(head)
        text = head[self.encoding.mark :].decode(self.encoding.codec, "ignore").lstrip()
        self._document = text.startswith("[")
        if self._document and path.stat().st_size > limits.Limits.current().max_document_bytes:
            raise errors.UserError(
                "engines.sources:large_document", path=self.name, limit=limits.Limits.current().max_document_bytes
            )
        self.part = self.name
        self.lined = not self._document
        self._look()

    def digest(self) -> tuple[str, int]:
        """SHA-256 and size of the file."""
        return paths.digest(self.path)

    def _objects(self, noted: faults.Faults) -> Iterator[tuple[dict[str, Any], int]]:
        with self.path.open("rb") as raw:
            stream = encoding.Stream(raw, self.encoding, noted, self.name, quotes=False)
            if self._document:
                yield from self._of_document(raw, noted)
                return
            for number, line in enumerate(io.BufferedReader(stream, 1 << 20), 1):
                if not line.strip():
                    continue
                try:
                    found, halved = objects.loads(line)
                except (ValueError, RecursionError) as error:
                    noted.add("not_json", part=self.name, line=number, rows=1, reason=str(error)[:200])
                    continue
                if not isinstance(found, dict):
                    noted.add("not_object", part=self.name, line=number, rows=1)
                    continue
                if halved:
                    noted.add("halved", part=self.name, line=number, rows=0)
                yield found, number

    def _of_document(self, raw: Any, noted: faults.Faults) -> Iterator[tuple[dict[str, Any], int]]:
        raw.seek(self.encoding.mark)
        try:
            items, halved = objects.loads(raw.read().decode(self.encoding.codec, "replace"))
        except (ValueError, RecursionError) as error:
            raise errors.UserError("engines.sources:not_json", path=self.name, reason=str(error)[:200]) from None
        if halved:
            noted.add("halved_document", part=self.name, rows=0)
        for number, found in enumerate(items, 1):
            if isinstance(found, dict):
                yield found, number
            else:
                noted.add("not_object", part=self.name, line=number, rows=1)

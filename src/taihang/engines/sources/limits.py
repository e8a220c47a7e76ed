"""Limits: how much of the machine a source may use before it is refused."""

from __future__ import annotations

import pydantic

from taihang.core import settings


class Limits(settings.Section):
    """Bytes unless said otherwise. Text lines, JSON documents, unpacked workbooks, columns, files of a folder.

    `batch_bytes` is what one batch of rows is meant to hold; `timeout_s` is for databases.
    """

    name = "sources"
    max_line_bytes: int = pydantic.Field(default=1 << 20, ge=1 << 10, le=1 << 30)
    max_document_bytes: int = pydantic.Field(default=128 << 20, ge=1 << 10)
    max_unpacked_bytes: int = pydantic.Field(default=512 << 20, ge=1 << 20)
    max_columns: int = pydantic.Field(default=20_000, ge=1)
    max_files: int = pydantic.Field(default=100_000, ge=1)
    batch_bytes: int = pydantic.Field(default=4 << 20, ge=1 << 16)
    timeout_s: float = pydantic.Field(default=600.0, gt=0)


def batch_rows(columns: int, most: int = 1 << 16) -> int:
    """Rows that one batch may have, at some 16 bytes a value."""
    return max(64, min(most, Limits.current().batch_bytes // (16 * max(columns, 1))))

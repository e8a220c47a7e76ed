"""Asset: a versioned, content-hashed thing with an owner and a tenant."""

from __future__ import annotations

from typing import Literal

from taihang.core import words

Kind = Literal["table", "dataset", "video", "model", "rulebook", "contract", "report"]


class Asset(words.Word):
    """One version of a thing; `sha256` covers the bytes of the file (or of its canonical form)."""

    kind: Kind
    name: str
    sha256: words.Sha256
    size: int
    tenant: str = "default"
    owner: str = ""
    synthetic: bool = False
    media_type: str = "application/octet-stream"

    @property
    def id(self) -> str:
        """`kind-` and the first 16 hex digits of the content hash."""
        return f"{self.kind}-{self.sha256[:16]}"

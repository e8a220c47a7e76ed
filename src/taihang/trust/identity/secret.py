"""Secrets that are handed out once: 256 random bits with a prefix that tells their kind; kept as SHA-256 only.

A hash without salt or stretching is enough: nobody can guess 256 random bits.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Literal

Kind = Literal["ths", "thl", "tht"]
_RANDOM = r"[A-Za-z0-9_-]{43}"
_FORM: dict[Kind, re.Pattern[str]] = {
    "ths": re.compile(rf"ths_{_RANDOM}"),  # session
    "thl": re.compile(rf"thl_{_RANDOM}"),  # one-time link
    "tht": re.compile(rf"tht_([0-9a-f]{{16}})_{_RANDOM}"),  # API token, with its id
}


def fresh(kind: Kind, name: str = "") -> str:
    """A new secret: `ths_…`, `thl_…`, `tht_<id>_…`."""
    return f"{kind}_{name + '_' if name else ''}{secrets.token_urlsafe(32)}"


def parse(kind: Kind, text: object) -> re.Match[str] | None:
    """The match when the text has the form of such a secret, else None; never raises."""
    return _FORM[kind].fullmatch(text) if isinstance(text, str) else None


def hashed(text: str) -> str:
    """What is kept of a secret: SHA-256, 64 hex digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

"""Names that people type: logins, tenants' ids, display names; in one spelling, of a bounded length."""

from __future__ import annotations

import re
import unicodedata

from taihang.core import errors

_LOGIN = re.compile(r"[^\s\x00-\x1f\x7f\"'<>\\/:;,()\[\]{}`|]{1,100}")
_TENANT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f<>\"]{1,64}@[^@\s\x00-\x1f\x7f<>\"]{1,180}")


def login(text: str) -> str:
    """A login in its one spelling: NFKC, case folded. Raises errors.UserError."""
    found = folded(text)
    if _LOGIN.fullmatch(found) is None or not _printable(found):
        raise errors.UserError("trust:identity.login_form")
    return found


def folded(text: str) -> str:
    """Any text as a login is compared: never raises, so that nonsense is refused like an unknown login."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text[:300]).casefold()).strip()


def tenant(text: str) -> str:
    """A tenant's id: small letters, digits, hyphens inside; at most 63. Raises errors.UserError."""
    if _TENANT.fullmatch(text) is None:
        raise errors.UserError("trust:identity.tenant_form", tenant=text)
    return text


def display(text: str) -> str:
    """A name to show: one line, at most 200 characters. Raises errors.UserError."""
    found = unicodedata.normalize("NFC", text).strip()
    if len(found) > 200 or not _printable(found):
        raise errors.UserError("trust:identity.name_form")
    return found


def email(text: str) -> str:
    """An e-mail address, or nothing. Raises errors.UserError."""
    found = text.strip()
    if found and (_EMAIL.fullmatch(found) is None or not _printable(found)):
        raise errors.UserError("trust:identity.email_form")
    return found


def _printable(text: str) -> bool:
    # Cs: half characters; Cf: invisible ones that make two logins look alike; Cc: controls.
    return not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in text)

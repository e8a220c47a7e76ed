"""Invalid: what a check of a certificate found. Not the caller's mistake and not a failure: a verdict."""

from __future__ import annotations

from taihang.core import errors


class Invalid(errors.TaihangError):
    """The certificate does not hold; the message says why. The exit code is that of findings."""

    exit_code = 1

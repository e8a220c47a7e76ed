"""Forged: what a check of the ledger found. Not the caller's mistake and not a failure: a verdict."""

from __future__ import annotations

from taihang.core import errors


class Forged(errors.TaihangError):
    """The ledger, a checkpoint or a proof does not hold; the message names the place.

    The exit code is that of findings.
    """

    exit_code = 1


class Forked(Forged):
    """Two signed checkpoints of one log exclude each other: its keeper showed two histories."""

"""Ledger: a tamper-evident log of what was decided, which anyone can check with a public key alone."""

from taihang.trust.ledger.entry import Entry
from taihang.trust.ledger.log import Ledger
from taihang.trust.ledger.receipt import Receipt

__all__ = ["Entry", "Ledger", "Receipt"]

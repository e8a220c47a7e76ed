"""Allowance: how many tokens and how much money a job may spend on a model, never exceeded by what was asked.

A call first puts aside the most that it can cost; when the answer says what it took, the rest comes back.
"""

from __future__ import annotations

import dataclasses
import threading


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call or many. `estimated`: the server did not say, and these are our upper bounds."""

    prompt: int = 0
    completion: int = 0
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt + other.prompt, self.completion + other.completion, self.estimated or other.estimated)


@dataclasses.dataclass(frozen=True, slots=True)
class Price:
    """Money for a million tokens in and out, in whatever currency the operator counts in."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, usage: Usage) -> float:
        """What these tokens cost."""
        return (usage.prompt * self.prompt + usage.completion * self.completion) / 1e6


class Allowance:
    """What one job may spend; None is no limit. Safe to share between threads."""

    def __init__(self, tokens: int | None = None, money: float | None = None, price: Price | None = None) -> None:
        self.tokens, self.money, self.price = tokens, money, price or Price()
        self._spent = Usage()
        self._aside: list[Usage] = []
        self._lock = threading.Lock()

    @property
    def spent(self) -> Usage:
        """Tokens of the calls that are over."""
        return self._spent

    @property
    def cost(self) -> float:
        """Money of the calls that are over."""
        return self.price.of(self._spent)

    def reserve(self, most: Usage) -> bool:
        """Put a call's upper bound aside; False when what is left does not bear it."""
        with self._lock:
            whole = sum(self._aside, self._spent) + most
            if self.tokens is not None and whole.prompt + whole.completion > self.tokens:
                return False
            if self.money is not None and self.price.of(whole) > self.money:
                return False
            self._aside.append(most)
            return True

    def settle(self, most: Usage, took: Usage) -> None:
        """A reserved call is over and took this much."""
        with self._lock:
            self._aside.remove(most)
            self._spent += took

    def count(self, took: Usage) -> None:
        """Tokens that an earlier attempt of the same job has paid for."""
        with self._lock:
            self._spent += took

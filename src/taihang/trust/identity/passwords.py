"""Passwords: argon2id, what is accepted as a password, and one answer's time whether the account exists or not.

Parameters: RFC 9106, second recommended (3 passes, 64 MiB, 4 lanes, 16 bytes of salt, 32 of hash); a hash made
with others is renewed when its owner signs in. Accepted: NIST SP 800-63B-4 (length counts, no rules about
kinds of letters, commonest passwords refused).
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import threading
import unicodedata

import argon2

from taihang.core import errors

SHORTEST = 12
LONGEST = 256
# The stems of most passwords on published lists; long ones are mostly these with a tail.
_STEMS = re.compile(
    r"(password|passw0rd|p@ssw0rd|p@ssword|qwerty(uiop)?|asdfgh(jkl)?|zxcvbn?m?|1q2w3e4r(5t)?|letmein|welcome|iloveyou|"
    r"admin(istrator)?|root|taihang|太行|mima|woaini|a?123456(789)?0?|111111|000000|888888|666666|abc123|monkey|dragon|"
    r"football|baseball|sunshine|princess|changeme|secret|test|user|guest|login|master)"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs: `passes`, `memory_kib`, `lanes`."""

    passes: int = 3
    memory_kib: int = 64 * 1024
    lanes: int = 4


class Passwords:
    """Makes and checks hashes; at most four at a time, or sign-ins alone would fill the memory."""

    def __init__(self, cost: Cost | None = None, *, together: int = 4) -> None:
        cost = cost or Cost()
        self._hasher = argon2.PasswordHasher(
            time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=cost.lanes, type=argon2.Type.ID
        )
        self._slots = threading.BoundedSemaphore(together)
        self._nobody: str | None = None

    def hash(self, password: str, *, login: str = "") -> str:
        """The encoded hash of a new password. Raises errors.UserError for one that is too easy to guess."""
        password = checked(password, login=login)
        with self._slots:
            return self._hasher.hash(password)

    def verify(self, encoded: str | None, password: str) -> bool:
        """True when the password is the hash's; without a hash (nobody) False, after the same work."""
        against = encoded or self._unknown()
        try:
            with self._slots:
                right = self._hasher.verify(against, _normal(password))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError, UnicodeError):
            return False
        return bool(right) and encoded is not None

    def outdated(self, encoded: str) -> bool:
        """True when the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    def renewed(self, password: str) -> str:
        """A hash of a password that was just verified, whatever today's rules for new ones are."""
        with self._slots:
            return self._hasher.hash(_normal(password))

    def _unknown(self) -> str:
        if self._nobody is None:
            self._nobody = self._hasher.hash("nobody's password, made to be compared with")
        return self._nobody


def checked(password: str, *, login: str = "") -> str:
    """The password in one spelling (NFKC). Raises errors.UserError that says what is wrong with it."""
    found = _normal(password)
    if not SHORTEST <= len(found) <= LONGEST or any(unicodedata.category(letter) == "Cs" for letter in found):
        raise errors.UserError("trust:identity.password_length", least=SHORTEST, most=LONGEST)
    rest = _STEMS.sub("", found.casefold())
    if login:
        rest = rest.replace(login.casefold(), "").replace(login.partition("@")[0].casefold() or "\0", "")
    # What is left after the commonest words: too little, or the same few letters over and over.
    if len(set(rest)) < 5 or len(rest) < 6 or _runs(rest):
        raise errors.UserError("trust:identity.password_common")
    return found


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password[: LONGEST + 1])


def _runs(text: str) -> bool:
    """True when most steps from letter to letter are 0 or ±1: aaaa, 1234, fedcba."""
    steps = [ord(b) - ord(a) for a, b in itertools.pairwise(text)]
    return sum(abs(step) <= 1 for step in steps) > len(steps) * 0.6

"""Formats: values of a kind as numbers of a range, so that a permutation of the range gives values of the kind.

What is permuted keeps keys apart and joins together; who lacks the secret cannot go back.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Callable

from taihang.data.masking import secrets
from taihang.data.profile.semantic import checks, people

_FIRST_DAY = datetime.date(1900, 1, 1).toordinal()
# A fixed end: what day it is must not decide what a number becomes.
_DAYS = datetime.date(2025, 12, 31).toordinal() - _FIRST_DAY + 1
_OLD_DAYS = datetime.date(1999, 12, 31).toordinal() - _FIRST_DAY + 1
_PROVINCES = sorted(checks.PROVINCES)
_WEIGHTS = tuple(2 ** (17 - i) % 11 for i in range(17))
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
_PUBLIC = frozenset(
    {
        "qq.com",
        "163.com",
        "126.com",
        "sina.com",
        "sohu.com",
        "foxmail.com",
        "139.com",
        "189.cn",
        "gmail.com",
        "outlook.com",
        "hotmail.com",
        "yahoo.com",
        "icloud.com",
    }
)
_LOCAL = "abcdefghijklmnopqrstuvwxyz0123456789"
_DIGIT = re.compile(r"\d", re.ASCII)
_GIVEN_HAN = sorted(people.lexicon("given_han"))
_SURNAMES = sorted(people.SURNAMES)
_GIVEN = sorted(people.lexicon("given"))
_FAMILY = sorted(name for name in people.lexicon("family") if name.isascii() and name.isalpha())


def masked(kind: str, value: str, secret: secrets.Secret) -> str | None:
    """Another value of the same kind and look; None for a kind that has no such form or a value that is none of it."""
    make = _MAKERS.get(kind)
    return make(value, secret) if make is not None else None


def shaped(value: str, secret: secrets.Secret, label: str = "shape") -> str:
    """A text of the same shape: each digit another digit, each letter another letter, the rest as it is.

    Not to be undone, and two texts may become one.
    """
    stream = secret.stream(f"{label}:{value}", len(value))
    made = []
    for letter, chance in zip(value, stream, strict=True):
        if letter.isdigit():
            made.append(str(chance % 10))
        elif letter.isascii() and letter.isalpha():
            other = chr(97 + chance % 26)
            made.append(other.upper() if letter.isupper() else other)
        elif letter.isalpha():
            made.append(_GIVEN_HAN[chance % len(_GIVEN_HAN)])
        else:
            made.append(letter)
    return "".join(made)


def _refilled(value: str, digits: str) -> str:
    """The value with its digits, in order, exchanged for these."""
    rest = iter(digits)
    return "".join(next(rest) if c.isdigit() else c for c in value)


def _plain(value: str) -> str:
    return "".join(c for c in value if c.isalnum()).upper()


def id_card(value: str, secret: secrets.Secret) -> str | None:
    """Another number of GB 11643: province, area, birthday and order are permuted together, the check digit is made."""
    plain = _plain(value)
    if not checks.id_card(plain):
        return None
    long = len(plain) == 18
    days = _DAYS if long else _OLD_DAYS
    born = plain[6:14] if long else "19" + plain[6:12]
    day = datetime.date(int(born[:4]), int(born[4:6]), int(born[6:])).toordinal() - _FIRST_DAY
    province, area = _PROVINCES.index(int(plain[:2])), int(plain[2:6])
    order = int(plain[14:17] if long else plain[12:15])
    if not 0 <= day < days:
        # Born after the fixed range, or before it: into the range by chance, which cannot be undone.
        size = len(_PROVINCES) * 10_000 * days * 1000
        number = int.from_bytes(secret.stream(f"id-card:{plain}", 16), "big") % size
    else:
        number = ((province * 10_000 + area) * days + day) * 1000 + order
        number = secret.permuted(number, len(_PROVINCES) * 10_000 * days * 1000, f"id-card-{len(plain)}")
    number, order = divmod(number, 1000)
    number, day = divmod(number, days)
    province, area = divmod(number, 10_000)
    date = datetime.date.fromordinal(_FIRST_DAY + day)
    head = f"{_PROVINCES[province]:02d}{area:04d}"
    if not long:
        return _kept(value, f"{head}{date:%y%m%d}{order:03d}")
    body = f"{head}{date.year:04d}{date.month:02d}{date.day:02d}{order:03d}"
    total = sum(int(c) * w for c, w in zip(body, _WEIGHTS, strict=True))
    return _kept(value, body + "10X98765432"[total % 11])


def _kept(value: str, letters: str) -> str:
    """The new letters with the breaks of the old value."""
    rest = iter(letters)
    return "".join(next(rest) if c.isalnum() else c for c in value)


def bank_card(value: str, secret: secrets.Secret) -> str | None:
    """The issuer's six digits stay, the account's are permuted, the Luhn digit is made."""
    plain = _plain(value)
    if not plain.isdigit() or not checks.bank_card(plain):
        return None
    front, middle = plain[:6], plain[6:-1]
    body = front + str(secret.permuted(int(middle), 10 ** len(middle), f"bank-card-{front}")).zfill(len(middle))
    total = sum(sum(divmod(int(c) * (2 if i % 2 == 0 else 1), 10)) for i, c in enumerate(reversed(body)))
    return _refilled(value, body + str(-total % 10))


def phone(value: str, secret: secrets.Secret) -> str | None:
    """What leads (country, operator's segment, area) stays; the last seven or eight digits are permuted."""
    plain = "".join(_DIGIT.findall(value))
    if not checks.phone(value):
        return None
    rest = 8 if re.fullmatch(r"(?:(?:00)?86)?1[3-9]\d{9}", plain) else 7 if len(plain) >= 9 else 6
    front, number = plain[:-rest], int(plain[-rest:])
    # However a mobile number is written, it becomes the same one.
    label = f"phone-{front[-3:] if rest == 8 else front}"
    made = secret.permuted(number, 10**rest, label)
    for _ in range(10_000):
        found = _refilled(value, front + str(made).zfill(rest))
        if checks.phone(found):
            return found
        # Walks on inside the numbers that can be dialled, to which the first one belongs.
        made = secret.permuted(made, 10**rest, label)
    return None


def email(value: str, secret: secrets.Secret) -> str | None:
    """Letters and digits before the @ are permuted; the domain stays when it is a public provider's."""
    local, at, domain = value.rpartition("@")
    if not at:
        return None
    plain = [c for c in local.lower() if c in _LOCAL]
    if len(plain) < 4:
        letters = "".join(_LOCAL[n % 26] for n in secret.stream(f"email:{value.lower()}", 8))
        return f"{letters}@{domain if domain.lower() in _PUBLIC else 'example.com'}"
    number = 0
    for letter in plain[:40]:
        number = number * 36 + _LOCAL.index(letter)
    number = secret.permuted(number, 36 ** len(plain[:40]), f"email-{domain.lower()}")
    made = []
    for _ in plain[:40]:
        number, one = divmod(number, 36)
        made.append(_LOCAL[one])
    rest = iter([*reversed(made), *([""] * len(plain[40:]))])
    shown = "".join(next(rest) if c.lower() in _LOCAL else c for c in local)
    return f"{shown}@{domain if domain.lower() in _PUBLIC else 'example.com'}"


def plate(value: str, secret: secrets.Secret) -> str | None:
    """Province and office stay; the rest is another one of the same class (new energy, trailer …)."""
    plain = _plain(value)
    if not checks.plate(plain):
        return None
    head, body = plain[:2], plain[2:]
    if len(body) == 6:
        made = _green(head, body, secret)
    else:
        tail = body[-1] if body[-1] not in _LETTERS else ""
        own = body[: len(body) - len(tail)]
        made = _numerals(own, _LETTERS, secret, f"plate-{head}{tail}") + tail
    rest = iter(head + made)
    return "".join(next(rest) if c.isalnum() else c for c in value)


def _green(head: str, body: str, secret: secrets.Secret) -> str:
    if body[0].isdigit():
        number = int(body[:5]) * 10 + "ABCDEFGHJK".index(body[5])
        number, last = divmod(secret.permuted(number, 1_000_000, f"plate-large-{head}"), 10)
        return f"{number:05d}{'ABCDEFGHJK'[last]}"
    number = ("ABCDEFGHJK".index(body[0]) * 34 + _LETTERS.index(body[1])) * 10_000 + int(body[2:])
    number, digits = divmod(secret.permuted(number, 3_400_000, f"plate-small-{head}"), 10_000)
    first, second = divmod(number, 34)
    return f"{'ABCDEFGHJK'[first]}{_LETTERS[second]}{digits:04d}"


def _numerals(text: str, alphabet: str, secret: secrets.Secret, label: str) -> str:
    number, size = 0, len(alphabet)
    for letter in text:
        number = number * size + alphabet.index(letter)
    number = secret.permuted(number, size ** len(text), f"{label}-{len(text)}")
    made = ""
    for _ in text:
        number, one = divmod(number, size)
        made = alphabet[one] + made
    return made


def social_security(value: str, secret: secrets.Secret) -> str | None:
    """Another number that could have been given out."""
    if not checks.social_security(value):
        return None
    made = int("".join(_DIGIT.findall(value)))
    while True:
        made = secret.permuted(made, 10**9, "social-security")
        found = _refilled(value, f"{made:09d}")
        if checks.social_security(found):
            return found


def ip(value: str, secret: secrets.Secret) -> str | None:
    """Another address of the same family."""
    try:
        found = ipaddress.ip_address(value)
    except ValueError:
        return None
    size = 1 << found.max_prefixlen
    number = secret.permuted(int(found), size, f"ip-{found.version}")
    return str(ipaddress.IPv4Address(number) if found.version == 4 else ipaddress.IPv6Address(number))


def passport(value: str, secret: secrets.Secret) -> str | None:
    """Other digits behind the same letters."""
    digits = "".join(_DIGIT.findall(value))
    return _refilled(value, shaped(digits, secret, "passport")) if value.isalnum() and digits else None


def name(value: str, secret: secrets.Secret) -> str | None:
    """Another usual name of the same length and script, always the same for the same name; two may become one."""
    plain = " ".join(value.split())
    stream = secret.stream(f"name:{plain.casefold()}", 16)
    numbers = [int.from_bytes(stream[at : at + 2], "big") for at in range(0, 16, 2)]
    if all("㐀" <= c <= "鿿" or c == "·" for c in plain):
        given = [_GIVEN_HAN[n % len(_GIVEN_HAN)] for n in numbers[1:]]
        return _SURNAMES[numbers[0] % len(_SURNAMES)] + "".join(given[: max(1, min(len(plain) - 1, 2))])
    parts = plain.split(" ")
    made = [_GIVEN[numbers[0] % len(_GIVEN)].title(), _FAMILY[numbers[1] % len(_FAMILY)].title()]
    return ", ".join(reversed(made)) if parts[0].endswith(",") else " ".join(made[: max(1, len(parts))])


_MAKERS: dict[str, Callable[[str, secrets.Secret], str | None]] = {
    "id-card": id_card, "bank-card": bank_card, "phone": phone, "email": email, "plate": plate,
    "social-security": social_security, "ip": ip, "passport": passport, "name": name,
}  # fmt: skip

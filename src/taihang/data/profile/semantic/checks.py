"""Checks: one value at a time, is it a number of the kind that its standard defines?"""

from __future__ import annotations

import datetime
import ipaddress
import re

PROVINCES = frozenset(
    {11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54}
    | {61, 62, 63, 64, 65, 71, 81, 82, 83}
)
_ID18 = re.compile(r"[1-9]\d{16}[\dXx]", re.ASCII)
_ID15 = re.compile(r"[1-9]\d{14}", re.ASCII)
_ID_WEIGHTS = tuple(2 ** (17 - i) % 11 for i in range(17))
_ID_CHECKS = "10X98765432"
_CREDIT = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}", re.ASCII)
_CREDIT_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_VALUES = {letter: value for value, letter in enumerate(_CREDIT_LETTERS)}
_CREDIT_WEIGHTS = tuple(3**i % 31 for i in range(17))
_CARD = re.compile(r"[2-6]\d{12,18}", re.ASCII)
_CARD_BREAKS = re.compile(r"(?<=\d)[ -](?=\d)", re.ASCII)
# Segments that the ministry has given to operators of public mobile service; 17x and 16x of resellers too.
_MOBILE = re.compile(
    r"(?:(?:\+|00)?86[- ]?)?1(?:3\d|4[014-9]|5[0-35-9]|6[2567]|7[0-8]|8\d|9[0-35-9])[- ]?\d{4}[- ]?\d{4}", re.ASCII
)
_ABROAD = re.compile(r"\+[1-9]\d{0,2}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}", re.ASCII)
_NANP = re.compile(r"(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}", re.ASCII)
_LANDLINE = re.compile(r"(?:\(0\d{2,3}\)|0\d{2,3}[- ])[2-8]\d{6,7}(?:[- ]\d{1,5})?", re.ASCII)
_EMAIL = re.compile(r"[A-Za-z0-9_.+%-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}")
_PROVINCE_LETTERS = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE = re.compile(rf"[{_PROVINCE_LETTERS}][A-HJ-Z][·• ]?(?:[A-HJ-NP-Z0-9]{{4}}[A-HJ-NP-Z0-9挂学警港澳领试超])")
_GREEN_SMALL = re.compile(rf"[{_PROVINCE_LETTERS}][A-HJ-Z][·• ]?[A-HJK][A-HJ-NP-Z0-9]\d{{4}}")
_GREEN_LARGE = re.compile(rf"[{_PROVINCE_LETTERS}][A-HJ-Z][·• ]?\d{{5}}[A-HJK]")
_URL = re.compile(r"(?:https?|ftp)://[^\s/$.?#][^\s]*", re.IGNORECASE)
_SSN = re.compile(r"(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}", re.ASCII)
_POINT = re.compile(r"[(\[]?\s*(-?\d{1,3}\.\d{3,})\s*[,;，\s]\s*(-?\d{1,3}\.\d{3,})\s*[)\]]?", re.ASCII)
_DATE = re.compile(
    r"(?P<y>\d{4})(?P<s>[-/.]?)(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})"
    r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
    r"|(?P<Y>\d{4})年(?P<M>\d{1,2})月(?P<D>\d{1,2})日(?:\s?\d{1,2}[:时]\d{1,2}(?:[:分]\d{1,2}秒?|分)?)?"
    r"|(?P<a>\d{1,2})[/.-](?P<b>\d{1,2})[/.-](?P<z>\d{4})",
    re.ASCII,
)


def id_card(value: str) -> bool:
    """Citizen identity number: GB 11643-1999, 18 digits with MOD 11-2 check, or the older 15 digits."""
    if _ID18.fullmatch(value):
        total = sum(int(c) * w for c, w in zip(value, _ID_WEIGHTS, strict=False))
        return int(value[:2]) in PROVINCES and _born(value[6:14]) and _ID_CHECKS[total % 11] == value[17].upper()
    return bool(_ID15.fullmatch(value)) and int(value[:2]) in PROVINCES and _born("19" + value[6:12])


def _born(digits: str) -> bool:
    try:
        day = datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return day.year >= 1880 and day <= datetime.datetime.now(tz=datetime.UTC).date()


def credit_code(value: str) -> bool:
    """Unified social credit code: GB 32100-2015, 18 characters with MOD 31 check."""
    if not _CREDIT.fullmatch(value):
        return False
    total = sum(_CREDIT_VALUES[c] * w for c, w in zip(value, _CREDIT_WEIGHTS, strict=False))
    return _CREDIT_LETTERS[-total % 31] == value[17]


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    numbers = [int(c) for c in reversed(digits)]
    return (sum(numbers[::2]) + sum(sum(divmod(2 * n, 10)) for n in numbers[1::2])) % 10 == 0


def bank_card(value: str) -> bool:
    """Payment card number: a bank's or traveller's first digits (ISO/IEC 7812), its length, and the Luhn check.

    15 digits are American Express only: other Luhn numbers of that length are device numbers (IMEI).
    """
    digits = _CARD_BREAKS.sub("", value)
    if not _CARD.fullmatch(digits):
        return False
    lengths = {"2": (16,), "3": (14, 15, 16), "4": (13, 16, 19), "5": (16,), "6": (16, 17, 18, 19)}
    if len(digits) not in lengths[digits[0]] or (len(digits) == 15 and digits[:2] not in {"34", "37"}):
        return False
    return luhn(digits)


def phone(value: str) -> bool:
    """A mobile or land line number of China, a number with a country's code, or one of North America."""
    plain = value.strip()
    return any(one.fullmatch(plain) for one in (_MOBILE, _LANDLINE, _NANP)) or (
        _ABROAD.fullmatch(plain) is not None and 8 <= sum(c.isdigit() for c in plain) <= 15
    )


def email(value: str) -> bool:
    """A mail address of the usual form (a part of RFC 5322), without a comment or quotes."""
    return len(value) <= 254 and _EMAIL.fullmatch(value) is not None and ".." not in value and value[0] != "."


def plate(value: str) -> bool:
    """A vehicle plate: GA 36-2018, new energy ones (8 characters) too."""
    return any(one.fullmatch(value) for one in (_GREEN_SMALL, _GREEN_LARGE, _PLATE))


def url(value: str) -> bool:
    """A web or FTP address."""
    return _URL.fullmatch(value) is not None


def ip(value: str) -> bool:
    """An IPv4 or IPv6 address."""
    if not 3 <= len(value) <= 45 or not (value.count(".") == 3 or value.count(":") >= 2):
        return False
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def social_security(value: str) -> bool:
    """A social security number of the United States, with dashes."""
    return _SSN.fullmatch(value) is not None


def point(value: str) -> bool:
    """Two decimal degrees with three places or more, in either order."""
    found = _POINT.fullmatch(value.strip())
    if not found:
        return False
    a, b = float(found[1]), float(found[2])
    return (abs(a) <= 90 and abs(b) <= 180) or (abs(b) <= 90 and abs(a) <= 180)


def date(value: str) -> bool:
    """A day, with a time or without, in a form that people write; day and month must exist."""
    found = _DATE.fullmatch(value.strip())
    if not found:
        return False
    parts = found.groupdict()
    try:
        if parts["z"]:
            a, b = int(parts["a"]), int(parts["b"])
            return 1 <= min(a, b) <= 12 and max(a, b) <= 31 and 1800 <= int(parts["z"]) <= 2200
        year = int(parts["y"] or parts["Y"])
        month, day = int(parts["m"] or parts["M"]), int(parts["d"] or parts["D"])
        datetime.date(year, month, day)
    except ValueError:
        return False
    return 1800 <= year <= 2200


_INSIDE = {
    "id-card": (re.compile(r"(?<![0-9A-Za-z])[1-9]\d{16}[\dXx](?![0-9A-Za-z])", re.ASCII), id_card),
    "phone": (re.compile(r"(?<![0-9A-Za-z.-])1[3-9]\d{9}(?![0-9A-Za-z.-])", re.ASCII), phone),
    "email": (re.compile(r"[A-Za-z0-9_.+%-]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}", re.ASCII), email),
    "bank-card": (
        re.compile(r"(?<![0-9A-Za-z])(?:\d{16,19}|\d{4}(?: \d{4}){3}(?: \d{3})?)(?![0-9A-Za-z])", re.ASCII),
        bank_card,
    ),
}


def mentions(text: str) -> set[str]:
    """Kinds of personal data that stand inside a longer text, each with its check passed."""
    found = set()
    for kind, (pattern, check) in _INSIDE.items():
        if any(check(one.group()) for one in pattern.finditer(text)):
            found.add(kind)
    return found

"""Kinds: which meaning a column has, when nearly all of its values have it."""

from __future__ import annotations

import collections
import dataclasses
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence

from taihang.core import words
from taihang.data.profile.semantic import checks, people

_MENTIONED = 0.01


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A meaning: the check of one value, the share of values it asks for, and names that columns of it have.

    With a name that fits, half of the values are enough.
    """

    name: words.Slug
    pii: bool
    check: Callable[[str], bool]
    share: float
    named: re.Pattern[str]
    doubt: Callable[[Sequence[str]], bool]


@dataclasses.dataclass(frozen=True, slots=True)
class Meaning:
    """What a column is, by the share of its values."""

    kind: Kind
    share: float
    named: bool


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|[^a-z])(?:{pattern})(?:$|[^a-z])", re.IGNORECASE)


def _serial(values: Sequence[str]) -> bool:
    """Numbers that were counted up, as orders are: many different ones in a narrow range."""
    plain = sorted({int(v) for v in values if v.isascii() and v.isdigit() and len(v) == 11})
    if len(plain) < 20:
        return False
    # A few mistyped ones must not stretch the range.
    edge = len(plain) // 10
    return plain[-1 - edge] - plain[edge] < 1000 * len(plain)


def _versions(values: Sequence[str]) -> bool:
    """Dotted versions look like IPv4 addresses, with small numbers."""
    four = [v for v in values if v.count(".") == 3 and checks.ip(v)]
    small = sum(max(ipaddress.IPv4Address(v).packed) < 32 for v in four)
    return bool(four) and small * 2 > len(four)


def _few(values: Sequence[str]) -> bool:
    """A handful of different values is a list of choices, and names of people are not."""
    return len(set(values)) < max(5, len(values) // 50)


def _no_given_names(values: Sequence[str]) -> bool:
    latin = [v for v in values if people.latin_name(v)]
    known = sum(people.given_name(v) for v in latin)
    return _few(values) or known * 5 < len(latin)


def _never(values: Sequence[str]) -> bool:
    del values
    return False


def _name(value: str) -> bool:
    return people.chinese_name(value) or people.latin_name(value)


_NAMES = {
    "id-card": (r"id_?card|identity|idno|sfz|sfzh|身份证.*|证件号.*"),
    "credit-code": (r"uscc|credit_?code|统一社会信用代码|信用代码"),
    "bank-card": (r"card_?(?:no|number)?|pan|bank_?card|银行卡.*|卡号|账号"),
    "social-security": (r"ssn|social_?security.*"),
    "email": (r"e-?mail|mail|邮箱|电子邮件"),
    "url": (r"url|uri|link|href|website|网址|链接"),
    "ip": (r"ip|ip_?addr(?:ess)?|ipv4|ipv6|host_?ip|client_?ip"),
    "plate": (r"plate|car_?no|licen[cs]e_?plate|车牌.*|号牌"),
    "phone": (r"phone|mobile|tel|telephone|cell|手机.*|电话.*|联系方式"),
    "coordinates": (r"coord(?:inate)?s?|location|latlng|lnglat|gps|坐标|经纬度|位置"),
    "date": (r"date|day|time|日期|时间"),
    "address": (r"addr(?:ess)?|street|地址|住址|住所"),
    "name": (r"(?:full|real|user|cust(?:omer)?|employee|contact)_?name|name|姓名|联系人|负责人|经办人|户主|名字"),
}
KINDS = tuple(
    Kind(name, pii, check, share, _words(_NAMES[name]), doubt)
    for name, pii, check, share, doubt in (
        ("id-card", True, checks.id_card, 0.7, _never),
        ("credit-code", False, checks.credit_code, 0.7, _never),
        ("bank-card", True, checks.bank_card, 0.7, _never),
        ("social-security", True, checks.social_security, 0.8, _never),
        ("email", True, checks.email, 0.7, _never),
        ("url", False, checks.url, 0.8, _never),
        ("ip", True, checks.ip, 0.8, _versions),
        ("plate", True, checks.plate, 0.7, _never),
        ("phone", True, checks.phone, 0.85, _serial),
        ("coordinates", True, checks.point, 0.8, _never),
        ("date", False, checks.date, 0.8, _never),
        ("address", True, people.address, 0.7, _never),
        ("name", True, _name, 0.8, _no_given_names),
    )
)
BY_NAME = {kind.name: kind for kind in KINDS}
_LATITUDE = re.compile(r"(?:^|[^a-z])(?:lat|latitude)(?:$|[^a-z])|纬度", re.IGNORECASE)
_LONGITUDE = re.compile(r"(?:^|[^a-z])(?:lng|lon|long|longitude)(?:$|[^a-z])|经度", re.IGNORECASE)


def named(kind: Kind, column: str) -> bool:
    """True when a column's name says that it holds this kind; camelCase counts as words."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column)
    return kind.named.search(split) is not None


def meaning(values: Sequence[str], column: str) -> Meaning | None:
    """The first kind that enough of the values are; `values` are a sample without nulls."""
    if not values:
        return None
    values = [v.strip() for v in values]
    times = collections.Counter(values)
    best: Meaning | None = None
    for kind in KINDS:
        fits = named(kind, column)
        share = _share(kind, times, len(values), kind.share * 0.6 if fits else kind.share)
        if share is None:
            continue
        if not fits and kind.doubt(values):
            continue
        if kind.name == "name" and fits and all(not people.chinese_name(v) for v in values) and _no_given_names(values):
            continue
        if best is None or share > best.share + 0.1:
            best = Meaning(kind, share, fits)
    return best


def _share(kind: Kind, times: Mapping[str, int], total: int, least: float) -> float | None:
    """The share of values that are of a kind; None when it is below `least`, told as soon as that is certain."""
    passed = failed = 0
    for value, count in times.items():
        if kind.check(value):
            passed += count
        else:
            failed += count
            if (total - failed) / total < least:
                return None
    return passed / total


def degrees(low: float, high: float, column: str) -> Kind | None:
    """Coordinates, for a column of numbers whose name says so and whose range allows it."""
    if _LATITUDE.search(column) and -90 <= low <= high <= 90:
        return BY_NAME["coordinates"]
    if _LONGITUDE.search(column) and -180 <= low <= high <= 180:
        return BY_NAME["coordinates"]
    return None


def mentioned(values: Sequence[str]) -> dict[str, float]:
    """Shares of texts that mention personal data, by kind, from one in a hundred on."""
    counts: dict[str, int] = {}
    for value in values:
        if len(value) < 6 or len(value) > 20_000:
            continue
        for kind in checks.mentions(value):
            counts[kind] = counts.get(kind, 0) + 1
    return {k: n / len(values) for k, n in sorted(counts.items()) if n >= max(1, _MENTIONED * len(values))}

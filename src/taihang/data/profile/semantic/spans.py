"""Spans: personal data inside running text, each with its place: numbers by their form and check, then people.

What stands before a number decides in doubt: "订单号" or "serial" before it speak against, "手机" or "card" for it.
"""

# ruff: noqa: E501 - a form is read as one line
from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterator

from taihang.core import words
from taihang.data.profile.semantic import checks, people_inside

# Full-width letters are read as plain ones; each stays one character, so that places hold.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0xA0: 0x20, 0x2010: 0x2D, 0x2011: 0x2D, 0x2013: 0x2D, 0x2014: 0x2D}  # fmt: skip
_BEFORE = 16
_DOUBT = re.compile(
    r"(?:订单|单号|流水|运单|快递|编号|序列|序号|条码|条形码|批次|批号|工单|发票|合同号|设备号|型号|版本|料号|件号|追踪|跟踪|任务|交易|凭证|时间戳|校验码|验证码|资产|出厂|备件"
    r"|order|invoice|serial|ticket|trace|track|version|batch|part|item|sku|imei|barcode|build|release|\bref|timestamp|transaction|\bv(?:er)?\.?|\bno\.?\b|\bs/?n\b|\bid\b)"
    r"[^\d。；;\n]{0,8}$",
    re.IGNORECASE,
)
_CUES = {
    "id-card": r"身份证|证件号|证号|公民身份|ID ?card|identity|ID number",
    "bank-card": r"银行卡|卡号|账号|账户|信用卡|储蓄卡|借记卡|收款|card|account|visa|master",
    "phone": r"手机|电话|联系|致电|拨打|来电|热线|phone|mobile|tel\b|call|cell|contact|whatsapp|reach",
    "ip": r"IP|地址|主机|服务器|登录|host|server|login|logged|address|from|client",
    "social-security": r"SSN|social security",
    "passport": r"护照|passport",
}
_CUE = {kind: re.compile(rf"(?:{pattern})[^\d。；;\n]{{0,12}}$", re.IGNORECASE) for kind, pattern in _CUES.items()}


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Span:
    """`text[start:end]` is personal data of this kind."""

    start: int
    end: int
    kind: words.Slug


@dataclasses.dataclass(frozen=True, slots=True)
class _Form:
    """How a kind looks; `certain` when form and check leave no doubt that what stands before could raise."""

    kind: words.Slug
    pattern: re.Pattern[str]
    check: Callable[[str], bool]
    certain: bool = False
    needs_cue: bool = False


def _ascii(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _id_form(value: str) -> bool:
    """A mistyped identity number: all but its check digit is right."""
    plain = _digits(value)
    return any(checks.id_card(plain[:17] + last) for last in "0123456789X")


def _digits(value: str) -> str:
    return "".join(c for c in value if c.isalnum()).upper()


def _card(value: str) -> bool:
    return checks.bank_card(_digits(value))


def _usual_card(value: str) -> bool:
    """A card of a known network: UnionPay, Visa, Mastercard, JCB, American Express, Diners, Discover."""
    plain = _digits(value)
    fronts = r"(?:62\d{14,17}|4\d{15}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|35[2-8]\d{13}|3[47]\d{13}|3[068]\d{12}|6(?:011|5)\d{12,13})"
    return checks.luhn(plain) and re.fullmatch(fronts, plain) is not None


def _geo(value: str) -> bool:
    numbers = [float(n) for n in re.findall(r"\d{1,3}\.\d+", value)]
    return len(numbers) == 2 and min(numbers) <= 90 and max(numbers) <= 180


def _not_version(value: str) -> bool:
    return checks.ip(value) and (":" in value or max(int(n) for n in value.split(".")) > 31)


_EDGE, _TAIL = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
_FORMS = (
    _Form("email", _ascii(r"[A-Za-z0-9_.+%-]{1,64}@[A-Za-z0-9.-]{1,190}\.(?:[a-z]{2,24}|[A-Z]{2,24})(?![A-Za-z0-9-])"), checks.email, certain=True),
    _Form("id-card", _ascii(rf"{_EDGE}[1-9]\d(?:[ -]?\d){{15}}[ -]?[\dXx]{_TAIL}"), lambda v: checks.id_card(_digits(v)), certain=True),
    _Form("id-card", _ascii(rf"{_EDGE}[1-9]\d(?:[ -]?\d){{15}}[ -]?[\dXx]{_TAIL}"), _id_form, needs_cue=True),
    _Form("id-card", _ascii(rf"{_EDGE}[1-9]\d{{14}}{_TAIL}"), checks.id_card, needs_cue=True),
    _Form("bank-card", _ascii(r"(?<![0-9A-Za-z.+-])\d(?:[ -]?\d){12,18}(?![0-9A-Za-z]|\.\d)"), _usual_card),
    _Form("bank-card", _ascii(r"(?<![0-9A-Za-z.+-])\d(?:[ -]?\d){12,18}(?![0-9A-Za-z]|\.\d)"), _card, needs_cue=True),
    _Form("phone", _ascii(r"(?<![0-9A-Za-z.+-])(?:(?:\+|00)?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?![0-9A-Za-z]|\.\d|-\d)"), checks.phone),
    _Form("phone", _ascii(r"(?<![0-9A-Za-z.])\+[1-9]\d{0,2}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}(?![0-9A-Za-z])"), checks.phone, certain=True),
    _Form("phone", _ascii(r"(?<![0-9A-Za-z.+-])(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?![0-9A-Za-z]|[.-]\d)"), checks.phone),
    _Form("phone", _ascii(r"(?<![0-9A-Za-z.+-])(?:\(0\d{2,3}\)|0\d{2,3}[- ])[2-8]\d{6,7}(?:[- ]\d{1,5})?(?![0-9A-Za-z]|-\d)"), checks.phone),
    _Form("social-security", _ascii(r"(?<![0-9A-Za-z-])\d{3}-\d{2}-\d{4}(?![0-9A-Za-z]|-\d)"), checks.social_security),
    _Form("passport", _ascii(rf"{_EDGE}(?:[EGDSPH]\d{{8}}|E[A-Z]\d{{7}}|[A-Z]{{1,2}}\d{{6,7}}){_TAIL}"), lambda _v: True, needs_cue=True),
    _Form("plate", re.compile(r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-Z][·• ]?[A-HJ-NP-Z0-9]{4}(?:[A-HJ-NP-Z0-9]{2}|[A-HJ-NP-Z0-9挂学警港澳领试超])(?![0-9A-Za-z])"), checks.plate, certain=True),
    _Form("ip", _ascii(r"(?<![0-9A-Za-z.])\d{1,3}(?:\.\d{1,3}){3}(?![0-9A-Za-z]|\.\d)"), _not_version),
    _Form("ip", _ascii(r"(?<![0-9A-Za-z.])\d{1,3}(?:\.\d{1,3}){3}(?![0-9A-Za-z]|\.\d)"), checks.ip, needs_cue=True),
    _Form("ip", _ascii(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])"), lambda v: ("::" in v[1:] and len(v) > 6 and checks.ip(v)) or (v.count(":") == 7 and checks.ip(v)), certain=True),
    _Form("coordinates", _ascii(r"(?<![0-9A-Za-z.])-?\d{1,3}\.\d{4,}\s?[,;，]\s?-?\d{1,3}\.\d{4,}(?![0-9A-Za-z]|\.\d)"), checks.point),
    _Form("coordinates", re.compile(r"(?:北纬|南纬|东经|西经)\s?\d{1,3}\.\d{3,}°?\s?[,，、]?\s?(?:北纬|南纬|东经|西经)\s?\d{1,3}\.\d{3,}°?|\d{1,3}\.\d{3,}° ?[NSEW][, ]{1,2}\d{1,3}\.\d{3,}° ?[NSEW]"), _geo, certain=True),
)  # fmt: skip
_MAYBE = re.compile(r"[\d@:]")


def spans(text: str, known: Collection[str] = ()) -> list[Span]:
    """Personal data in a text, in order, none over another.

    `known` are names of people that the text may speak of: they are found wherever they stand.
    """
    read = text.translate(_NARROW)
    found: list[Span] = []
    taken = bytearray(len(read))
    for span in (*_named(read, known), *_numbers(read), *_people(read)):
        if not any(taken[span.start : span.end]):
            taken[span.start : span.end] = b"\1" * (span.end - span.start)
            found.append(span)
    return sorted(found)


def kinds(text: str) -> set[str]:
    """Kinds of personal data that stand in a text."""
    return {span.kind for span in spans(text)}


def _named(text: str, known: Collection[str]) -> Iterator[Span]:
    for name in known:
        if len(name) < 2 or (name.isascii() and len(name) < 4):
            continue
        edge = r"\b" if name.isascii() else ""
        for one in re.finditer(f"{edge}{re.escape(name)}{edge}", text):
            yield Span(one.start(), one.end(), "name")


def _numbers(text: str) -> Iterator[Span]:
    if _MAYBE.search(text) is None:
        return
    for form in _FORMS:
        for one in form.pattern.finditer(text):
            if not form.check(one.group()):
                continue
            before = text[max(0, one.start() - _BEFORE) : one.start()]
            cued = form.kind in _CUE and _CUE[form.kind].search(before) is not None
            if form.needs_cue and not cued:
                continue
            if not form.certain and not cued and _DOUBT.search(before):
                continue
            yield Span(one.start(), one.end(), form.kind)


def _people(text: str) -> Iterator[Span]:
    """Addresses, then names."""
    for kind, find in (("address", people_inside.addresses), ("name", people_inside.names)):
        for start, end in find(text):
            yield Span(start, end, kind)

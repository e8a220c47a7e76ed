"""People: names and addresses, which no check digit tells apart; columns of them are known by what is usual."""

from __future__ import annotations

import importlib.resources
import re


def lexicon(name: str) -> frozenset[str]:
    """The words of a shipped list."""
    text = (importlib.resources.files(__package__) / "lexicons" / f"{name}.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


SURNAMES = lexicon("surnames")
COMPOUND = (
    "欧阳",
    "上官",
    "司马",
    "诸葛",
    "东方",
    "皇甫",
    "尉迟",
    "公孙",
    "慕容",
    "司徒",
    "令狐",
    "夏侯",
    "南宫",
    "端木",
)
_HAN_NAME = re.compile(r"[㐀-鿿]{2,4}|[㐀-鿿]{1,4}·[㐀-鿿]{1,8}")
THINGS = lexicon("things")
_PINYIN = lexicon("pinyin")
_GIVEN = lexicon("given")
_LATIN_NAME = re.compile(
    r"(?:(?:Mr|Mrs|Ms|Dr)\.? )?[A-ZÀ-Þ][a-zà-ÿ'’-]{1,20}"
    r"(?: [A-Z]\.?| [A-ZÀ-Þ][A-Za-zà-ÿ'’-]{1,20}){1,2}(?:,? (?:Jr|Sr|II|III)\.?)?"
)
_LAST_FIRST = re.compile(r"([A-ZÀ-Þ][A-Za-zà-ÿ'’-]{1,20}), ([A-ZÀ-Þ][a-zà-ÿ'’-]{1,20})(?: [A-Z]\.?)?")
_AREA = re.compile(r"省|自治区|特别行政区|市|区|县|旗|镇|乡|街道|开发区|新区|村")
_STREET = re.compile(
    r"(?:路|街|道|巷|弄|胡同|里|大道|村|组|苑|园|小区|花园|大厦|广场|公寓|庄)[^，。；]{0,12}?\d"
    r"|\d+ ?(?:号|弄|栋|幢|单元|室|楼|座|组)"
)
_ENGLISH = re.compile(
    r"\d{1,6}[A-Za-z]? (?:[NSEW]\.? )?[A-Z0-9][\w'. -]{1,40} "
    r"(?:St|Street|Ave|Avenue|Rd|Road|Blvd|Boulevard|Ln|Lane|Dr|Drive|Ct|Court|Way|Pl|Place|Sq|Square|Ter|Terrace|Pkwy|Parkway|Cir|Circle|Hwy|Highway|Close|Crescent)\b\.?.*"
)


def chinese_name(value: str) -> bool:
    """Han characters that begin with a frequent family name and do not end like a thing; or a name with a dot."""
    if not _HAN_NAME.fullmatch(value):
        return False
    if "·" in value:
        return True
    compound = value[:2] in COMPOUND and len(value) > 2
    return (compound or (value[0] in SURNAMES and len(value) <= 3)) and value[-1] not in THINGS


def latin_name(value: str) -> bool:
    """Two or three capitalised words, or `Last, First`; whether they are names is `given_name`'s to say."""
    return _LATIN_NAME.fullmatch(value) is not None or _LAST_FIRST.fullmatch(value) is not None


def given_name(value: str) -> bool:
    """True when one of the words is a frequent given name or a family name in Pinyin."""
    words = [w.strip(".,").casefold() for w in re.split(r"[ ,]+", value)]
    words = [w for w in words if w not in {"mr", "mrs", "ms", "dr"}]
    return any(w in _GIVEN for w in words) or (len(words) == 2 and any(w in _PINYIN for w in words))


def address(value: str) -> bool:
    """A postal address down to a street or a house."""
    if len(value) < 6 or len(value) > 200:
        return False
    if _ENGLISH.fullmatch(value):
        return True
    return _AREA.search(value) is not None and _STREET.search(value) is not None

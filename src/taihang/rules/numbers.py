"""Numbers: SQL that is TRUE for a text that is not a number of a standard's kind, check digits computed exactly."""

from __future__ import annotations

from collections.abc import Callable

_ID_WEIGHTS = tuple(2 ** (17 - i) % 11 for i in range(17))
_CREDIT_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = tuple(3**i % 31 for i in range(17))
_PROVINCE_LETTERS = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_ID = "[1-9][0-9]{16}[0-9Xx]"
_PROVINCES = "1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]"
_LEAP = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
_PATTERNS = {
    "mobile": "(([+]|00)?86[- ]?)?1(3[0-9]|4[014-9]|5[0-35-9]|6[2567]|7[0-8]|8[0-9]|9[0-35-9])"
    "[- ]?[0-9]{4}[- ]?[0-9]{4}",
    "email": "[A-Za-z0-9_%+-]+([.][A-Za-z0-9_%+-]+)*@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?[.])+[A-Za-z]{2,24}",
    "url": "(?i)(https?|ftp)://[^ /$.?#][^ ]*",
    "plate": f"[{_PROVINCE_LETTERS}][A-HJ-Z][·• ]?([A-HJ-NP-Z0-9]{{4}}[A-HJ-NP-Z0-9挂学警港澳领试超]"
    "|[A-HJK][A-HJ-NP-Z0-9][0-9]{4}|[0-9]{5}[A-HJK])",
    "ipv4": "((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])",
    "uuid": "(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
}


def wrong(name: str, column: str) -> str:
    """The predicate for one of `NAMES`; `column` is an SQL expression that gives text. NULL for NULL."""
    if name in _CHECKED:
        return _CHECKED[name](column)
    return f"NOT regexp_full_match({column}, '{_PATTERNS[name]}')"


def day(between: str = "") -> str:
    """The pattern of a day that exists, years 0001 to 9999; `between` stands between year, month and day."""
    year = "([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
    return (
        f"({year}{between}((0[13578]|1[02]){between}(0[1-9]|[12][0-9]|3[01])"
        f"|(0[469]|11){between}(0[1-9]|[12][0-9]|30)|02{between}(0[1-9]|1[0-9]|2[0-8]))"
        f"|{_LEAP}{between}02{between}29)"
    )


def whole(bits: int) -> str:
    """The pattern of a whole number that fits into so many bits."""
    low, high = _up_to(2 ** (bits - 1)), _up_to(2 ** (bits - 1) - 1)
    return f"([+]?0*({high})|-0*({low}))"


def _up_to(most: int) -> str:
    digits = str(most)
    parts = [f"[0-9]{{1,{len(digits) - 1}}}"]
    for place, digit in enumerate(digits):
        first = "1" if place == 0 else "0"
        rest = len(digits) - place - 1
        if digit > first:
            parts.append(f"{digits[:place]}[{first}-{int(digit) - 1}]" + (f"[0-9]{{{rest}}}" if rest else ""))
    return "|".join([*parts, digits])


_TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
_ZONE = "(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?"
READABLE = {
    "BOOLEAN": "(?i)(true|false|t|f|yes|no|y|n|1|0)",
    "INT": whole(32),
    "BIGINT": whole(64),
    "DOUBLE": "(?i)[+-]?(([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]{1,3})?|inf|infinity)|nan",
    "DATE": day("-"),
    "TIME": _TIME,
    "TIMESTAMP": f"{day('-')}([T ]{_TIME}{_ZONE})?",
}


def _case(shape: str, wrong_inside: str, column: str) -> str:
    # Digits are taken apart only where the text has the shape: elsewhere there are none.
    return (
        f"CASE WHEN {column} IS NULL THEN NULL WHEN NOT regexp_full_match({column}, '{shape}') THEN TRUE "
        f"ELSE {wrong_inside} END"
    )


def _id_card(column: str) -> str:
    """GB 11643-1999: 18 digits, province, a day that exists, MOD 11-2 (ISO 7064) check character."""
    digits = f"TRY_CAST(left({column}, 17) AS BIGINT)"
    total = " + ".join(f"({digits} // {10 ** (16 - i)} % 10) * {w}" for i, w in enumerate(_ID_WEIGHTS))
    parts = (
        f"NOT regexp_full_match(left({column}, 2), '{_PROVINCES}')",
        f"substring({column}, 7, 4) < '1880'",
        f"NOT regexp_full_match(substring({column}, 7, 8), '{day()}')",
        f"substring('10X98765432', CAST(({total}) % 11 AS INT) + 1, 1) <> upper(right({column}, 1))",
    )
    return _case(_ID, f"({' OR '.join(parts)})", column)


def _credit_code(column: str) -> str:
    """GB 32100-2015: 18 characters, MOD 31 check character."""
    letters = "[0-9A-HJ-NPQRTUWXY]"
    total = " + ".join(
        f"(strpos('{_CREDIT_LETTERS}', substring({column}, {i + 1}, 1)) - 1) * {w}"
        for i, w in enumerate(_CREDIT_WEIGHTS)
    )
    check = f"substring('{_CREDIT_LETTERS}', CAST((31 - ({total}) % 31) % 31 AS INT) + 1, 1)"
    return _case(f"{letters}{{2}}[0-9]{{6}}{letters}{{10}}", f"{check} <> right({column}, 1)", column)


def _bank_card(column: str) -> str:
    """ISO/IEC 7812-1: first digit 2-6, 13 to 19 digits without breaks, Luhn check."""
    digits = f"TRY_CAST({column} AS BIGINT)"
    terms = []
    for place in range(19):
        digit = f"({digits} // {10**place} % 10)"
        terms.append(digit if place % 2 == 0 else f"({digit} * 2 // 10 + {digit} * 2 % 10)")
    return _case("[2-6][0-9]{12,18}", f"({' + '.join(terms)}) % 10 <> 0", column)


_CHECKED: dict[str, Callable[[str], str]] = {
    "id-card": _id_card,
    "credit-code": _credit_code,
    "bank-card": _bank_card,
}
NAMES = (*_CHECKED, *_PATTERNS)

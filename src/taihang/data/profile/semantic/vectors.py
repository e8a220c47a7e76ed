"""Vectors: checks over whole arrays at once, for the pass over all rows. Each agrees with its check of one value."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from taihang.data.profile.semantic import checks

_PLATE = (
    r"^[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-Z][·• ]?"
    r"(?:[A-HJ-NP-Z0-9]{4}[A-HJ-NP-Z0-9挂学警港澳领试超]|[A-HJK][A-HJ-NP-Z0-9][0-9]{4}|[0-9]{5}[A-HJK])$"
)
_CHINESE_MOBILE = r"^1(?:3\d|4[014-9]|5[0-35-9]|6[2567]|7[0-8]|8\d|9[0-35-9])\d{8}$"
_PLAIN_EMAIL = r"^[A-Za-z0-9_+%-]+(?:\.[A-Za-z0-9_+%-]+)*@(?:[A-Za-z0-9]+\.)+[A-Za-z]{2,24}$"
_WEIGHTS = np.array([2 ** (17 - i) % 11 for i in range(17)], np.int32)
_CHECKS = np.frombuffer(b"10X98765432", np.uint8)
Mask = npt.NDArray[np.bool_]


def valid(kind: str, values: pa.Array) -> Mask | None:
    """Which of these texts (no nulls) are of the kind; None when only single values can be checked.

    A quick test settles most values; those that it does not accept go to the full check.
    """
    quick = _QUICK.get(kind)
    if quick is None:
        return None
    found = quick(values)
    settled = _SETTLED.get(kind)
    rest = np.flatnonzero(~(found if settled is None else found | settled(values)))
    if len(rest):
        check = _FULL[kind]
        found[rest] = [check(v.strip()) for v in values.take(pa.array(rest)).to_pylist()]
    return found


def _by(pattern: str) -> Callable[[pa.Array], Mask]:
    return lambda values: np.array(pc.match_substring_regex(values, pattern).to_numpy(zero_copy_only=False))


def _id_cards(values: pa.Array) -> Mask:
    found = np.zeros(len(values), bool)
    long = np.flatnonzero(pc.equal(pc.binary_length(values), 18).to_numpy(zero_copy_only=False))
    if not len(long):
        return found
    chosen = values.take(pa.array(long)).cast(pa.large_binary())
    _, offsets, data = chosen.buffers()
    first = np.frombuffer(offsets, np.int64)[chosen.offset]
    letters = np.frombuffer(data, np.uint8)[first : first + 18 * len(long)].reshape(-1, 18)
    digits = letters[:, :17].astype(np.int32) - 48
    plain = ((digits >= 0) & (digits <= 9)).all(axis=1) & (digits[:, 0] > 0)
    digits = np.where(plain[:, None], digits, 0)
    right = _CHECKS[(digits @ _WEIGHTS) % 11] == np.where(letters[:, 17] == ord("x"), ord("X"), letters[:, 17])
    province = np.isin(digits[:, 0] * 10 + digits[:, 1], _PROVINCES)
    days = digits[:, 6:14] @ 10 ** np.arange(7, -1, -1)
    year, month, day = days // 10000, days // 100 % 100, days % 100
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    longest = _MONTHS[np.clip(month, 0, 13)] + ((month == 2) & leap)
    today = int(datetime.datetime.now(tz=datetime.UTC).strftime("%Y%m%d"))
    born = (year >= 1880) & (days <= today) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= longest)
    found[long] = plain & right & province & born
    return found


_MONTHS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0], np.int32)
_PROVINCES = np.array(sorted(checks.PROVINCES))
_QUICK: dict[str, Callable[[pa.Array], Mask]] = {
    "id-card": _id_cards,
    "phone": _by(_CHINESE_MOBILE),
    "email": _by(_PLAIN_EMAIL),
    "plate": _by(_PLATE),
}
# Texts of which the quick test says all: bare digits, too few for a country's code, are a mobile or nothing.
_SETTLED: dict[str, Callable[[pa.Array], Mask]] = {"phone": _by(r"^[0-9]{0,12}$")}
_FULL: dict[str, Callable[[str], bool]] = {
    "id-card": checks.id_card,
    "phone": checks.phone,
    "email": checks.email,
    "plate": checks.plate,
}

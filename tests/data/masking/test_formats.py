"""Format-preserving masks: another value of the same kind, always the same, different for different ones."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors
from taihang.data.masking import formats, methods, secrets
from taihang.data.profile.semantic import checks

SECRET = secrets.Secret("a secret of enough letters")
OTHER = secrets.Secret("another secret, as long")


def _id(area: str, day: datetime.date, order: int) -> str:
    body = f"{area}{day:%Y%m%d}{order:03d}"
    total = sum(int(c) * (2 ** (17 - i) % 11) for i, c in enumerate(body))
    return body + "10X98765432"[total % 11]


days = st.dates(datetime.date(1900, 1, 1), datetime.date(2025, 12, 31))


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(sorted(checks.PROVINCES)), st.integers(0, 9999), days, st.integers(0, 999))
def test_an_identity_number_becomes_another_valid_one(province: int, area: int, day: datetime.date, order: int) -> None:
    value = _id(f"{province}{area:04d}", day, order)
    made = formats.id_card(value, SECRET)
    assert made is not None
    assert checks.id_card(made)
    assert made == formats.id_card(value, SECRET)
    assert formats.id_card(value, OTHER) != made
    lower = formats.id_card(value.lower(), SECRET)
    assert lower is not None
    assert lower.upper() == made


def test_identity_numbers_stay_apart() -> None:
    day = datetime.date(1980, 5, 17)
    values = [_id("140107", day, n) for n in range(1000)]
    assert len({formats.id_card(v, SECRET) for v in values}) == 1000


@pytest.mark.parametrize(
    ("kind", "value", "check"),
    [
        ("phone", "13812345678", checks.phone),
        ("phone", "010-62345678", checks.phone),
        ("phone", "(415) 555-2671", checks.phone),
        ("bank-card", "6222021234567890128", checks.bank_card),
        ("plate", "晋A12345", checks.plate),
        ("plate", "京AD12345", checks.plate),
        ("plate", "京A12345D", checks.plate),
        ("plate", "京A1234挂", checks.plate),
        ("social-security", "123-45-6789", checks.social_security),
        ("ip", "10.1.2.3", checks.ip),
        ("ip", "2001:db8::1", checks.ip),
        ("email", "zhang.wei@qq.com", checks.email),
        ("email", "a@corp.cn", checks.email),
    ],
)
def test_each_kind_becomes_another_of_its_kind(kind: str, value: str, check: object) -> None:
    made = formats.masked(kind, value, SECRET)
    assert made is not None
    assert made != value
    assert callable(check)
    assert check(made)


def test_a_mobile_number_becomes_the_same_however_it_is_written() -> None:
    forms = ["13812345678", "138-1234-5678", "+86 13812345678", "008613812345678"]
    made = {"".join(c for c in (formats.masked("phone", f, SECRET) or "") if c.isdigit())[-11:] for f in forms}
    assert len(made) == 1


def test_the_employer_does_not_stay_in_an_address() -> None:
    assert (formats.masked("email", "li.lei@small-mine.cn", SECRET) or "").endswith("@example.com")
    assert (formats.masked("email", "li.lei@qq.com", SECRET) or "").endswith("@qq.com")


def test_hashes_are_equal_for_equal_values_only_and_hold_no_digits() -> None:
    one = methods.one("phone", "hash", "138-1234-5678", SECRET)
    assert one == methods.one("phone", "hash", "13812345678", SECRET)
    assert one != methods.one("phone", "hash", "13812345679", SECRET)
    assert one != methods.one("phone", "hash", "13812345678", OTHER)
    assert not any(c.isdigit() for c in one or "1")


def test_a_short_secret_is_refused_without_being_told() -> None:
    with pytest.raises(errors.UserError) as caught:
        secrets.Secret("hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "step", "told"),
    [
        (37, 10, "30-39"),
        (-3, 10, "-10--1"),
        ("1990-05-17", "year", "1990"),
        (datetime.date(1990, 5, 17), "month", "1990-05"),
    ],
)
def test_ranges(value: object, step: object, told: str) -> None:
    assert methods.ranged(value, step) == told  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("2024-02-28", "2024-03-01"),
        ("2024年2月28日", "2024年3月1日"),
        ("20240228", "20240301"),
        ("2024/02/28 08:00", "2024/03/01 08:00"),
    ],
)
def test_dates_move_in_the_form_that_they_have(value: str, told: str) -> None:
    assert methods.shifted(value, 2) == told


@settings(deadline=None)
@given(st.text(max_size=12), st.integers(1, 400))
def test_nobody_keeps_the_own_dates(person: str, most: int) -> None:
    assert 1 <= abs(SECRET.days(person, most)) <= most

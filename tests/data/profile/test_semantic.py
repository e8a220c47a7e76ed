# ruff: noqa: E501 - a line a check
"""What values mean: each standard's check, and what only looks alike."""

from __future__ import annotations

import random
from collections.abc import Callable

import pyarrow as pa
import pytest

from taihang.data.profile import patterns
from taihang.data.profile.semantic import checks, kinds, people, vectors


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        # The example number of GB 11643-1999, and ones with a wrong check, day and province.
        (checks.id_card, ["11010519491231002X", "110105491231002"], ["110105194912310021", "110105194913310020", "990105194912310021"]),
        # Codes of public bodies, as they print them; then one letter changed.
        (checks.credit_code, ["91350100M000100Y43"], ["91350100M000100Y44", "91350100O000100Y43"]),
        (checks.bank_card, ["4111111111111111", "5500 0055 5555 5559", "378282246310005"], ["4111111111111112", "490154203237518", "8986001234567890123"]),
        (checks.phone, ["13812345678", "+86 138-1234-5678", "010-62345678", "(415) 555-2671", "+44 20 7946 0958"], ["12012345678", "1381234567", "2023-01-15", "415-155-2671"]),
        (checks.email, ["a.b+c@example.com.cn"], ["@mention", "a@b", "a..b@c.com"]),
        (checks.plate, ["京A12345", "粤B·D12345", "沪AD12345", "苏A12345D", "鲁A1234挂"], ["京I12345", "中A12345", "京A1234"]),
        (checks.ip, ["192.168.0.1", "2001:db8::1"], ["256.1.1.1", "1.2.3"]),
        (checks.url, ["https://example.org/x?y=1"], ["example.org", "http://"]),
        (checks.point, ["39.9042, 116.4074", "(116.4074,39.9042)"], ["99.1234, 116.4074", "1.5, 2.5"]),
        (checks.date, ["2026-02-28", "2026年2月28日", "28/02/2026", "2026-02-28T10:00:00Z"], ["2026-02-30", "2026-13-01", "12345678"]),
        (checks.social_security, ["123-45-6789"], ["000-45-6789", "123456789"]),
        (people.chinese_name, ["王伟", "欧阳娜娜", "买买提·艾力"], ["北京市", "财务部", "x"]),
        (people.address, ["北京市朝阳区建国路88号", "1600 Pennsylvania Ave NW"], ["北京市", "朝阳区人民法院", "Ave Maria"]),
    ],
)  # fmt: skip
def test_checks(check: Callable[[str], bool], right: list[str], wrong: list[str]) -> None:
    assert [v for v in right if not check(v)] == []
    assert [v for v in wrong if check(v)] == []


def test_one_digit_changed_is_always_found() -> None:
    number = "11010519491231002X"
    for place in range(17):
        for digit in "0123456789":
            if digit != number[place]:
                assert not checks.id_card(number[:place] + digit + number[place + 1 :])


@pytest.mark.parametrize("kind", ["id-card", "phone", "email", "plate"])
def test_checks_over_arrays_agree_with_those_over_values(kind: str) -> None:
    chance = random.Random(kind)
    seeds = [
        "11010519491231002X",
        "13812345678",
        "a.b@example.com",
        "京A12345",
        "粤BD12345",
        "+86 13812345678",
        "",
        "x",
    ]
    values = list(seeds)
    for _ in range(2000):
        letters = list(chance.choice(seeds) or "0")
        letters[chance.randrange(len(letters))] = chance.choice("0123456789Xx@.京A-我 ")
        values.append("".join(letters))
    found = vectors.valid(kind, pa.array(values))
    assert found is not None
    check = kinds.BY_NAME[kind].check
    assert [v for v, f in zip(values, found, strict=True) if bool(f) != check(v.strip())] == []


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("v", [f"1.{i % 4}.{i % 9}.{i % 20}" for i in range(200)]),
        ("v", [f"138{i:08d}" for i in range(200)]),
        ("v", [str(10**17 + i * 7919) for i in range(200)]),
        ("v", ["财务部", "安全部", "王家庄", "黄瓜", "马铃薯"] * 40),
        ("name", ["Blue Widget", "Red Bolt", "Steel Pipe", "Copper Wire"] * 50),
        ("city", ["New York", "San Diego", "Los Angeles", "Salt Lake City"] * 50),
    ],
)
def test_what_only_looks_alike_is_not_taken_for_personal(column: str, values: list[str]) -> None:
    found = kinds.meaning(values, column)
    assert found is None or not found.kind.pii


@pytest.mark.parametrize(
    "text", ["2026-11", "京A·12345", "a1B2", "(x) 9", "A" * 40, "日期：2026", "tab\there", "9{4}", "a\\b{"]
)
def test_a_shape_fits_the_text_that_it_came_from(text: str) -> None:
    pattern = patterns.regex(patterns.shape(text))
    assert pa.compute.match_substring_regex(pa.array([text]), pattern)[0].as_py()

"""Personal data inside running text: what is found, what only looks alike, and how long a hostile text takes."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.data.profile.semantic import spans


def _found(text: str, known: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(one.kind, text[one.start : one.end]) for one in spans.spans(text, known)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("联系人：王伟，电话13812345678。", [("name", "王伟"), ("phone", "13812345678")]),
        ("身份证号11010519491231002X", [("id-card", "11010519491231002X")]),
        ("手机１３８１２３４５６７８", [("phone", "１３８１２３４５６７８")]),
        ("家住北京市朝阳区建国路88号3号楼", [("address", "北京市朝阳区建国路88号3号楼")]),
        ("卡号6222 0212 3456 7890 128", [("bank-card", "6222 0212 3456 7890 128")]),
        ("车牌晋A12345，IP 10.1.2.3", [("plate", "晋A12345"), ("ip", "10.1.2.3")]),
        ("mail a.b@example.org, SSN 123-45-6789", [("email", "a.b@example.org"), ("social-security", "123-45-6789")]),
        ("Call James Smith at (415) 555-2671", [("name", "James Smith"), ("phone", "(415) 555-2671")]),
    ],
)
def test_found(text: str, told: list[tuple[str, str]]) -> None:
    assert _found(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "订单号201811123456789012已发货",
        "流水号13812345678",
        "软件版本 2.8.0.2 已发布",
        "由马达驱动的高压泵，负责人：安全科",
        "李子、黄瓜都在王庄煤矿",
        "温度过高时应立即停机，并报告调度室",
        "沿建国路向前200米",
        "Washington Street is closed",
        "Tracking 4111111111111111 shows no movement",
        "",
    ],
)
def test_look_alikes_are_none(text: str) -> None:
    assert _found(text) == []


def test_a_name_that_is_known_is_found_wherever_it_stands() -> None:
    assert _found("佘禤闾昨日没有签到", ("佘禤闾",)) == [("name", "佘禤闾")]


@settings(deadline=None)
@given(st.text(alphabet="1234567890-. @王伟电话：市路号AaX", max_size=80))
def test_spans_lie_in_the_text_in_order_and_apart(text: str) -> None:
    found = spans.spans(text)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


@pytest.mark.parametrize("piece", ["1 ", "a@", "a.", "1:", "区县市路", "Aa ", "王伟", "1-"])
def test_time_grows_with_the_text_and_no_faster(piece: str) -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        spans.spans(piece * count)
        return time.process_time() - began

    seconds(100)
    assert seconds(8000) < 40 * max(seconds(1000), 0.002)

"""Masking: whatever is given, the part that names a person is not in what is shown."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import principal
from taihang.trust.access import guard, masking

phones = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
id_cards = st.from_regex(r"[1-9][0-9]{16}[0-9X]", fullmatch=True)
cards = st.from_regex(r"62[0-9]{14,17}", fullmatch=True)
plain = st.text(st.characters(codec="utf-8", exclude_categories=("Nd", "No", "Nl", "Cs")), max_size=20)
locals_ = st.from_regex(r"[a-z][a-z0-9]{3,20}", fullmatch=True)
wide = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


def digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum())


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("phone", "13812345678", "138******78"),
        ("phone", "+86 138-1234-5678", "138******78"),
        ("phone", 13812345678, "138******78"),
        ("phone", "12345", "***"),
        ("id_card", "11010519491231002X", "110**************X"),
        ("bank_card", "6222 0212 3456 7890", "************7890"),
        ("name", "张三丰", "张**"),
        ("name", "张", "**"),
        ("name", "Jane Smith", "J** S**"),
        ("email", "jane@example.com", "j***@example.com"),
        ("email", "ab@example.com", "***@example.com"),
        ("email", "not an address", "***"),
        ("address", "河北省石家庄市长安区中山东路1号", "河北省石家庄市***"),
        ("address", "1 Long Street", "***"),
        ("secret", "abc", "***"),
        ("name", None, ""),
        ("name", "  ", ""),
    ],
)
def test_what_is_shown(kind: masking.Kind, value: object, shown: str) -> None:
    assert masking.mask(kind, value) == shown


@given(phones, st.sampled_from(["", "+86", "0086", "+86 "]), st.booleans())
def test_a_phone_number_is_not_to_be_dialled(phone: str, prefix: str, is_wide: bool) -> None:
    shown = masking.mask("phone", prefix + (phone.translate(wide) if is_wide else phone))
    assert shown == f"{phone[:3]}******{phone[-2:]}"


@given(id_cards, st.booleans())
def test_a_birthday_is_not_in_a_masked_number(number: str, is_wide: bool) -> None:
    shown = masking.mask("id_card", number.translate(wide) if is_wide else number)
    assert digits(shown) == number[:3] + number[-1]


@given(st.sampled_from(["phone", "id_card", "bank_card", "name", "email", "address", "secret"]), st.text(max_size=60))
def test_any_text_is_masked_without_complaint_and_never_shown_whole(kind: masking.Kind, text: str) -> None:
    shown = masking.mask(kind, text)
    plain_text = "".join(text.split())
    if len(plain_text) > 3:
        assert plain_text not in shown or set(plain_text) <= {"*"} or kind in {"name", "email", "address"}
        assert shown != text


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=2, max_size=6))
def test_of_a_chinese_name_one_letter_is_shown(name: str) -> None:
    assert masking.mask("name", name) == name[0] + "**"


@settings(max_examples=300)
@given(
    plain,
    st.one_of(
        phones.map(lambda v: (v, v)),
        phones.map(lambda v: (v, f"{v[:3]}-{v[3:7]}-{v[7:]}")),
        phones.map(lambda v: (v, f"{v[:3]} {v[3:7]} {v[7:]}")),
        phones.map(lambda v: (v, v.translate(wide))),
        id_cards.map(lambda v: (v, v)),
        cards.map(lambda v: (v, v)),
    ),
    plain,
)
def test_no_number_survives_in_free_text(before: str, number: tuple[str, str], after: str) -> None:
    shown = masking.free(before + number[1] + after)
    hidden = number[0][4:-4] if len(number[0]) > 11 else number[0][3:9]
    assert hidden not in digits(shown).translate({v: k for k, v in wide.items()})


@given(plain, locals_, plain)
def test_no_address_survives_in_free_text(before: str, local: str, after: str) -> None:
    shown = masking.free(f"{before} {local}@example.com {after}")
    assert f"{local}@" not in shown
    assert "***@example.com" in shown


def test_text_without_numbers_stays() -> None:
    text = "第 3 行，列 age 的值 212 超出 0–120；见 2026-03-01 08:00:00。No helmet at 00:12:31.250."
    assert masking.free(text) == text


def who(role: str, **more: object) -> principal.Principal:
    return principal.Principal(name="me", tenant="north", roles=(role,), **more)


@pytest.mark.parametrize(
    ("reader", "clear"),
    [
        (who("viewer"), False),
        (who("inspector"), False),
        (who("engineer"), False),
        (who("auditor"), False),
        (who("admin"), False),
        (who("steward"), True),
        (who("steward", scopes=("asset:read",)), False),
        (who("nobody"), False),
    ],
)
def test_who_sees_a_row_in_clear(reader: principal.Principal, clear: bool) -> None:
    masker = masking.Masker(guard.Guard(), reader)
    row = {"id": 7, "phone": "13812345678", "name": "张三", "note": None}
    shown = masker.row(row, {"phone": "phone", "name": "name", "note": "name"})
    assert shown == (row if clear else {"id": 7, "phone": "138******78", "name": "张**", "note": None})
    assert masker.text("call 13812345678") == ("call 13812345678" if clear else "call 138******78")


FINDING = {
    "rule": {"id": "r"},
    "place": {"table": "people", "keys": {"phone": 13812345678, "id": "11010519491231002X", "row": 7, "on": True}},
    "message": {"zh": "电话 13812345678 重复", "en": "13812345678 is there twice"},
    "measured": {"count": 2, "mail": "jane@example.com", "share": 0.5, "none": None},
    "evidence": [{"sha256": "a13812345678b" + "0" * 51}],
}


def test_a_finding_is_masked_in_what_was_read_from_data_and_its_hashes_stay() -> None:
    text = json.dumps(FINDING, ensure_ascii=False)
    shown = json.loads(masking.Masker(guard.Guard(), who("viewer")).finding(text))
    assert shown["place"]["keys"] == {"phone": "138******78", "id": "110**************X", "row": 7, "on": True}
    assert shown["message"]["zh"] == "电话 138******78 重复"
    assert shown["measured"] == {"count": 2, "mail": "j***@example.com", "share": 0.5, "none": None}
    assert shown["evidence"] == FINDING["evidence"]
    assert masking.Masker(guard.Guard(), who("steward")).finding(text) == text


def test_a_finding_with_nothing_to_mask_is_passed_on_as_it_is() -> None:
    text = '{"place": {"table": "t", "keys": {"row": 7}},   "message": {}}'
    assert masking.Masker(guard.Guard(), who("viewer")).finding(text) == text


def test_fields_that_are_not_sensitive_are_shown_to_readers() -> None:
    masker = masking.Masker(guard.Guard(), who("viewer"))
    assert masker.value("name", "张三", sensitivity="internal") == "张三"
    assert masker.value("name", "张三", sensitivity="core") == "张**"
    assert masker.value("name", "张三", sensitivity="no such word") == "张**"


def test_a_steward_of_another_tenant_sees_nothing_in_clear() -> None:
    masker = masking.Masker(guard.Guard(), who("steward"), tenant="south")
    assert masker.value("phone", "13812345678") == "138******78"


def test_a_long_text_is_masked_in_time_that_grows_with_it() -> None:
    for text in ("1" * 200_000, "a@" * 100_000, "1 " * 100_000, "a." * 100_000):
        assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", masking.free(text))

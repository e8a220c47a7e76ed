"""What a user reads: the right language, one line, no tricks from hostile values."""

from __future__ import annotations

import contextvars

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taihang.core import i18n


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "en_US.UTF-8", "TAIHANG_LANG": "zh"}, "zh"),
        ({"LC_ALL": "zh_CN.UTF-8", "TAIHANG_LANG": "en"}, "en"),
    ],
)
def test_the_language_is_the_users(variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TAIHANG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert contextvars.Context().run(i18n.current) == expected


def test_a_chosen_language_holds_in_its_context_only() -> None:
    def chosen() -> str:
        i18n.use("zh")
        return i18n.text("core:level.red")

    assert contextvars.Context().run(chosen) == "重大"
    assert i18n.text("core:level.red") == "red (major)"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="zh, en"):
        i18n.use("fr")  # type: ignore[arg-type]


def test_a_message_is_rendered_by_its_reader() -> None:
    message = i18n.Message(key="core:missing_extra", values={"extra": "hub", "purpose": "X"})
    assert "taihang[hub]" in message.in_("zh")
    both = message.both()
    assert both.en == message.in_("en")
    assert both.zh == message.in_("zh")
    assert both.zh != both.en


def test_texts_and_messages_as_values_follow_the_language() -> None:
    inner = i18n.Message(key="core:level.blue")
    outer = {"purpose": inner, "extra": i18n.Text(zh="甲", en="a")}
    assert i18n.text("core:missing_extra", "zh", **outer).startswith("低 需要可选组件 甲")
    assert i18n.text("core:missing_extra", "en", **outer).startswith("blue (low) needs the optional part a")


@given(st.text())
def test_a_hostile_value_never_breaks_the_line(value: str) -> None:
    shown = i18n.text("core:missing_extra", "en", extra="hub", purpose=value)
    assert len(shown.splitlines()) == 1
    assert "\x1b" not in shown
    assert not any(0x202A <= ord(letter) <= 0x202E or 0x2066 <= ord(letter) <= 0x2069 for letter in shown)


def test_braces_in_a_value_are_not_a_template() -> None:
    assert "{extra!r} {0}" in i18n.text("core:missing_extra", "en", extra="hub", purpose="{extra!r} {0}")


def test_a_value_without_end_is_cut() -> None:
    assert len(i18n.text("core:missing_extra", "en", extra="hub", purpose="x" * 1_000_000)) < 5000


def test_a_missing_key_is_our_defect() -> None:
    with pytest.raises(KeyError):
        i18n.text("core:no_such_key")

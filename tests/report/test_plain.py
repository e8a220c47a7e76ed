"""Values as a reader sees them."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import pytest

from taihang.report import plain


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00:00.0"),
        (59.96, "0:01:00.0"),
        (75.25, "0:01:15.2"),
        (3599.99, "1:00:00.0"),
        (3661.5, "1:01:01.5"),
        (-2.5, "-0:00:02.5"),
    ],
)
def test_clock(seconds: float, text: str) -> None:
    assert plain.clock(seconds) == text


def test_clock_without_decimals_and_of_no_time() -> None:
    assert plain.clock(3600, 0) == "1:00:00"
    assert plain.clock(float("nan")) == plain.clock(float("inf")) == "–"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (9999, "9999"),
        (1234567, "1\u202f234\u202f567"),
        (0.123456789, "0.12346"),
        (2.0, "2"),
        (float("nan"), "–"),
        (float("inf"), "∞"),
        (1e308, "1e+308"),
        (10**18, "1e+18"),
        (10**400, "> 1e308"),
        (-(10**400), "< -1e308"),
    ],
)
def test_number(value: float, text: str) -> None:
    assert plain.number(value) == text


def test_a_share_that_is_not_nothing_never_reads_as_nothing() -> None:
    assert plain.share(0, 10) == "0.0%"
    assert plain.share(0.001, 10) == "<0.1%"
    assert plain.share(1, 0) == plain.share(float("nan"), 3) == "–"


def test_a_long_text_says_how_long_it_was() -> None:
    assert plain.short("长" * 10_000, "zh", 50).startswith("长" * 50 + "…")
    assert "10000" in plain.short("x" * 10_000, "en")


@hypothesis.given(st.text(st.characters(codec=None), max_size=50))
def test_cleaned_text_is_valid_xml_and_utf8(text: str) -> None:
    cleaned = plain.clean(text)
    cleaned.encode()
    assert not any(ord(c) < 32 and c not in "\t\n" for c in cleaned)
    assert not set(cleaned) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\ufffe\uffff\u2028\u2029")
    assert len(cleaned) == len(text)

"""A pattern in the form that PostgreSQL decides soon matches the same texts."""

from __future__ import annotations

import re

import hypothesis
import hypothesis.strategies as st
import pytest

from taihang.data.quality.pushdown import lean
from taihang.rules import pattern

CLASSES = ("[0-9]", "[a-z]", "C", "1", "[3-9]", "[^@ ]", "[太-行]", "[A-Z0-9]")
PARTS = st.tuples(st.sampled_from(CLASSES), st.sampled_from(("", "", "{2}", "{3}", "{4}", "{0,3}", "{3,5}", "+")))
TEXTS = st.text("C1059az太 @", max_size=9)


def spelled(text: str) -> str:
    return re.sub(r"\\x\{([0-9A-F]+)\}", lambda m: re.escape(chr(int(m[1], 16))), text)


@hypothesis.given(st.lists(PARTS, min_size=1, max_size=4), TEXTS)
@hypothesis.settings(max_examples=300, deadline=None)
def test_every_text_is_judged_alike(parts: list[tuple[str, str]], text: str) -> None:
    written = "".join(one + times for one, times in parts)
    made = lean.lean(pattern.whole(pattern.parse(written)))
    hypothesis.assume(made is not None)
    assert made is not None
    wanted = re.fullmatch(written, text) is not None
    loop = re.compile(spelled(pattern.spell(made.pattern, "re2")).replace(r"\z", r"\Z"))
    octets = text.encode()
    size = len(octets) if made.octets else len(text)
    sized = size >= (made.least or 0) and (made.most is None or size <= made.most)
    low, below = (made.low or "").encode(), None if made.below is None else made.below.encode()
    between = octets >= low and (below is None or octets < below)
    assert (sized and between and loop.search(text) is not None) == wanted


@pytest.mark.parametrize(
    ("written", "least", "octets", "low"),
    [("C[0-9]{9}", 10, True, None), ("1[3-9][0-9]{9}", 11, True, "13"), ("[太-行]{4}", 4, False, None)],
)
def test_a_count_becomes_a_length(written: str, least: int, octets: bool, low: str | None) -> None:
    made = lean.lean(pattern.whole(pattern.parse(written)))
    assert made is not None
    assert (made.least, made.most, made.octets, made.low) == (least, least, octets, low)


@pytest.mark.parametrize("written", ["[^@ ]+@[a-z]+", "a|b", "[0-9]{3,}x?", "([0-9]{4}|x)y*"])
def test_what_has_no_one_length_stays_as_it_is(written: str) -> None:
    assert lean.lean(pattern.whole(pattern.parse(written))) is None


def test_a_text_that_begins_with_a_plain_letter_is_decided_by_it() -> None:
    made = lean.lean(pattern.parse(r"[^\s]"))
    assert made is not None
    assert made.enough
    assert (made.low, made.below) == ("!", "\x7f")

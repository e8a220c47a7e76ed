"""Constraints: what a book refuses, and that every constraint takes candidates away and none adds any."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors, i18n
from taihang.model.causes import book, candidates

HEAD = "taihang: causes/1\nid: site\nversion: 1.0\ntitle: {zh: 现场, en: Site}\n"
KINDS = ("alarm", "belt", "helmet", "unsafe-act", "zone")


def _read(text: str) -> book.Book:
    return book.read((HEAD + text).encode(), "site.causes.yaml").book


def _refused(text: str, language: i18n.Language = "en") -> str:
    with pytest.raises(errors.UserError) as caught:
        book.read(text.encode(), "site.causes.yaml")
    line = caught.value.message.in_(language)
    assert "\n" not in line
    return line


def test_the_least_book_allows_every_ordered_pair() -> None:
    assert len(candidates.candidates(KINDS, _read(""))) == 20


def test_an_order_keeps_what_is_late_from_causing_what_is_early() -> None:
    text = "groups: {wear: [helmet], act: [unsafe-*], machine: [alarm, belt]}\norder: [[wear, act, machine]]\n"
    pairs = {(c.cause, c.effect) for c in candidates.candidates(KINDS, _read(text))}
    assert ("helmet", "alarm") in pairs  # earlier groups reach over those between
    assert ("alarm", "belt") in pairs  # within one group both ways are open
    assert ("belt", "alarm") in pairs
    assert ("alarm", "helmet") not in pairs
    assert ("zone", "helmet") in pairs  # a kind in no group is not ordered


def test_lags_are_cut_to_what_all_allow_and_the_strictest_place_holds() -> None:
    text = """
lag: {least_s: 1, most_s: 40}
within:
  - {cause: helmet, effect: "*", lag: {least_s: 5, most_s: 90}, same: place}
  - {cause: "*", effect: alarm, lag: {least_s: 2, most_s: 30}, same: actor}
needs: [{effect: alarm, cause: [helmet, belt]}]
forbid: [{cause: belt, effect: zone}]
"""
    found = {(c.cause, c.effect): c for c in candidates.candidates(KINDS, _read(text))}
    assert found["helmet", "alarm"] == candidates.Candidate("helmet", "alarm", 5, 30, "actor")
    assert found["helmet", "zone"] == candidates.Candidate("helmet", "zone", 5, 40, "place")
    assert ("zone", "alarm") not in found
    assert ("belt", "zone") not in found


def test_lags_that_no_two_constraints_share_leave_no_candidate() -> None:
    text = "within: [{cause: helmet, effect: alarm, lag: {least_s: 70, most_s: 90}}]\n"
    assert ("helmet", "alarm") not in {(c.cause, c.effect) for c in candidates.candidates(KINDS, _read(text))}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("groups: {a: [x], b: [y], c: [z]}\norder: [[a, b], [b, c], [c, a]]\n", "a → b → c → a"),
        ("groups: {a: [x]}\norder: [[a, a]]\n", "a → a"),
        ("grups: {}\n", "groups"),
        ("order: [[wear]]\n", "wear"),
        ("lag: {least_s: 9, most_s: 3}\n", "least_s must be below most_s"),
        ("lag: {least_s: .nan}\n", "lag.least_s"),
        ("missed: 0.9\n", "missed"),
        ("forbid: [{cause: x}]\n", "forbid.0.effect"),
        ("groups: {a: ['group:b'], b: [x]}\n", "cannot hold another group"),
        ("fdr: &x 0.05\n", "5:"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_its_place(text: str, told: str) -> None:
    line = _refused(HEAD + text)
    assert line.startswith("site.causes.yaml:")
    assert told in line
    assert _refused(HEAD + text, "zh").startswith("site.causes.yaml:")


def test_a_book_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(errors.UserError, match="mine"):
        book.load("no-such-book")
    with pytest.raises(errors.UserError, match="cannot read"):
        book.load("nowhere/site.causes.yaml")


def test_the_shipped_books_are_whole() -> None:
    assert book.shipped() == ["mine"]
    mine = book.load("mine").book
    pairs = {
        (c.cause, c.effect) for c in candidates.candidates(["no-helmet", "running", "equipment-stop", "no-view"], mine)
    }
    assert ("no-helmet", "running") in pairs
    assert ("equipment-stop", "no-helmet") not in pairs
    assert not any(cause == "no-view" for cause, _ in pairs)


_PATTERN = st.sampled_from([*KINDS, "*", "a*", "?elt"])
_ONE = st.one_of(
    st.builds(lambda c, e: ("forbid", {"cause": c, "effect": e}), _PATTERN, _PATTERN),
    st.builds(lambda c, e: ("needs", {"effect": e, "cause": [c]}), _PATTERN, _PATTERN),
    st.builds(
        lambda c, e, a, b, s: ("within", {"cause": c, "effect": e, "lag": {"least_s": a, "most_s": a + b}, "same": s}),
        _PATTERN, _PATTERN, st.floats(0.1, 90), st.floats(0.1, 90), st.sampled_from(["any", "place", "actor"]),
    ),
    st.builds(lambda a, b: ("order", sorted([a, b])), st.sampled_from("pqr"), st.sampled_from("stu")),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(_ONE, max_size=6), _ONE)
def test_a_further_constraint_never_adds_a_candidate(
    held: list[tuple[str, object]], further: tuple[str, object]
) -> None:
    groups = {"p": ["alarm"], "q": ["b*"], "r": ["helmet"], "s": ["zone"], "t": ["unsafe-*"], "u": ["alarm", "zone"]}

    def made(listed: list[tuple[str, object]]) -> dict[tuple[str, str], candidates.Candidate]:
        value: dict[str, object] = {**book.OPEN, "groups": groups}
        for field in ("forbid", "needs", "within", "order"):
            value[field] = [one for name, one in listed if name == field]
        found = candidates.candidates(KINDS, book.Book.model_validate(value))
        return {(c.cause, c.effect): c for c in found}

    before, after = made(held), made([*held, further])
    assert set(after) <= set(before)
    for pair, one in after.items():
        assert one.least_s >= before[pair].least_s
        assert one.most_s <= before[pair].most_s


_YAML = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=12), st.sampled_from([*KINDS, "group:x", "a"])),
    lambda part: st.one_of(
        st.lists(part, max_size=4),
        st.dictionaries(
            st.sampled_from(["lag", "order", "groups", "cause", "effect", "within", "needs", "forbid", "least_s", "x"]),
            part,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: (HEAD + t).encode(errors="replace"))))
def test_any_bytes_are_a_book_or_one_line(data: bytes) -> None:
    try:
        book.read(data, "f")
    except errors.UserError as error:
        assert "\n" not in str(error)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["lag", "order", "groups", "within", "needs", "forbid", "same", "fdr"]), _YAML))
def test_any_tree_is_a_book_or_one_line(value: dict[str, object]) -> None:
    import yaml

    text = HEAD + yaml.safe_dump(value, allow_unicode=True) if value else HEAD
    try:
        book.read(text.encode(errors="replace"), "f")
    except errors.UserError as error:
        assert "\n" not in str(error)

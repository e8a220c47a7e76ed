"""Time terms against brute force: cells of one second, every verdict recomputed by its definition.

A world is one way in which the unseen cells, and time beyond the recording, may really have been.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.rules import judge, occurrence, sequence, spans, table, timeline
from tests.rules import books

LETTERS = st.text("TTFFu", min_size=1, max_size=14)
SEEN = st.text("TF", min_size=1, max_size=12)
SMALL = settings(max_examples=80, deadline=None)


def bridged(letters: str, gap: int) -> str:
    """Short inner unseen runs settled as the rule assumes."""
    cells, n = list(letters), 0
    while n < len(cells):
        end = n
        while end < len(cells) and cells[end] == "u":
            end += 1
        if 0 < end - n <= gap and n > 0 and end < len(cells):
            cells[n:end] = ("T" if cells[n - 1] == cells[end] == "T" else "F") * (end - n)
        n = max(end, n + 1)
    return "".join(cells)


def runs(cells: Sequence[bool]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff([False, *cells, False]))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def long_runs(cells: Sequence[bool], sustained: int) -> list[tuple[int, int]]:
    return [(a, b) for a, b in runs(cells) if b - a >= sustained]


def worlds(letters: str, beyond: int, number: int, seed: int) -> list[tuple[bool, ...]]:
    """Ways in which the cells, with `beyond` more on both sides, may have been; all-true and all-false among them."""
    chance = random.Random(seed)
    padded = "u" * beyond + letters + "u" * beyond
    fills = [lambda: True, lambda: False, *[lambda: chance.random() < 0.5] * number]
    return [tuple(c == "T" or (c == "u" and fill()) for c in padded) for fill in fills]


def cells(found: judge.Judgement, verdict: str) -> set[int]:
    spans = [(f.place.start_s, f.place.end_s) for f in found.findings if f.verdict == verdict]
    return {n for a, b in spans if a is not None and b is not None for n in range(round(a), round(b))}


@SMALL
@given(letters=LETTERS, sustained=st.integers(0, 5), gap=st.integers(0, 3))
def test_sustained_is_what_brute_force_says(letters: str, sustained: int, gap: int) -> None:
    found = books.judged(books.timeline(letters), books.rule(sustained=f"{sustained}s", max_gap=f"{gap}s", per="run"))
    known = bridged(letters, gap)
    certain = {n for a, b in long_runs([c == "T" for c in known], sustained) for n in range(a, b)}
    hopeful = worlds(known, sustained, 0, 0)[0]
    possible = {n - sustained for a, b in long_runs(hopeful, sustained) for n in range(a, b)}
    seen = {n for n, c in enumerate(known) if c == "T"}
    if "T" in letters or "F" in letters:
        assert cells(found, "violated") == certain
        assert {n for n in cells(found, "insufficient") if known[n] == "T"} == (possible & seen) - certain
    else:
        assert not found.findings


def repeats(world: Sequence[bool], sustained: int, at_least: int, within: int) -> bool:
    """Some window of `within` cells, placed freely, meets `at_least` runs."""
    found = long_runs(world, max(sustained, 1))
    return any(c - b < within for (_, b), (c, _) in zip(found, found[at_least - 1 :], strict=False))


@SMALL
@given(letters=SEEN, sustained=st.integers(0, 3), at_least=st.integers(2, 4), within=st.integers(1, 8))
def test_repeats_that_were_all_seen_are_decided(letters: str, sustained: int, at_least: int, within: int) -> None:
    letters = f"F{letters}F"
    rule = books.rule(sustained=f"{sustained}s", at_least=at_least, within=f"{within}s")
    found = books.judged(books.timeline(letters), rule)
    expected = repeats([c == "T" for c in letters], sustained, at_least, within)
    assert [f.verdict for f in found.findings][:1] == (["violated"] if expected else [])
    assert all(f.verdict == "violated" for f in found.findings)


def line(letters: str, gap: int) -> timeline.Line:
    data = books.timeline(letters)
    at = timeline.layout("t", data, data.keys)
    true = np.array([n for n, c in enumerate(letters) if c == "T"], np.int64)
    return timeline.bridged(timeline.line(at, len(letters), true, np.zeros(0, np.int64)), gap)


def drawn(chance: random.Random, size: int) -> str:
    """Letters in runs, so that spans of every kind come in every length."""
    letters = ""
    while len(letters) < size:
        letters += chance.choice("TTFFu") * chance.choice([1, 1, 2, 3])
    return letters[:size]


def test_certain_repeats_hold_in_every_world() -> None:
    chance = random.Random(20)
    certain = 0
    for _ in range(1500):
        letters, gap = drawn(chance, chance.randint(3, 14)), chance.choice([0, 0, 1, 2])
        sustained, at_least, within = chance.randint(0, 3), chance.randint(2, 3), chance.randint(1, 8)
        found = spans.repeated(line(letters, gap), sustained, at_least, within)
        possible = [repeats(w, sustained, at_least, within) for w in worlds(bridged(letters, gap), 4, 12, certain)]
        if any(s.certain for s in found):
            certain += 1
            assert all(possible), (letters, gap, sustained, at_least, within)
        if "u" not in letters:
            assert any(s.certain for s in found) == repeats([c == "T" for c in letters], sustained, at_least, within)
    assert certain > 100


def follows(first: Sequence[bool], second: Sequence[bool], terms: dict[str, Any], n: int) -> list[int]:
    """Runs of the first half, long enough, in whose window the second half comes; or does not when not wanted."""
    found = []
    for place, (a, b) in enumerate(long_runs(first, max(terms["sustained"], 1))):
        anchor = a if terms["from"] == "start" else b
        window = second[anchor : min(anchor + terms["within"], n)]
        if any(window) != terms["wanted"]:
            found.append(place)
    return found


@st.composite
def sequences(draw: st.DrawFn, letters: str) -> tuple[str, str, dict[str, Any]]:
    size = draw(st.integers(1, 12))
    first = draw(st.text(letters, min_size=size, max_size=size))
    second = draw(st.text(letters, min_size=size, max_size=size))
    terms = {
        "sustained": draw(st.integers(0, 3)),
        "within": draw(st.integers(1, 6)),
        "from": draw(st.sampled_from(["start", "end"])),
        "wanted": draw(st.booleans()),
    }
    return first, second, terms


def followed(first: str, second: str, terms: dict[str, Any], gap: int = 0) -> judge.Judgement:
    which = "not_followed_by" if terms["wanted"] else "followed_by"
    rule = books.rule(
        sustained=f"{terms['sustained']}s",
        max_gap=f"{gap}s",
        within=f"{terms['within']}s",
        **{which: {"table": "o", "where": "v", "from": terms["from"], "max_gap": f"{gap}s"}},
    )
    return books.judged(books.timeline(first), rule, o=books.timeline(second))


@SMALL
@given(case=sequences("TF"))
def test_sequences_that_were_all_seen_are_decided(case: tuple[str, str, dict[str, Any]]) -> None:
    first, second, terms = case
    first, second = f"F{first}F{'F' * terms['within']}", f"F{second}F{'F' * terms['within']}"
    found = followed(first, second, terms)
    expected = follows([c == "T" for c in first], [c == "T" for c in second], terms, len(first))
    assert [f.verdict for f in found.findings] == ["violated"] * len(expected)


def test_certain_sequences_hold_in_every_world() -> None:
    chance = random.Random(21)
    certain = 0
    for _ in range(1500):
        size, gap = chance.randint(3, 12), chance.choice([0, 0, 1, 2])
        first, second = drawn(chance, size), drawn(chance, size)
        terms = {
            "sustained": chance.randint(0, 3),
            "within": chance.randint(1, 6),
            "from": chance.choice(["start", "end"]),
            "wanted": chance.random() < 0.5,
        }
        ours, theirs = line(first, gap), line(second, gap)
        other = sequence.signal(theirs, spans.lasting(occurrence.occurrences(theirs, 0), 0))
        found = sequence.followed(
            occurrence.occurrences(ours, terms["sustained"]), sequence.extents(ours), other, [0],
            within=terms["within"], anchor=terms["from"], wanted=terms["wanted"],
        )  # fmt: skip
        if not any(s.certain for s in found):
            continue
        certain += 1
        beyond = terms["within"] + 3
        for one in worlds(bridged(first, gap), beyond, 6, certain):
            for two in worlds(bridged(second, gap), beyond, 6, -certain):
                assert follows(one, two, terms, len(one)), (first, second, terms, gap)
    assert certain > 100


TERMS = st.sampled_from(
    [
        {"per": "run"},
        {"sustained": "2s"},
        {"sustained": "3s", "cooldown": "2s"},
        {"sustained": "1s", "at_least": 2, "within": "5s"},
        {"at_least": 3, "within": "9s"},
        {"within": "3s", "followed_by": {"table": "o", "where": "v"}},
        {"within": "3s", "not_followed_by": {"table": "o", "where": "v", "sustained": "2s"}},
        {"within": "2s", "not_followed_by": {"table": "o", "where": "v", "from": "end"}},
    ]
)


def violated(found: judge.Judgement) -> bool:
    return any(f.verdict == "violated" for f in found.findings)


@settings(max_examples=80, deadline=None)
@given(
    letters=st.text("TTFFuuu", min_size=3, max_size=14),
    other=st.text("TTFFFuu", min_size=3, max_size=14),
    terms=TERMS,
    seen=st.lists(st.sampled_from("TFu"), min_size=28, max_size=28),
)
def test_looking_again_never_turns_a_violation_into_a_pass(
    letters: str, other: str, terms: dict[str, Any], seen: list[str]
) -> None:
    # Only what the rule assumed (a bridged gap) may be proven wrong: here nothing is bridged.
    rule = books.rule(max_gap="0s", **terms)
    second = terms.get("followed_by") or terms.get("not_followed_by")
    if second:
        which = "followed_by" if "followed_by" in terms else "not_followed_by"
        rule[which] = {**second, "max_gap": "0s"}
    before = books.judged(books.timeline(letters), rule, o=books.timeline(other))
    again = "".join(new if old == "u" else old for old, new in zip(letters, seen, strict=False))
    other_again = "".join(new if old == "u" else old for old, new in zip(other, seen[14:], strict=False))
    after = books.judged(books.timeline(again), rule, o=books.timeline(other_again))
    if violated(before):
        assert violated(after)


@SMALL
@given(
    groups=st.dictionaries(st.sampled_from("abc"), LETTERS, min_size=1),
    terms=TERMS,
    order=st.randoms(use_true_random=False),
    cuts=st.lists(st.floats(0.1, 0.9), min_size=42, max_size=42),
)
def test_row_order_and_cut_rows_change_nothing(
    groups: dict[str, str], terms: dict[str, Any], order: random.Random, cuts: list[float]
) -> None:
    data = books.timeline(groups)
    other = books.timeline(dict.fromkeys(groups, "FFTFF"))
    rule = books.rule(**terms)
    told = _told(books.judged(data, rule, o=other))
    places = list(range(data.data.num_rows))
    order.shuffle(places)
    shuffled = table.Table(data.data.take(pa.array(places)), keys=data.keys)
    assert _told(books.judged(shuffled, rule, o=other)) == told
    rows: list[dict[str, Any]] = []
    for row, cut in zip(data.data.to_pylist(), cuts, strict=False):
        at = row["start_s"] + cut
        rows += [{**row, "end_s": at}, {**row, "start_s": at}]
    halves = table.Table(pa.Table.from_pylist(rows, schema=books.SCHEMA), keys=data.keys)
    assert _told(books.judged(halves, rule, o=other)) == told


def _told(found: judge.Judgement) -> object:
    suspects = [(s.keys["g"], s.start_s, s.end_s, s.why) for s in found.suspects]
    places = [(f.verdict, f.place, f.message) for f in found.findings]
    return places, suspects, found.passed, [n.code for n in found.not_judged]

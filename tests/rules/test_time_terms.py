"""Each time term by examples: letters are seconds (T, F; u not observed, n null, - no row)."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from taihang.core import errors
from taihang.rules import table
from tests.rules import books

V, I = "violated", "insufficient"  # noqa: E741


@pytest.mark.parametrize(
    ("letters", "terms", "expected"),
    [
        # without terms, every run is a violation; short unseen gaps are bridged
        ("FTTF", {}, [(V, 1, 3)]),
        ("FTFTF", {}, [(V, 1, 2), (V, 3, 4)]),
        ("FTuTF", {}, [(V, 1, 4)]),
        ("FTnTF", {}, [(V, 1, 4)]),
        ("FT-TF", {}, [(V, 1, 4)]),
        ("FTuuTF", {}, [(V, 1, 2), (V, 4, 5)]),
        ("FTuuTF", {"max_gap": "2s"}, [(V, 1, 5)]),
        ("FTuTF", {"max_gap": "500ms"}, [(V, 1, 2), (V, 3, 4)]),
        ("FuuuuF", {}, []),
        # sustained
        ("FTTF", {"sustained": "2s"}, [(V, 1, 3)]),
        ("FTTF", {"sustained": "3s"}, []),
        ("FTTTTF", {"sustained": "3s"}, [(V, 1, 5)]),
        ("FTuTF", {"sustained": "3s"}, [(V, 1, 4)]),
        ("FTuuuTF", {"sustained": "5s"}, [(I, 1, 6)]),
        ("FTuuuF", {"sustained": "4s"}, [(I, 1, 2)]),
        ("FTuuuF", {"sustained": "5s"}, []),
        ("FTuF", {"sustained": "2s"}, []),
        ("FTTTuuuTF", {"sustained": "3s", "max_gap": "1s"}, [(V, 1, 4), (I, 7, 8)]),
        # the ends of the timeline are unknown beyond
        ("TFF", {"sustained": "9s"}, [(I, 0, 1)]),
        ("FFT", {"sustained": "9s"}, [(I, 2, 3)]),
        ("FFTu", {"sustained": "9s"}, [(I, 2, 3)]),
        ("uuu", {"sustained": "1s"}, []),
        # cooldown
        ("FTFTFFFT", {"cooldown": "1s"}, [(V, 1, 4), (V, 7, 8)]),
        ("FTFTFFFT", {"cooldown": "3s"}, [(V, 1, 8)]),
        ("FTTFTuuuF", {"cooldown": "1s", "sustained": "2s", "max_gap": "1s"}, [(V, 1, 3)]),
        # at_least within
        ("FTFTFTF", {"at_least": 3, "within": "4s"}, [(V, 1, 6)]),
        ("FTFTFTF", {"at_least": 3, "within": "3s"}, []),
        ("FTFTFTF", {"at_least": 2, "within": "2s"}, [(V, 1, 6)]),
        ("FTFFFTF", {"at_least": 2, "within": "3s"}, []),
        ("FTuuuTF", {"at_least": 2, "within": "9s"}, [(I, 1, 6)]),
        ("FTuuuFF", {"at_least": 2, "within": "9s"}, [(I, 1, 2)]),
        ("FTFFFFFuuu", {"at_least": 2, "within": "2s"}, []),
        ("FTuuuFFTF", {"at_least": 3, "within": "9s"}, [(I, 1, 8)]),
        ("FTTFTF", {"at_least": 2, "within": "9s", "sustained": "2s"}, []),
        ("FTTFTTF", {"at_least": 2, "within": "9s", "sustained": "2s"}, [(V, 1, 6)]),
    ],
)
def test_runs(letters: str, terms: dict[str, Any], expected: list[tuple[str, float, float]]) -> None:
    found = books.judged(books.timeline(letters), books.rule(**terms))
    assert books.verdicts(found) == expected


@pytest.mark.parametrize(
    ("first", "second", "within", "anchor", "comes", "stays_away"),
    [
        ("FTFFFFF", "FFFTFFF", "3s", "start", (V, 1, 4), None),
        ("FTFFFFF", "FFFTFFF", "2s", "start", None, (V, 1, 3)),
        ("FTFFFFF", "FTFFFFF", "2s", "start", (V, 1, 2), None),
        ("FTTTFFF", "FFFFTFF", "2s", "end", (V, 1, 5), None),
        ("FTTTFFF", "FFFFTFF", "2s", "start", None, (V, 1, 3)),
        # the window, or part of it, was not seen
        ("FTFFFFF", "FFuuuFF", "4s", "start", (I, 1, 5), (I, 1, 5)),
        ("FTFFFFF", "FuuTFFF", "4s", "start", (V, 1, 4), None),
        ("FTFFFFF", "FFFuFFF", "4s", "start", None, (V, 1, 5)),
        # the recording ends before the window does
        ("FFFFFTF", "FFFFFFF", "4s", "start", (I, 5, 7), (I, 5, 7)),
        ("FFFFFTF", "FFFFFFT", "4s", "start", (V, 5, 7), None),
        # when the first half began was not seen
        ("FuuuTFFFF", "FFFFFTFFF", "2s", "start", (I, 4, 6), (I, 4, 6)),
        ("FuuuTFFFF", "FFFFFTFFF", "6s", "start", (V, 4, 6), None),
        ("FuuuTFFFF", "FFFFFFFFF", "2s", "start", None, (V, 4, 6)),
        ("TFFFF", "FTFFF", "2s", "start", (I, 0, 2), None),
        ("TFFFF", "FFFFF", "2s", "start", None, (I, 0, 2)),
        # the first half never ended in the recording
        ("FFTTT", "FFFFF", "1s", "end", None, None),
    ],
)
def test_sequences(  # noqa: PLR0917
    first: str, second: str, within: str, anchor: str, comes: object, stays_away: object
) -> None:
    data = books.timeline(first)
    other = books.timeline(second)
    for term, expected in (("followed_by", comes), ("not_followed_by", stays_away)):
        rule = books.rule(within=within, **{term: {"table": "o", "where": "v", "from": anchor}})
        assert books.verdicts(books.judged(data, rule, o=other)) == ([expected] if expected else []), term


def test_what_followed_is_evidence_too() -> None:
    rule = books.rule(
        within="5s", followed_by={"table": "o", "where": "v"}, message={"zh": "{after_s}", "en": "{after_s}"}
    )
    found = books.judged(books.timeline("FTFFFFF"), rule, o=books.timeline("FFFTTFF"))
    (one,) = found.findings
    assert [(e.table, e.rows) for e in one.evidence if e.kind == "rows"] == [("t", (1,)), ("o", (3, 4))]
    assert one.message.en == "2"


def test_a_rule_may_follow_a_rule() -> None:
    alarm = books.rule(id="alarm", where="v", table="o", sustained="2s")
    rule = books.rule(within="4s", followed_by={"rule": "alarm"})
    data = books.timeline("FTFFFFFF")
    assert books.verdicts(books.judged(data, rule, alarm, o=books.timeline("FFTFFFFF"))) == []
    assert books.verdicts(books.judged(data, rule, alarm, o=books.timeline("FFTTFFFF")))[0] == (V, 1, 4)


def test_groups_are_judged_apart_and_matched_by_their_keys() -> None:
    data = books.timeline({"b": "FTFFFF", "a": "FTFFFF", "c": "FTFFFF"})
    other = books.timeline({"a": "FFTFFF", "b": "FFFFFF"})
    found = books.judged(data, books.rule(within="3s", not_followed_by={"table": "o", "where": "v"}), o=other)
    assert [(f.verdict, f.place.keys["g"]) for f in found.findings] == [(V, "b"), (I, "c")]


def test_a_group_coarser_than_the_keys_holds_while_any_of_its_rows_does() -> None:
    data = books.timeline({"a": "FTTFFF", "b": "FFFTFF"})
    assert books.verdicts(books.judged(data, books.rule(by=[], sustained="3s"))) == [(V, 1, 4)]
    found = books.judged(data, books.rule(by=[], sustained="3s"))
    assert books.rows_of(found) == (1, 2, 9)
    half = books.timeline({"a": "FFFF", "b": "FuuF"})
    assert books.judged(half, books.rule(by=[])).passed == ("r",)


def test_moments_count() -> None:
    rows = {
        "start_s": [0.0, 5.0, 5.0, 9.0],
        "end_s": [5.0, 5.0, 9.0, 9.0],
        "observed": [True] * 4,
        "v": [False, True, False, False],
    }
    found = books.judged(table.Table(pa.table(rows)), books.rule())
    assert books.verdicts(found) == [(V, 5.0, 5.000001)]


def test_suspects_are_where_another_look_would_settle_it() -> None:
    data = books.timeline("FTuuuFFTTF")
    found = books.judged(data, books.rule(sustained="2s", max_gap="1s"))
    assert [(s.why, s.start_s, s.end_s) for s in found.suspects] == [("unsure", 1, 4), ("seen", 7, 9)]
    (doubtful, certain) = found.findings
    assert doubtful.verdict == I
    assert "insufficient evidence" in doubtful.message.en
    assert "证据不足" in doubtful.message.zh
    assert certain.verdict == V


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ({"start_s": [1.0], "end_s": [0.0], "observed": [True], "v": [True]}, "rules:table.backwards"),
        ({"start_s": [0.0], "end_s": [float("nan")], "observed": [True], "v": [True]}, "rules:table.time"),
        (
            {"start_s": [0.0, 1.0], "end_s": [2.0, 3.0], "observed": [True, True], "v": [True, True]},
            "rules:table.overlap",
        ),
        ({"start_s": [0], "end_s": [2], "observed": [True], "v": [True]}, "rules:table.type"),
    ],
)
def test_impossible_times_are_refused(rows: dict[str, list[Any]], key: str) -> None:
    with pytest.raises(errors.UserError) as caught:
        books.judged(pa.table(rows), books.rule())
    assert caught.value.message.key == key


def test_time_terms_need_a_table_with_time() -> None:
    with pytest.raises(errors.UserError, match=r"b\.rules\.yaml:1:\d+: time terms need the columns"):
        books.judged(pa.table({"v": [True]}), books.rule(sustained="2s"))


def test_nothing_observed_is_no_pass() -> None:
    found = books.judged(books.timeline("uuu"), books.rule())
    assert found.passed == ()
    assert [n.code for n in found.not_judged] == ["unknown"]

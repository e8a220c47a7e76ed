"""Tests of causes are kept: what was stopped goes on where it was, and what differs is made anew."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from taihang.core import errors
from taihang.engines import stages
from taihang.model.causes import book, candidates, events, judging, keeping, shifting, statistical
from tests.model.causes import logs


class StopAt:
    def __init__(self, share: float) -> None:
        self.share = share

    def update(self, stage: str, done: float, total: float) -> None:
        if done / total > self.share:
            raise errors.Cancelled("core:cancelled")


@pytest.fixture
def tested(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each test that is really made."""
    made: list[int] = []
    real = shifting.test

    def counted(given: shifting.Correlogram, seed: int) -> shifting.Tested | None:
        made.append(seed)
        return real(given, seed)

    monkeypatch.setattr(shifting, "test", counted)
    return made


def test_what_was_stopped_goes_on_and_says_the_same(tmp_path: Path, tested: list[int]) -> None:
    store = stages.Stages(tmp_path)
    plain = judging.judge(logs.log(1), logs.OPEN, judges="statistical")
    whole = len(tested)
    with pytest.raises(errors.Cancelled):
        judging.judge(logs.log(1), logs.OPEN, StopAt(0.5), "statistical", store)
    tested.clear()
    again = judging.judge(logs.log(1), logs.OPEN, None, "statistical", store)
    assert 0 < len(tested) < whole
    tested.clear()
    third = judging.judge(logs.log(1), logs.OPEN, None, "statistical", store)
    assert not tested
    for other in (again, third):
        assert len(other.edges) == len(plain.edges)
        for one, two in zip(plain.edges, other.edges, strict=True):
            assert dataclasses.replace(one, statistic=two.statistic) == two
            for field in dataclasses.fields(statistical.Statistic):
                ours, theirs = getattr(one.statistic, field.name), getattr(two.statistic, field.name)
                if field.name == "pairs":
                    assert np.array_equal(ours.lag, theirs.lag)
                else:
                    assert np.array_equal(ours, theirs), field.name


@pytest.mark.parametrize("changed", ["events", "missed", "lag"])
def test_other_events_and_other_constraints_are_tested_anew(tmp_path: Path, tested: list[int], changed: str) -> None:
    store = stages.Stages(tmp_path)
    judging.judge(logs.log(1), logs.OPEN, None, "statistical", store)
    tested.clear()
    log = events.shifted(logs.log(1), [0.25] * 3) if changed == "events" else logs.log(1)
    value = {"missed": {"missed": 0.1}, "lag": {"lag": {"least_s": 1.0, "most_s": 30.0}}}.get(changed, {})
    other = book.Read(book.Book.model_validate({**book.OPEN, **value}), "0" * 64)
    judging.judge(log, other, None, "statistical", store)
    assert tested


def test_what_could_not_be_tested_is_kept_too(tmp_path: Path) -> None:
    log = logs.single(("a", 1.0), ("b", 4.0))
    line = events.timeline(log)
    proposed = candidates.candidates(log.kinds, logs.OPEN.book)
    kept = keeping.Kept(stages.Stages(tmp_path), line, 0.2)
    for _ in range(2):
        found = statistical.judge(line, proposed, logs.OPEN.book, None, kept)
        assert [s.reason for s in found] == ["few", "few"]

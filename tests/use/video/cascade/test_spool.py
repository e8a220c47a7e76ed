from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from taihang.core import errors
from taihang.use.video.cascade import spool

entries = st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 300)), max_size=14)


@hypothesis.settings(deadline=None, max_examples=25)
@hypothesis.given(entries)
def test_the_gravest_stay_and_nothing_that_must_stay_goes(
    tmp_path_factory: pytest.TempPathFactory, given: list[tuple[int, bool, int]]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    kept = spool.Spool(folder, 800)
    for number, (rank, keep, size) in enumerate(given):
        kept.put(f"e{number}", (rank, number), {"level": "blue"}, b"x" * size, keep=keep, level="blue")
    taken = []
    while (entry := kept.next()) is not None:
        taken.append(entry)
    names = [entry.id for entry in taken]
    assert [e.rank for e in taken] == sorted(e.rank for e in taken)
    assert {f"e{n}" for n, (_, keep, _) in enumerate(given) if keep} <= set(names)
    assert sum(e.size for e in taken if not e.keep) <= 800
    lost = (
        [json.loads(row)["id"] for row in (folder / "dropped.jsonl").read_text().splitlines()] if kept.dropped else []
    )
    assert sorted(lost + names) == sorted(f"e{n}" for n in range(len(given)))
    assert kept.dropped.total() == len(lost)


def test_the_least_grave_goes_first_and_is_written_down(tmp_path: Path) -> None:
    kept = spool.Spool(tmp_path, 1000)
    for number, level in enumerate(("red", "blue", "yellow")):
        kept.put(level, (-number if level == "red" else number,), {"level": level}, b"x" * 300, keep=False, level=level)
    assert kept.put("new", (1.5,), {"level": "orange"}, b"x" * 300, keep=False, level="orange")
    assert dict(kept.dropped) == {"yellow": 1}
    assert not kept.put("worse", (9,), {"level": "info"}, b"x" * 300, keep=False, level="info")
    assert dict(kept.dropped) == {"yellow": 1, "info": 1}


def test_another_process_goes_on_with_what_waits(tmp_path: Path) -> None:
    first = spool.Spool(tmp_path, 10_000)
    first.put("b", (2,), {"level": "blue", "n": 2}, b"film", keep=False)
    first.put("a", (1,), {"level": "red", "n": 1}, b"", keep=True)
    (tmp_path / ".part-entry-x").mkdir()  # what a kill in the middle of writing leaves
    second = spool.Spool(tmp_path, 10_000)
    entry = second.next()
    assert entry is not None
    assert (entry.id, entry.facts()["n"], entry.keep, entry.film()) == ("a", 1, True, b"")
    second.done(entry)
    assert [e.id for e in (spool.Spool(tmp_path, 10_000).next(),) if e] == ["b"]
    assert not (tmp_path / ".part-entry-x").exists()


def test_a_damaged_entry_is_put_aside_and_counted(tmp_path: Path) -> None:
    spool.Spool(tmp_path, 10_000).put("a", (1,), {"level": "red"}, b"film", keep=True)
    next(tmp_path.glob("entry-*/clip.mp4")).write_bytes(b"other")
    kept = spool.Spool(tmp_path, 10_000)
    assert kept.next() is None
    assert kept.dropped["damaged"] == 1
    assert list(tmp_path.glob("damaged-*"))


def test_on_a_full_disk_the_film_goes_before_the_facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = spool.Spool(tmp_path, 10_000)
    kept.put("light", (5,), {"level": "blue"}, b"x" * 100, keep=False, level="blue")
    real = os.fsync
    room = 400

    def full(handle: int) -> None:
        if os.fstat(handle).st_size > room:
            raise OSError(errno.ENOSPC, "full")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    assert kept.put("grave", (0,), {"level": "red"}, b"x" * 1000, keep=True, level="red")
    assert not kept.put("light2", (5,), {"level": "blue"}, b"x" * 1000, keep=False, level="blue")
    entry = kept.next()
    assert entry is not None
    assert (entry.id, entry.film()) == ("grave", b"")
    assert kept.dropped["film"] == 1
    assert kept.dropped["blue"] == 2
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(errors.Failure):
        kept.put("grave2", (0,), {"level": "red"}, keep=True)

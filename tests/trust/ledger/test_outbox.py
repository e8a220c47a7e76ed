"""Decisions reach the ledger exactly once, whoever dies and whoever races."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures import stores

from taihang.core import errors
from taihang.engines.store import opening
from taihang.trust.ledger import Entry, Ledger, commitments, log, outbox, verify
from tests.trust.ledger import worlds


@pytest.fixture(params=stores.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[opening.Store]:
    with stores.store(request.param, tmp_path) as opened:
        opened.create()
        yield opened


def _put(store: opening.Store, tenant: str, *subjects: str) -> list[str]:
    with store.begin() as conn:
        return [outbox.put(conn, tenant, Entry.now("ticket-state", s, facts={"state": "new"})) for s in subjects]


def _moved(store: opening.Store, ledger: Ledger) -> int:
    total = 0
    while moved := outbox.publish(store, ledger, most=7):
        total += moved
    return total


def test_a_decision_is_recorded_with_its_change_or_not_at_all(store: opening.Store, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), store.begin() as conn:
        outbox.put(conn, "a", Entry.now("ticket-state", "never"))
        raise RuntimeError
    (made,) = _put(store, "a", "ticket-1")
    assert outbox.receipt(store, "a", made).position is None
    assert outbox.waiting(store) == 1
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        assert _moved(store, ledger) == 1
        assert _moved(store, ledger) == 0
        found = outbox.receipt(store, "a", made)
        assert (found.position, found.origin, found.subject) == (0, worlds.LOG.name, "ticket-1")
        proved = verify.bundle(ledger.prove(0), worlds.POLICY)
    assert (proved.entry.tenant, proved.entry.facts) == ("a", {"state": "new", "decision": made})
    assert proved.entry.at == found.at
    assert outbox.waiting(store) == 0


def test_receipts_are_each_tenants_own(store: opening.Store, tmp_path: Path) -> None:
    (one,), (two,) = _put(store, "a", "x"), _put(store, "b", "x")
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        _moved(store, ledger)
    assert [r.id for r in outbox.recent(store, "a")] == [one]
    assert [r.id for r in outbox.recent(store, "b", subject="x", before=2)] == [two]
    assert outbox.recent(store, "b", before=1) == []
    for tenant, made in (("a", two), ("b", one), ("c", one), ("a", "' OR 1=1 --")):
        with pytest.raises(errors.NotFound):
            outbox.receipt(store, tenant, made)


def test_what_was_committed_first_stands_first(store: opening.Store, tmp_path: Path) -> None:
    for n in range(20):
        _put(store, f"t{n % 3}", f"s{n}", f"s{n}b")
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        assert _moved(store, ledger) == 40
        subjects = [entry.subject for entry in ledger.read()]
    assert subjects == [s for n in range(20) for s in (f"s{n}", f"s{n}b")]


@pytest.mark.parametrize("wrong", [Entry.now("k", "s", tenant="b"), Entry.now("k", "s", facts={"decision": "mine"})])
def test_a_false_label_is_refused(store: opening.Store, wrong: Entry) -> None:
    with store.begin() as conn, pytest.raises(ValueError, match="entry of"):
        outbox.put(conn, "a", wrong)


def test_looking_costs_no_write(store: opening.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        _put(store, "a", "s")
        _moved(store, ledger)
        with monkeypatch.context() as patched:
            patched.setattr(store, "begin", lambda: pytest.fail("a write transaction"))
            assert outbox.publish(store, ledger) == 0


def test_a_subject_that_is_too_long_is_refused(store: opening.Store) -> None:
    with store.begin() as conn:
        outbox.put(conn, "a", Entry.now("k", "𠮷" * 500))
        with pytest.raises(errors.UserError, match="at most 500"):
            outbox.put(conn, "a", Entry.now("k", "x" * 501))


def test_the_newest_about_a_subject(store: opening.Store) -> None:
    assert outbox.newest(store, "a", "ticket-state", "s") is None
    made = _put(store, "a", "s", "s", "t")
    found = outbox.newest(store, "a", "ticket-state", "s")
    assert found is not None
    assert found.id == made[1]
    assert outbox.newest(store, "b", "ticket-state", "s") is None
    assert outbox.newest(store, "a", "report", "s") is None


class Dead(BaseException):
    """Stands for kill -9."""


@pytest.mark.parametrize("moment", ["before the append", "after the append", "before the commit"])
@pytest.mark.parametrize("published", [False, True])
def test_death_between_ledger_and_store(
    store: opening.Store, tmp_path: Path, moment: str, published: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [*_put(store, "a", "s0"), *_put(store, "b", "s1")]
    ledger = Ledger(tmp_path / "log", worlds.LOG)
    _moved(store, ledger)
    made += [*_put(store, "a", "s2", "s3"), *_put(store, "b", "s4")]
    with monkeypatch.context() as patched:

        def dying(*words: object) -> object:
            if moment == "after the append":
                real(*words)  # type: ignore[arg-type]
            raise Dead

        if moment == "before the commit":
            patched.setattr(outbox, "_head", dying)
        else:
            real = log.Ledger.append_encoded
            patched.setattr(log.Ledger, "append_encoded", dying)
        with pytest.raises(Dead):
            outbox.publish(store, ledger)
    if published:
        ledger.checkpoint()
    ledger._journal.close()
    os.close(ledger._lock)
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        # Others may write to the ledger directly in between.
        ledger.append([Entry.now("report", "ab" * 32)])
        made += _put(store, "a", "s5")
        _moved(store, ledger)
        held = [(e.tenant, e.facts.get("decision")) for e in ledger.read()]
        ordered = [e.subject for e in ledger.read() if e.kind == "ticket-state"]
    assert ordered == [f"s{n}" for n in range(6)]
    for decision in made:
        found = [r for t in "ab" for r in outbox.recent(store, t) if r.id == decision]
        assert len(found) == 1
        assert found[0].position is not None
        assert held[found[0].position][1] == decision


def test_an_old_copy_of_the_ledger_is_not_written_to(store: opening.Store, tmp_path: Path) -> None:
    _put(store, "a", "s0", "s1")
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        _moved(store, ledger)
    _put(store, "a", "s2")
    with Ledger(tmp_path / "other", worlds.LOG) as ledger:
        with pytest.raises(errors.Failure, match="old copy or another ledger"):
            outbox.publish(store, ledger)
        ledger.append(worlds.batch(0, 3))
        with pytest.raises(errors.Failure, match="old copy or another ledger"):
            outbox.publish(store, ledger)
        assert ledger.size == 3
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        assert _moved(store, ledger) == 1


def test_publishers_that_race_move_each_once(store: opening.Store, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "log", worlds.LOG)
    stop = threading.Event()
    moved: list[int] = []

    def publisher() -> None:
        while not stop.is_set() or outbox.waiting(store):
            moved.append(outbox.publish(store, ledger, most=5))

    def decider(tenant: str) -> None:
        for n in range(15):
            _put(store, tenant, f"{tenant}-{n}")

    publishers = [threading.Thread(target=publisher) for _ in range(3)]
    deciders = [threading.Thread(target=decider, args=(t,)) for t in ("a", "b", "c")]
    for thread in (*publishers, *deciders):
        thread.start()
    for thread in deciders:
        thread.join()
    stop.set()
    for thread in publishers:
        thread.join()
    subjects = [entry.subject for entry in ledger.read()]
    assert sum(moved) == len(subjects) == len(set(subjects)) == 45
    for tenant in ("a", "b", "c"):
        assert [s for s in subjects if s.startswith(tenant)] == [f"{tenant}-{n}" for n in range(15)]
        assert sorted(r.subject for r in outbox.recent(store, tenant)) == sorted(f"{tenant}-{n}" for n in range(15))
    ledger.close()


_PUBLISHER = """
import sys
from pathlib import Path
from taihang.core import errors
from taihang.engines.store import opening
from taihang.trust.ledger import Ledger, keys, outbox
store = opening.open_store(sys.argv[1])
key = keys.Signer.load(Path(sys.argv[3]))
print("up", flush=True)
while True:
    try:
        with Ledger(Path(sys.argv[2]), key, publish_after=20) as ledger:
            while True:
                outbox.publish(store, ledger, most=4)
    except errors.UserError:
        pass  # the other one has it
"""


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", stores.KINDS)
def test_two_publishers_that_are_killed_again_and_again(tmp_path: Path, kind: str, kills: int) -> None:
    worlds.LOG.save(tmp_path / "key")
    with stores.url(kind, tmp_path) as url:
        store = opening.open_store(url)
        store.create()
        command = [sys.executable, "-c", _PUBLISHER, url, str(tmp_path / "log"), str(tmp_path / "key")]
        subjects = []
        for turn in range(kills):
            running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
            for process in running:
                assert process.stdout is not None
                assert process.stdout.readline() == b"up\n"
            for n in range(15):
                subjects.append(f"s{turn}-{n}")
                _put(store, f"t{n % 2}", subjects[-1])
            time.sleep(0.01 * (turn * 7 % 11))
            for process in running:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
        with Ledger(tmp_path / "log", worlds.LOG) as ledger:
            _moved(store, ledger)
            held = list(ledger.read())
        assert [e.subject for e in held] == subjects
        placed = {r.id: r.position for t in ("t0", "t1") for r in outbox.recent(store, t, limit=1000)}
        assert {str(e.facts["decision"]): n for n, e in enumerate(held)} == placed
        store.close()


def test_erasing_a_salt_leaves_a_commitment_that_nobody_can_open(store: opening.Store, tmp_path: Path) -> None:
    with store.begin() as conn:
        who = commitments.commit(conn, "a", "王小明", owner="user-7")
        other = commitments.commit(conn, "a", "李小红", owner="user-8")
        outbox.put(conn, "a", Entry.now("ticket-state", "t", personal={"actor": who}))
    with store.read() as conn:
        assert commitments.opens(conn, "a", who, "王小明")
        assert not commitments.opens(conn, "a", who, "李小红")
        assert not commitments.opens(conn, "b", who, "王小明")
    with store.begin() as conn:
        assert commitments.erase(conn, "b", owner="user-7") == 0
        assert commitments.erase(conn, "a", owner="user-7") == 1
        assert commitments.erase(conn, "a", commitment=other) == 1
        with pytest.raises(ValueError, match="whose"):
            commitments.erase(conn, "a")
    with store.read() as conn:
        assert not commitments.opens(conn, "a", who, "王小明")
        assert conn.execute(sa.select(commitments.salts)).all() == []
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        _moved(store, ledger)
        assert [e.personal for e in ledger.read()] == [{"actor": who}]


def test_a_store_that_goes_away_in_between(
    store: opening.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publisher lives on: what it appended is known again, and not appended anew."""
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        _put(store, "a", "s0", "s1")
        with monkeypatch.context() as patched:

            def away(*_: object) -> None:
                raise opening.Unreachable("engines:store.away", store="x")

            patched.setattr(outbox, "_head", away)
            with pytest.raises(opening.Unreachable):
                outbox.publish(store, ledger)
        assert outbox.waiting(store) == 2
        _put(store, "b", "s2")
        _moved(store, ledger)
        assert [e.subject for e in ledger.read()] == ["s0", "s1", "s2"]
        assert outbox.waiting(store) == 0

"""From a decision to a proof that anybody can check, and a report that carries its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures import buckets, stores

from taihang.app import decisions
from taihang.core import errors, ids
from taihang.engines.blobs import disk
from taihang.engines.store import opening
from taihang.trust.ledger import Entry, checkpoint, keys, outbox, store, verify, witness, witnessing


@pytest.fixture(params=stores.KINDS)
def held(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[opening.Store]:
    with stores.store(request.param, tmp_path) as opened:
        opened.create()
        yield opened


def _decide(held: opening.Store, tenant: str, subject: str, kind: str = "ticket-state") -> str:
    with held.begin() as conn:
        return outbox.put(conn, tenant, Entry.now(kind, subject))


def _policy(made: decisions.Decisions) -> checkpoint.Policy:
    return checkpoint.Policy(keys.Verifier.parse(made.key))


def test_a_decision_is_proved_to_anybody(held: opening.Store, tmp_path: Path) -> None:
    made = decisions.Decisions(held, tmp_path / "home")
    one = _decide(held, "a", "ticket-1")
    with pytest.raises(errors.Conflict, match="a little later"):
        made.proof("a", one)
    assert made.publish() == 1
    assert made.publish() == 0
    found = verify.bundle(made.proof("a", one), _policy(made))
    assert (found.entry.subject, found.entry.tenant) == ("ticket-1", "a")
    for tenant, decision in (("b", one), ("a", "decision-0")):
        with pytest.raises(errors.NotFound):
            made.proof(tenant, decision)
    assert checkpoint.parse(made.checkpoint(), "test").head.size == 1
    made.close()
    key = (tmp_path / "home" / "keys" / "ledger.pub").read_text()
    assert keys.Verifier.parse(key).vkey == made.key
    assert verify.log(store.Folder(tmp_path / "home" / "ledger"), _policy(made)).size == 1


def test_one_process_publishes_and_all_prove(held: opening.Store, tmp_path: Path) -> None:
    first = decisions.Decisions(held, tmp_path / "home")
    second = decisions.Decisions(held, tmp_path / "home")
    assert first.key == second.key
    one = _decide(held, "a", "s")
    assert first.publish() == 1
    _decide(held, "a", "t")
    assert second.publish() == 0
    assert verify.bundle(second.proof("a", one), _policy(first)).index == 0
    first.close()
    assert second.publish() == 1
    second.close()


def test_a_report_carries_its_proof_and_later_its_witnesses(
    held: opening.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "out" / "report.json"
    report.parent.mkdir()
    report.write_text('{"findings": []}')
    _decide(held, "a", ids.digest(report.read_bytes()), "report")
    key = keys.Signer.fresh("bureau.example", keys.WITNESS)
    home = tmp_path / "home"
    made = decisions.Decisions(held, home)
    with pytest.raises(errors.Conflict):
        made.seal("a", report)
    made.publish()
    path = made.seal("a", report)
    assert path == report.with_name("report.tlog-proof")
    subject = ids.digest(report.read_bytes())
    assert verify.bundle(path.read_bytes(), _policy(made), subject=subject).witnesses == ()
    with pytest.raises(errors.NotFound):
        made.seal("b", report)
    made.close()

    one = witness.Witness(tmp_path / "w", key, [keys.Verifier.parse(made.key)])
    server = witnessing.server(one, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    listed = tmp_path / "witnesses"
    away = keys.Signer.fresh("away.example", keys.WITNESS).verifier.vkey
    listed.write_text(
        f"# who signs with us\n{away} http://127.0.0.1:9\n\n"
        f"{key.verifier.vkey} http://127.0.0.1:{server.server_address[1]}\n"
    )
    monkeypatch.setenv("TAIHANG_LEDGER_WITNESSES", str(listed))
    made = decisions.Decisions(held, home)
    made.publish()
    made.seal("a", report)
    policy = checkpoint.Policy(keys.Verifier.parse(made.key), (key.verifier,), 1)
    assert verify.bundle(path.read_bytes(), policy, subject=subject).witnesses == ("bureau.example",)
    made.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_published_on_the_blob_store(held: opening.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAIHANG_LEDGER_PUBLISHED", "blobs")
    monkeypatch.setenv("TAIHANG_LEDGER_ORIGIN", "mine.example/log")
    with pytest.raises(errors.UserError, match="folder or blobs"):
        decisions.Decisions(held, tmp_path / "home")
    with buckets.opened("s3", tmp_path) as kept:
        made = decisions.Decisions(held, tmp_path / "home", blob_store=kept)
        assert made.origin == "mine.example/log"
        one = _decide(held, "a", "s")
        assert made.publish() == 1
        assert verify.bundle(made.proof("a", one), _policy(made)).index == 0
        made.close()
    monkeypatch.setenv("TAIHANG_LEDGER_ORIGIN", "other.example/log")
    with pytest.raises(errors.UserError, match="cannot be renamed"):
        decisions.Decisions(held, tmp_path / "home", blob_store=kept)


@pytest.mark.parametrize("text", ["key only", "a+b+c http://x", "x"])
def test_a_bad_list_of_witnesses_is_said(
    held: opening.Store, tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAIHANG_LEDGER_WITNESSES", str(tmp_path / "none"))
    with pytest.raises(errors.UserError, match="cannot be read"):
        decisions.Decisions(held, tmp_path / "home")
    (tmp_path / "none").write_text(text)
    with pytest.raises(errors.UserError):
        decisions.Decisions(held, tmp_path / "home")


def test_of_many_that_start_at_once_one_makes_the_key(held: opening.Store, tmp_path: Path) -> None:
    found: list[str] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        found.append(decisions.Decisions(held, tmp_path / "home").key)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert keys.Verifier.parse((tmp_path / "home" / "keys" / "ledger.pub").read_text()).vkey == found[0]
    assert {p.name for p in (tmp_path / "home" / "keys").iterdir()} == {"ledger.key", "ledger.pub"}


@pytest.mark.parametrize("place", ["fdatasync", "settle"])
def test_a_disk_that_fails_once_loses_nothing(
    held: opening.Store, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = decisions.Decisions(held, tmp_path / "home")
    ids_ = [_decide(held, "a", "s0")]
    assert made.publish() == 1
    ids_.append(_decide(held, "a", "s1"))

    def failing(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        if place == "settle":
            patched.setattr(disk, "settle", failing)
        else:
            patched.setattr(os, "fdatasync", failing)
        with pytest.raises((errors.Failure, OSError)):
            made.publish()
    ids_.append(_decide(held, "a", "s2"))
    made.publish()
    assert outbox.waiting(held) == 0
    for n, one in enumerate(ids_):
        found = verify.bundle(made.proof("a", one), _policy(made))
        assert (found.index, found.entry.subject) == (n, f"s{n}")
    made.close()
    assert verify.log(store.Folder(tmp_path / "home" / "ledger"), _policy(made)).size == 3


def test_the_checkpoint_is_stamped_now_and_then(
    held: opening.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rfc3161_client")
    from fixtures import stamping

    from taihang.trust.ledger import anchoring, timestamp

    authority = stamping.Authority(tmp_path / "tsa")
    monkeypatch.setenv("TAIHANG_LEDGER_STAMP_ROOTS", str(authority.folder / "root.pem"))
    asked: list[bytes] = []

    def reply(query: bytes) -> bytes:
        asked.append(query)
        return authority.reply(query)

    with stamping.served(reply) as url:
        monkeypatch.setenv("TAIHANG_LEDGER_STAMPS", url)
        made = decisions.Decisions(held, tmp_path / "home")
        for n in range(3):
            _decide(held, "a", f"s{n}")
            made.publish()
        made.close()
    assert len(asked) == 1
    files = store.Folder(tmp_path / "home" / "ledger")
    assert anchoring.verify(files, _policy(made), timestamp.Roots(authority.root)).size == 1

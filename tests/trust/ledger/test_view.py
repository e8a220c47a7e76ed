"""A published log as its readers see it: on the blob store, behind HTTP, without the writer."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fixtures import buckets

from taihang.app import ledger as reading
from taihang.core import errors
from taihang.trust.ledger import Ledger, checkpoint, forged, remote, store, tiles, verify, view
from tests.trust.ledger import worlds


@contextmanager
def _web(folder: Path) -> Iterator[str]:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words: object, **more: object) -> None:
            super().__init__(*words, directory=str(folder), **more)  # type: ignore[arg-type, misc]

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("kind", buckets.KINDS)
def test_a_log_on_the_blob_store(tmp_path: Path, kind: str) -> None:
    with buckets.opened(kind, tmp_path) as held:
        files = remote.Objects(held)
        with Ledger(tmp_path / "log", worlds.LOG, files=files) as ledger:
            ledger.append(worlds.batch(0, 300))
            first = ledger.checkpoint()
            ledger.append(worlds.batch(300, 300))
        assert {p.name for p in (tmp_path / "log").iterdir()} == {"lock", f"journal-{600:020}"}
        found = verify.log(files, worlds.POLICY, since=first)
        assert found.size == 600
        seen = view.View(files, worlds.LOG.verifier)
        assert verify.bundle(seen.prove(7), worlds.POLICY).entry == worlds.entry(7)
        # Partial files go when the full ones are there.
        assert "ledger/tile/entries/001.p/44" not in set(held.names("ledger"))
        with Ledger(tmp_path / "log", worlds.LOG, files=files) as ledger:
            assert list(ledger.read()) == worlds.batch(0, 600)


def test_a_log_in_a_bucket_is_read_by_its_address(tmp_path: Path) -> None:
    with buckets.credentials():
        url = buckets.server().url(buckets.server().bucket())
        with Ledger(tmp_path / "log", worlds.LOG, files=remote.opened(url)) as ledger:
            ledger.append(worlds.batch(0, 300))
        assert verify.log(store.read_only(url), worlds.POLICY).size == 300
        assert next(reading.lines(url, 299)).startswith('{"index": 299')


@pytest.mark.parametrize("kind", buckets.KINDS)
def test_a_second_writer_to_a_shared_store_is_noticed(tmp_path: Path, kind: str) -> None:
    """Two machines with one key: the lock of each is its own, the store is shared."""
    with buckets.opened(kind, tmp_path) as held:
        files = remote.Objects(held)
        one = Ledger(tmp_path / "one", worlds.LOG, files=files)
        one.append(worlds.batch(0, 10))
        one.checkpoint()
        with pytest.raises(forged.Forged):  # it has no journal for what is published
            Ledger(tmp_path / "two", worlds.LOG, files=files)
        held.write_name("ledger/checkpoint", _forged(12))
        one.append(worlds.batch(10, 5))
        with pytest.raises(forged.Forged, match="root of 12 entries"):
            one.checkpoint()
        held.write_name("ledger/checkpoint", _forged(90))
        with pytest.raises(forged.Forged, match="90"):
            one.checkpoint()
        held.delete_name("ledger/checkpoint")
        with pytest.raises(forged.Forged, match="missing"):
            one.checkpoint()
        one._journal.close()


def _forged(size: int) -> bytes:
    return checkpoint.sign(checkpoint.Checkpoint(worlds.LOG.name, size, b"x" * 32), worlds.LOG).encoded()


def test_a_lost_answer_of_the_store_does_no_harm(tmp_path: Path) -> None:
    with buckets.opened("folder", tmp_path) as held:

        class Flaky(remote.Objects):
            lost = False

            def write(self, files: dict[str, bytes]) -> None:  # type: ignore[override]
                super().write(files)
                if self.lost and "checkpoint" in files:
                    raise errors.Failure("engines:disk_full", path=tmp_path)

        files = Flaky(held)
        with Ledger(tmp_path / "log", worlds.LOG, files=files) as ledger:
            ledger.append(worlds.batch(0, 10))
            files.lost = True
            with pytest.raises(errors.Failure):
                ledger.checkpoint()
            files.lost = False
            ledger.append(worlds.batch(10, 3))
            ledger.checkpoint()
        assert verify.log(files, worlds.POLICY).size == 13


def test_over_http(tmp_path: Path) -> None:
    worlds.filled(tmp_path / "log", 300)
    with _web(tmp_path / "log") as url:
        files = store.read_only(url)
        assert verify.log(files, worlds.POLICY).size == 300
        seen = view.View(files, worlds.LOG.verifier)
        assert verify.bundle(seen.prove(299), worlds.POLICY).index == 299
        assert files.read("tile/9/000") is None
        with pytest.raises(ValueError, match="secret"):
            files.read("../secret")
        with pytest.raises(errors.UserError, match="only read"):
            files.write({})
        (tmp_path / "log" / "checkpoint").write_bytes(b"x" * (store.LARGEST_FILE + 1))
        with pytest.raises(forged.Forged, match="bytes instead of"):
            verify.log(files, worlds.POLICY)
    with pytest.raises(errors.Failure, match="cannot be read"):
        verify.log(files, worlds.POLICY)


@pytest.mark.parametrize("url", ["http://", "https://user:secret@host/x", "http://host/x?y=1", "http://h/#f"])
def test_an_address_of_nothing_is_refused(url: str) -> None:
    with pytest.raises(errors.UserError) as caught:
        store.read_only(url)
    assert "secret" not in str(caught.value)


def test_readers_get_proofs_while_the_writer_works(tmp_path: Path) -> None:
    files = store.Folder(tmp_path / "log")
    seen = view.View(files, worlds.LOG.verifier)
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        ledger.append(worlds.batch(0, 5))
        with pytest.raises(errors.NotFound, match="no entry 0"):
            seen.prove(0)
        with pytest.raises(errors.NotFound, match="no checkpoint is witnessed"):
            seen.prove(0, witnessed=True)
        old = checkpoint.parse(ledger.checkpoint(), "old").head
        assert verify.bundle(seen.prove(4), worlds.POLICY).index == 4
        ledger.append(worlds.batch(5, 600))
        ledger.checkpoint()
        checkpoint.follows(old, seen.head().head, seen.consistency(5))
        with pytest.raises(errors.NotFound):
            seen.consistency(5, 9999)


def test_a_proof_that_does_not_hold_is_not_given_out(tmp_path: Path) -> None:
    worlds.filled(tmp_path / "log", 300)
    path = tmp_path / "log" / tiles.name(0, 1, 44)
    path.write_bytes(b"\0" * 32 + path.read_bytes()[32:])
    with pytest.raises(forged.Forged, match="does not prove"):
        view.View(store.Folder(tmp_path / "log"), worlds.LOG.verifier).prove(260)

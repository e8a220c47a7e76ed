"""Witnesses over HTTP, asked by a log and by a stranger."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors
from taihang.trust.ledger import Ledger, checkpoint, forged, keys, store, verify, witness, witnessing
from tests.trust.ledger import worlds

KEY = worlds.WITNESSES[0].verifier


@contextmanager
def _served(folder: Path, number: int = 0) -> Iterator[str]:
    one = witness.Witness(folder / f"w{number}", worlds.WITNESSES[number], [worlds.LOG.verifier])
    server = witnessing.server(one, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_two_of_three_sign_and_the_folder_says_so(tmp_path: Path) -> None:
    policy = checkpoint.Policy(worlds.LOG.verifier, tuple(w.verifier for w in worlds.WITNESSES), 2)
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        for turn in range(3):
            ledger.append(worlds.batch(turn * 100, 100))
            for number in (0, 2):
                with _served(tmp_path, number) as url:
                    witnessing.ask(ledger, url, worlds.WITNESSES[number].verifier)
        proof = ledger.prove(7, witnessed=True)
        ledger.append(worlds.batch(300, 300))
    found = verify.bundle(proof, policy)
    assert found.witnesses == (worlds.WITNESSES[0].name, worlds.WITNESSES[2].name)
    # The newest checkpoint is not witnessed yet: the log is vouched for as far as the witnesses saw it.
    assert verify.log(store.Folder(tmp_path / "log"), policy).size == 300
    assert verify.log(store.Folder(tmp_path / "log"), worlds.POLICY).size == 600
    with pytest.raises(forged.Forged, match="2 witnesses signed, 3 are demanded"):
        verify.log(store.Folder(tmp_path / "log"), checkpoint.Policy(policy.log, policy.witnesses, 3))


def test_answers_are_those_of_the_specification(tmp_path: Path) -> None:
    with Ledger(tmp_path / "log", worlds.LOG) as ledger, _served(tmp_path) as url:
        ledger.append(worlds.batch(0, 10))
        ten = ledger.checkpoint()
        ledger.append(worlds.batch(10, 10))
        twenty, path = ledger.checkpoint(), ledger.consistency(10)

        def post(body: bytes, place: str = "/add-checkpoint") -> httpx.Response:
            return httpx.post(url + place, content=body, trust_env=False)

        first = post(witnessing.body(0, (), ten))
        assert first.status_code == 200
        assert first.text.startswith("— witness0.example ")
        ahead = post(witnessing.body(0, (), twenty))
        assert (ahead.status_code, ahead.headers["content-type"], ahead.text) == (409, "text/x.tlog.size", "10\n")
        assert post(witnessing.body(10, path[:-1], twenty)).status_code == 422
        assert post(witnessing.body(10, path, twenty)).status_code == 200
        assert post(witnessing.body(30, (), twenty)).status_code == 400
        assert post(witnessing.body(0, path, twenty)).status_code == 400
        assert post(b"old 020\n\n" + twenty).status_code == 400
        assert post(b"").status_code == 400
        assert post(witnessing.body(20, (), twenty.replace(b"\n20\n", b"\n21\n"))).status_code == 403
        stranger = keys.Signer.fresh("stranger.example")
        unknown = checkpoint.sign(checkpoint.Checkpoint(stranger.name, 1, b"x" * 32), stranger).encoded()
        assert post(witnessing.body(0, (), unknown)).status_code == 404
        assert post(b"x", "/elsewhere").status_code == 404
        assert post(b"x" * 200_000).status_code == 413
        assert httpx.get(url, trust_env=False).status_code == 501
        other = Ledger(tmp_path / "other", worlds.LOG)
        other.append(worlds.batch(1, 20))
        assert post(witnessing.body(20, (), other.checkpoint())).status_code == 409
        other.close()
        # It goes on signing what continues.
        assert post(witnessing.body(20, (), twenty)).status_code == 200


def test_a_log_that_rewrote_its_history_is_told(tmp_path: Path) -> None:
    with _served(tmp_path) as url:
        with Ledger(tmp_path / "log", worlds.LOG) as ledger:
            ledger.append(worlds.batch(0, 10))
            witnessing.ask(ledger, url, KEY)
        with Ledger(tmp_path / "other", worlds.LOG) as ledger:
            ledger.append(worlds.batch(1, 5))
            with pytest.raises(forged.Forged, match="has signed 10 entries, this ledger has 5"):
                witnessing.ask(ledger, url, KEY)
            ledger.append(worlds.batch(6, 10))
            with pytest.raises(forged.Forged, match="refused to sign"):
                witnessing.ask(ledger, url, KEY)


def test_who_does_not_answer_or_answers_wrong_is_one_line(tmp_path: Path) -> None:
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        ledger.append(worlds.batch(0, 3))
        with pytest.raises(errors.Failure, match="cannot be read"):
            witnessing.ask(ledger, "http://127.0.0.1:9", KEY)

        def asked(status: int, text: str) -> None:
            client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status, text=text)))
            witnessing.ask(ledger, "http://w", KEY, client=client)

        with pytest.raises(errors.UserError, match="does not know log"):
            asked(404, "")
        with pytest.raises(forged.Forged, match="no signature of witness0"):
            asked(200, worlds.WITNESSES[1].sign("x").line())
        with pytest.raises(forged.Forged, match="does not hold"):
            asked(200, worlds.WITNESSES[0].sign("another text\n").line())
        for junk in ("", "<html>", "—", "\n\n"):
            with pytest.raises(forged.Forged):
                asked(200, junk)
        for size in ("1\n", "3\n", "999999999999999999\n", "-1\n", "x"):
            with pytest.raises(forged.Forged):
                asked(409, size)
        with pytest.raises(errors.Failure, match="too long"):
            asked(200, "x" * 200_000)
        with pytest.raises(errors.UserError, match="no entry 0"):
            ledger.prove(0, witnessed=True)


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda s: ("old 0\n" + s).encode(errors="replace")))
def test_any_bytes_get_an_answer(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    one = witness.Witness(tmp_path_factory.getbasetemp() / "w", worlds.WITNESSES[0], [worlds.LOG.verifier])
    assert witnessing.answer(one, data)[0] in (400, 403, 404)


def test_an_address_that_is_taken_is_said(tmp_path: Path) -> None:
    one = witness.Witness(tmp_path, worlds.WITNESSES[0], [])
    server = witnessing.server(one, "127.0.0.1", 0)
    with pytest.raises(errors.UserError, match="cannot listen"):
        witnessing.server(one, "127.0.0.1", server.server_address[1])
    server.server_close()

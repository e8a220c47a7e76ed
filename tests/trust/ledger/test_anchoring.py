"""Time stamps by a real responder, and what a forger would try."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures import stamping
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors
from taihang.trust.ledger import Ledger, anchoring, forged, store, verify
from tests.trust.ledger import worlds

pytest.importorskip("rfc3161_client")
from taihang.trust.ledger import timestamp


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> stamping.Authority:
    return stamping.Authority(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def anchored(authority: stamping.Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 300 entries, the first 200 stamped."""
    folder = tmp_path_factory.mktemp("anchored") / "log"
    with stamping.served(authority.reply) as url, Ledger(folder, worlds.LOG) as ledger:
        ledger.append(worlds.batch(0, 200))
        assert anchoring.anchor(ledger, timestamp.Authority(url, timestamp.Roots(authority.root))) == 200
        ledger.append(worlds.batch(200, 100))
    return folder


def test_a_stamp_is_checked_offline(anchored: Path, authority: stamping.Authority) -> None:
    files = store.Folder(anchored)
    verify.log(files, worlds.POLICY)
    found = anchoring.verify(files, worlds.POLICY, timestamp.Roots(authority.root))
    assert (found.size, found.stamp.authority) == (200, "CN=Test stamps")
    assert abs(found.stamp.at - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=10)


def test_openssl_agrees(
    anchored: Path, authority: stamping.Authority, tmp_path: Path, program: Callable[[str], str]
) -> None:
    from taihang.trust.ledger import checkpoint

    text = checkpoint.parse((anchored / "anchored").read_bytes(), "test").note.text
    (tmp_path / "text").write_text(text)
    token = anchored / "anchors" / f"{200:020}.tsr"
    words = ["ts", "-verify", "-data", str(tmp_path / "text"), "-in", str(token)]
    words += ["-CAfile", str(authority.folder / "root.pem"), "-untrusted", str(authority.folder / "signer.pem")]
    ran = subprocess.run([program("openssl"), *words], capture_output=True, text=True, check=False)
    assert "Verification: OK" in ran.stdout, ran.stderr


@pytest.mark.parametrize(
    ("lie", "says"),
    [
        ("another message", "does not hold"),
        ("an old answer", "Nonce"),
        ("another authority", "does not hold"),
        ("a flipped bit", "does not hold"),
        ("nothing", "does not hold"),
        ("a web page", "does not hold"),
        ("a refusal", "the authority refused"),
        ("more behind", "does not hold"),
    ],
)
def test_a_lying_responder_is_refused(tmp_path: Path, authority: stamping.Authority, lie: str, says: str) -> None:
    other = stamping.Authority(tmp_path / "other", name="Others")
    old: list[bytes] = []

    def answer(query: bytes) -> bytes:
        if lie == "another message":
            import rfc3161_client

            asked = (
                rfc3161_client.TimestampRequestBuilder().data(b"x").hash_algorithm(rfc3161_client.HashAlgorithm.SHA256)
            )
            return authority.reply(asked.build().as_bytes())
        if lie == "an old answer":
            old.append(authority.reply(query))
            return old[0]
        true = authority.reply(query)
        return {
            "another authority": lambda: other.reply(query),
            "a flipped bit": lambda: true[:-9] + bytes([true[-9] ^ 1]) + true[-8:],
            "nothing": lambda: b"",
            "a web page": lambda: b"<html>",
            "a refusal": lambda: bytes.fromhex("30053003020102"),
            "more behind": lambda: true + b"\0",
        }[lie]()

    with stamping.served(answer) as url, Ledger(tmp_path / "log", worlds.LOG) as ledger:
        ledger.append(worlds.batch(0, 3))
        service = timestamp.Authority(url, timestamp.Roots(authority.root))
        if lie == "an old answer":
            anchoring.anchor(ledger, service)
        before = {p: p.read_bytes() for p in (tmp_path / "log" / "anchors").glob("*")}
        with pytest.raises(forged.Forged, match=says) as caught:
            anchoring.anchor(ledger, service)
        assert len(str(caught.value).splitlines()) == 1
        assert {p: p.read_bytes() for p in (tmp_path / "log" / "anchors").glob("*")} == before


def test_a_certificate_that_had_expired_is_refused(tmp_path: Path) -> None:
    made = stamping.Authority(tmp_path / "tsa", expired=True)
    with stamping.served(made.reply) as url, Ledger(tmp_path / "log", worlds.LOG) as ledger:
        ledger.append(worlds.batch(0, 3))
        with pytest.raises(forged.Forged, match="time stamp does not hold"):
            anchoring.anchor(ledger, timestamp.Authority(url, timestamp.Roots(made.root)))
    assert not (tmp_path / "log" / "anchored").exists()


def test_a_responder_that_is_away_is_one_line(tmp_path: Path, authority: stamping.Authority) -> None:
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        ledger.append(worlds.batch(0, 3))
        with pytest.raises(errors.Failure, match="cannot be read"):
            anchoring.anchor(ledger, timestamp.Authority("http://127.0.0.1:9", timestamp.Roots(authority.root)))
        with pytest.raises(forged.Forged, match="time-stamped yet"):
            anchoring.verify(store.Folder(tmp_path / "log"), worlds.POLICY, timestamp.Roots(authority.root))


def test_a_stamp_of_another_history_is_noticed(anchored: Path, authority: stamping.Authority, tmp_path: Path) -> None:
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        ledger.append(worlds.batch(1, 250))
    for name in ("anchored", f"anchors/{200:020}.tsr"):
        (tmp_path / "log" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "log" / name).write_bytes((anchored / name).read_bytes())
    roots = timestamp.Roots(authority.root)
    with pytest.raises(forged.Forked, match="two different roots"):
        anchoring.verify(store.Folder(tmp_path / "log"), worlds.POLICY, roots)
    (tmp_path / "log" / f"anchors/{200:020}.tsr").unlink()
    (tmp_path / "log" / "checkpoint").write_bytes((anchored / "checkpoint").read_bytes())


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_change_of_a_token_is_caught(anchored: Path, authority: stamping.Authority, data: st.DataObject) -> None:
    from taihang.trust.ledger import checkpoint

    message = checkpoint.parse((anchored / "anchored").read_bytes(), "test").note.text.encode()
    token = (anchored / "anchors" / f"{200:020}.tsr").read_bytes()
    roots = timestamp.Roots(authority.root)
    place = data.draw(st.integers(0, len(token) - 1))
    changed = token[:place] + bytes([token[place] ^ 1 << data.draw(st.integers(0, 7))]) + token[place + 1 :]
    right = roots.check(token, message, "test")
    try:
        found = roots.check(changed, message, "test")
    except forged.Forged:
        found = right  # refused
    # Bytes that nobody signs (a certificate's own signature is checked, its place in a set is not) change nothing.
    assert found == right
    with pytest.raises(forged.Forged):
        roots.check(token[:place], message, "test")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_token_or_refused(authority: stamping.Authority, data: bytes) -> None:
    with pytest.raises(forged.Forged):
        timestamp.Roots(authority.root).check(data, b"m", "test")


@pytest.mark.parametrize("pem", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_no_root_is_said(pem: bytes) -> None:
    with pytest.raises(errors.UserError, match="no root certificate"):
        timestamp.Roots(pem)

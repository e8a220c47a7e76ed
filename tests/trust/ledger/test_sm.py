"""SM2 with SM3: the standard's own numbers, another implementation's opinion, and a log signed with it."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.core import errors
from taihang.trust.ledger import Ledger, checkpoint, forged, keys, note, sm, store, verify
from tests.trust.ledger import worlds

pytest.importorskip("gmssl")

# GB/T 32918.5, annex A: user id 1234567812345678.
PRIVATE = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
PUBLIC = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
NONCE = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
NAME = "mine.example/log"


def test_the_numbers_of_the_standard() -> None:
    assert sm.public(PRIVATE) == PUBLIC
    assert sm.sign(PRIVATE, b"message digest", NONCE) == SIGNATURE
    assert sm.signed(PUBLIC, b"message digest", SIGNATURE)
    assert not sm.signed(PUBLIC, b"another message", SIGNATURE)


def test_the_digest_is_that_of_the_standard() -> None:
    """GB/T 32905, annex A, over the library that the signatures use."""
    from gmssl import sm3

    assert sm3.sm3_hash(list(b"abc")) == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    for data in (b"", b"x" * 55, b"x" * 64, b"abcd" * 16, b"y" * 1000):
        assert sm3.sm3_hash(list(data)) == hashlib.new("sm3", data).hexdigest()


def test_openssl_agrees(tmp_path: Path, program: Callable[[str], str]) -> None:
    openssl = program("openssl")
    for number in range(4):
        private = sm.fresh()
        key = sm.public(private)
        head = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004")
        (tmp_path / "key.der").write_bytes(head + key)
        message = f"message {number}".encode()
        (tmp_path / "message").write_bytes(message)
        made = sm.sign(private, message)
        r, s = int.from_bytes(made[:32], "big"), int.from_bytes(made[32:], "big")
        (tmp_path / "signature").write_bytes(encode_dss_signature(r, s))
        pem = tmp_path / "key.pem"
        to_pem = [openssl, "pkey", "-pubin", "-inform", "DER", "-in", str(tmp_path / "key.der"), "-out", str(pem)]
        subprocess.run(to_pem, check=True, capture_output=True)
        words = ["dgst", "-sm3", "-verify", str(pem), "-signature", str(tmp_path / "signature")]
        words += ["-sigopt", "distid:1234567812345678", str(tmp_path / "message")]
        ran = subprocess.run([openssl, *words], check=False, capture_output=True, text=True)
        assert "Verified OK" in ran.stdout, ran.stderr


@pytest.mark.parametrize(("number", "first"), [(11, "04"), (65, "40"), (138, "44"), (327, "00")])
def test_keys_that_begin_with_any_digits(number: int, first: str) -> None:
    """The library's own constructor strips these."""
    private = number.to_bytes(32, "big")
    key = sm.public(private)
    assert key.hex().startswith(first)
    assert sm.signed(key, b"m", sm.sign(private, b"m"))


@settings(deadline=None, max_examples=15)
@given(st.data())
def test_any_change_is_noticed(data: st.DataObject) -> None:
    place, bit = data.draw(st.integers(0, 63)), 1 << data.draw(st.integers(0, 7))
    changed = bytearray(SIGNATURE)
    changed[place] ^= bit
    assert not sm.signed(PUBLIC, b"message digest", bytes(changed))
    key = bytearray(PUBLIC)
    key[place] ^= bit
    assert not sm.signed(bytes(key), b"message digest", SIGNATURE)


@pytest.mark.parametrize(
    "wrong", [b"", b"\0" * 64, b"\xff" * 64, SIGNATURE[:63], SIGNATURE + b"\0", b"\0" * 32 + b"\1" * 32]
)
def test_no_signature_is_none(wrong: bytes) -> None:
    assert not sm.signed(PUBLIC, b"message digest", wrong)


def test_numbers_that_are_no_keys() -> None:
    for private in (b"", b"\0" * 32, b"\xff" * 32, PRIVATE[:31]):
        with pytest.raises(ValueError, match="lies between"):
            sm.public(private)
    for key in (b"", b"\0" * 64, b"\xff" * 64, PUBLIC[:63]):
        assert not sm.is_public(key)


def test_a_log_signed_with_it_is_believed_by_that_key_alone(tmp_path: Path) -> None:
    signer = keys.Signer.fresh(NAME, keys.LOG_SM2)
    with Ledger(tmp_path / "log", signer) as ledger:
        ledger.append(worlds.batch(0, 5))
        proof = ledger.prove(3)
    policy = checkpoint.Policy(signer.verifier)
    assert verify.log(store.Folder(tmp_path / "log"), policy).size == 5
    assert verify.bundle(proof, policy).index == 3
    for other in (keys.Signer.fresh(NAME, keys.LOG_SM2), keys.Signer.fresh(NAME)):
        with pytest.raises(forged.Forged, match="no signature"):
            verify.log(store.Folder(tmp_path / "log"), checkpoint.Policy(other.verifier))


def test_both_signatures_on_one_checkpoint(tmp_path: Path) -> None:
    log, also = keys.Signer.fresh(NAME), keys.Signer.fresh(NAME, keys.LOG_SM2)
    with Ledger(tmp_path / "log", log, also=[also]) as ledger:
        ledger.append(worlds.batch(0, 300))
        signed = ledger.checkpoint()
    assert signed.decode().count("— mine.example/log ") == 2
    for signer in (log, also):
        assert verify.log(store.Folder(tmp_path / "log"), checkpoint.Policy(signer.verifier)).size == 300
    bad = note.parse(signed, "test")
    lines = (bad.signatures[0], note.Signature(NAME, bad.signatures[1].key_id, b"\1" * 64))
    with pytest.raises(forged.Forged, match="does not hold"):
        checkpoint.verify(note.Note(bad.text, lines).encoded(), checkpoint.Policy(also.verifier), "test")
    with pytest.raises(errors.UserError, match="wrong kind"):
        Ledger(tmp_path / "log", log, also=[keys.Signer.fresh("other.example", keys.LOG_SM2)])


def test_keys_are_written_and_read(tmp_path: Path) -> None:
    signer = keys.Signer.fresh(NAME, keys.LOG_SM2)
    signer.save(tmp_path / "key")
    again = keys.Signer.load(tmp_path / "key")
    assert again.verifier == signer.verifier == keys.Verifier.parse(signer.verifier.vkey)
    vkey = signer.verifier.vkey
    raw = note.decode(vkey.split("+", 2)[2])
    assert raw is not None
    off_curve = keys.Verifier(NAME, keys.LOG_SM2, raw[len(raw) - 64 : -1] + bytes([raw[-1] ^ 1]))
    for wrong in (off_curve.vkey, vkey[:-4], vkey.replace("log+", "log2+")):
        with pytest.raises(errors.UserError, match="public key"):
            keys.Verifier.parse(wrong)
    text = (tmp_path / "key").read_text().strip()
    *head, data = text.split("+", 4)
    secret = note.decode(data)
    assert secret is not None
    for secret_ in (secret[:-32] + b"\xff" * 32, secret[:-1]):
        with pytest.raises(errors.UserError, match="private key"):
            keys.Signer.parse("+".join([*head, note.encode(secret_)]))

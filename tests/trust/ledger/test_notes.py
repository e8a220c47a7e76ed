"""Keys, notes and checkpoints: what is signed holds, and every other byte is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taihang.core import errors
from taihang.trust.ledger import checkpoint, forged, keys, merkle, note
from tests.trust.ledger import worlds

# The example of c2sp.org/signed-note.
_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
_SIGNATURE = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
_NOTE = f"This is an example message.\n\n— example.com/foo {_SIGNATURE}\n".encode()

HEAD = checkpoint.Checkpoint(worlds.LOG.name, 3, merkle.leaf(b"root"))
SIGNED = checkpoint.sign(HEAD, worlds.LOG).encoded()


def test_the_example_of_the_specification_holds() -> None:
    key = keys.Verifier.parse(_VKEY)
    found = note.parse(_NOTE, "example")
    assert key.vkey == _VKEY
    assert key.signed(found.text, found.signatures[0])
    assert not key.signed(found.text + "more\n", found.signatures[0])
    assert found.encoded() == _NOTE


def test_a_checkpoint_is_read_as_it_was_signed() -> None:
    found = checkpoint.verify(SIGNED, worlds.POLICY, "test")
    assert found.head == HEAD
    assert found.encoded() == SIGNED


@given(st.integers(0, len(SIGNED) * 8 - 1))
def test_any_flipped_bit_is_caught(bit: int) -> None:
    data = bytearray(SIGNED)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(forged.Forged):
        checkpoint.verify(bytes(data), worlds.POLICY, "test")


@given(st.integers(0, len(SIGNED) - 1))
def test_any_cut_is_caught(length: int) -> None:
    with pytest.raises(forged.Forged):
        checkpoint.verify(SIGNED[:length], worlds.POLICY, "test")


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda s: s.encode(errors="replace")))
def test_any_bytes_are_a_note_or_refused(data: bytes) -> None:
    for read in (note.parse, checkpoint.parse):
        try:
            found = read(data, "test")
        except forged.Forged:
            continue
        assert found.encoded() == data


@given(st.integers(-(10**20), 10**20), st.binary(max_size=40), st.text(max_size=12), st.lists(st.text(max_size=4)))
def test_strange_heads_are_refused(size: int, root: bytes, origin: str, more: list[str]) -> None:
    text = "\n".join([origin, str(size), note.encode(root), *more]) + "\n"
    data = note.Note(text, (worlds.LOG.sign(text),)).encoded()
    try:
        found = checkpoint.parse(data, "test")
    except forged.Forged:
        return
    assert found.head == checkpoint.Checkpoint(origin, size, root)
    assert not more


def test_another_log_cannot_stand_in() -> None:
    other = keys.Signer.fresh(worlds.LOG.name)
    with pytest.raises(forged.Forged, match="no signature"):
        checkpoint.verify(checkpoint.sign(HEAD, other).encoded(), worlds.POLICY, "test")
    stranger = keys.Signer.fresh("other.example")
    head = checkpoint.Checkpoint(stranger.name, 3, HEAD.root)
    with pytest.raises(forged.Forged, match=r"is of log other\.example"):
        checkpoint.verify(checkpoint.sign(head, stranger).encoded(), worlds.POLICY, "test")


def test_a_false_line_of_a_known_key_condemns_the_note() -> None:
    false = worlds.LOG.sign("something else\n")
    data = checkpoint.sign(HEAD, worlds.LOG).with_signature(false).encoded()
    with pytest.raises(forged.Forged, match="does not hold"):
        checkpoint.verify(data, worlds.POLICY, "test")


def test_k_of_n_witnesses() -> None:
    witnesses = tuple(w.verifier for w in worlds.WITNESSES)
    signed = checkpoint.sign(HEAD, worlds.LOG)
    for have in range(4):
        for need in range(4):
            policy = checkpoint.Policy(worlds.LOG.verifier, witnesses, need)
            if have >= need:
                found = checkpoint.verify(signed.encoded(), policy, "test")
                assert len(found.witnesses) == have
            else:
                with pytest.raises(forged.Forged, match=f"{have} witnesses signed, {need} are demanded"):
                    checkpoint.verify(signed.encoded(), policy, "test")
        if have < 3:
            signed = signed.with_signature(worlds.WITNESSES[have].sign(HEAD.text(), at=1_700_000_000 + have))


def test_one_witness_does_not_count_twice() -> None:
    witness = worlds.WITNESSES[0]
    alias = keys.Verifier("alias.example", keys.WITNESS, witness.verifier.public)
    with pytest.raises(errors.UserError, match="1 different"):
        checkpoint.Policy(worlds.LOG.verifier, (witness.verifier, alias), 2)
    signed = checkpoint.sign(HEAD, worlds.LOG)
    for _ in range(2):
        signed = signed.with_signature(witness.sign(HEAD.text(), at=5))
    policy = checkpoint.Policy(worlds.LOG.verifier, tuple(w.verifier for w in worlds.WITNESSES), 2)
    with pytest.raises(forged.Forged, match="1 witnesses signed"):
        checkpoint.verify(signed.encoded(), policy, "test")


def test_the_time_of_a_witness_is_signed() -> None:
    witness = worlds.WITNESSES[0]
    line = witness.sign(HEAD.text(), at=1000)
    assert witness.verifier.signed(HEAD.text(), line)
    later = note.Signature(line.name, line.key_id, (1001).to_bytes(8, "big") + line.data[8:])
    assert not witness.verifier.signed(HEAD.text(), later)


def test_a_private_key_is_kept_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "log.key"
    worlds.LOG.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.Signer.load(path).verifier == worlds.LOG.verifier
    with pytest.raises(errors.UserError, match="not overwritten"):
        worlds.LOG.save(path)
    secret = path.read_text()
    path.write_text(secret.replace("log+", "log+0"))
    with pytest.raises(errors.UserError) as caught:
        keys.Signer.load(path)
    assert secret.split("+")[-1].strip() not in str(caught.value)
    assert secret.split("+")[-1].strip() not in repr(worlds.LOG)


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    for read in (keys.Verifier.parse, keys.Signer.parse):
        with pytest.raises(errors.UserError):
            read(text)


def test_keys_of_two_kinds_do_not_mix() -> None:
    with pytest.raises(errors.UserError, match="wrong kind"):
        checkpoint.Policy(worlds.WITNESSES[0].verifier)
    with pytest.raises(errors.UserError, match="wrong kind"):
        checkpoint.Policy(worlds.LOG.verifier, (worlds.LOG.verifier,), 1)
    for name in ("", "a b", "a+b", "a\nb", "a\u2028b"):
        with pytest.raises(errors.UserError):
            keys.Signer.fresh(name)

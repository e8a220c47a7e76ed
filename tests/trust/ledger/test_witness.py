"""Witnesses sign what continues, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from taihang.core import errors
from taihang.trust.ledger import Ledger, checkpoint, forged, keys, merkle, store, verify, witness
from tests.trust.ledger import worlds

VERIFIERS = tuple(w.verifier for w in worlds.WITNESSES)


def _witnesses(folder: Path) -> list[witness.Witness]:
    return [witness.Witness(folder / w.name, w, [worlds.LOG.verifier]) for w in worlds.WITNESSES]


def test_two_of_three_witnesses_stand_under_a_proof(tmp_path: Path) -> None:
    policy = checkpoint.Policy(worlds.LOG.verifier, VERIFIERS, 2)
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        for turn in range(3):
            ledger.append(worlds.batch(turn * 100, 100))
            head = ledger.checkpoint()
            for one in _witnesses(tmp_path)[:2]:
                line = one.cosign(head, ledger.consistency(one.size(worlds.LOG.name)))
                ledger.cosigned(head, line, one.signer.verifier)
        ledger.append(worlds.batch(300, 1))
        with pytest.raises(forged.Forged, match="0 witnesses signed, 2 are demanded"):
            verify.bundle(ledger.prove(7), policy)
        proof = ledger.prove(7, witnessed=True)
        with pytest.raises(errors.UserError, match="covers 300 entries"):
            ledger.prove(300, witnessed=True)
    found = verify.bundle(proof, policy)
    assert found.witnesses == tuple(w.name for w in VERIFIERS[:2])
    assert found.size == 300
    # What witnesses signed is there after a restart.
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        assert ledger.prove(7, witnessed=True) == proof


def test_a_fork_is_found_and_kept_as_evidence(tmp_path: Path) -> None:
    one = _witnesses(tmp_path)[0]
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        ledger.append(worlds.batch(0, 10))
        true = ledger.checkpoint()
    one.cosign(true)
    with Ledger(tmp_path / "other", worlds.LOG) as ledger:
        ledger.append(worlds.batch(1, 10))
        false = ledger.checkpoint()
        with pytest.raises(forged.Forked, match="two different roots are signed for its first 10"):
            one.cosign(false)
        ledger.append(worlds.batch(11, 5))
        with pytest.raises(forged.Forged, match="nothing proves"):
            one.cosign(ledger.checkpoint(), ledger.consistency(10))
    evidence = next((tmp_path / one.signer.name).glob("*.forked")).read_bytes()
    assert evidence == true + b"\n" + false
    # It still signs what does continue.
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        ledger.append(worlds.batch(10, 5))
        assert one.cosign(ledger.checkpoint(), ledger.consistency(10))


def test_a_witness_never_goes_back(tmp_path: Path) -> None:
    one = _witnesses(tmp_path)[0]
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        ledger.append(worlds.batch(0, 3))
        old = ledger.checkpoint()
        ledger.append(worlds.batch(3, 3))
        one.cosign(ledger.checkpoint())
        with pytest.raises(forged.Forged, match="fewer than the 6 witnessed"):
            one.cosign(old)
        with pytest.raises(forged.Forged, match="nothing proves"):
            ledger.append(worlds.batch(6, 3))
            one.cosign(ledger.checkpoint(), [merkle.leaf(b"")])
        assert one.size(worlds.LOG.name) == 6
        # The same again is no harm: an answer may have been lost.
        assert one.cosign(ledger.checkpoint(), ledger.consistency(6))
        assert one.cosign(ledger.checkpoint())


def test_a_witness_knows_its_logs(tmp_path: Path) -> None:
    one = _witnesses(tmp_path)[0]
    stranger = keys.Signer.fresh("stranger.example")
    head = checkpoint.sign(checkpoint.Checkpoint(stranger.name, 1, merkle.leaf(b"")), stranger)
    with pytest.raises(errors.UserError, match=r"does not know log stranger\.example"):
        one.cosign(head.encoded())
    thief = keys.Signer.fresh(worlds.LOG.name)
    head = checkpoint.sign(checkpoint.Checkpoint(thief.name, 1, merkle.leaf(b"")), thief)
    with pytest.raises(forged.Forged, match="no signature"):
        one.cosign(head.encoded())
    with pytest.raises(errors.UserError, match="wrong kind"):
        witness.Witness(tmp_path, worlds.LOG, [])


def test_the_log_takes_no_false_cosignature(tmp_path: Path) -> None:
    with Ledger(tmp_path / "log", worlds.LOG) as ledger:
        ledger.append(worlds.batch(0, 3))
        head = ledger.checkpoint()
        line = worlds.WITNESSES[0].sign("another\n0\ntext\n").line()
        with pytest.raises(forged.Forged, match="does not hold"):
            ledger.cosigned(head, line, VERIFIERS[0])
        for junk in ("", "—", "— a b", "\n", "— witness0.example AAAA"):
            with pytest.raises(forged.Forged):
                ledger.cosigned(head, junk, VERIFIERS[0])
        with pytest.raises(errors.UserError, match="no entry 0"):
            ledger.prove(0, witnessed=True)
        ledger.append(worlds.batch(3, 3))
        new = ledger.checkpoint()
        signed = checkpoint.parse(new, "test").note.text
        ledger.cosigned(new, worlds.WITNESSES[0].sign(signed).line(), VERIFIERS[0])
        late = worlds.WITNESSES[1].sign(checkpoint.parse(head, "test").note.text).line()
        with pytest.raises(errors.UserError, match="6 are witnessed already"):
            ledger.cosigned(head, late, VERIFIERS[1])


def test_a_store_of_any_kind_can_be_verified(tmp_path: Path) -> None:
    """The port is three functions; this is an object store in a dictionary."""

    class Bucket:
        def __init__(self) -> None:
            self.held: dict[str, bytes] = {}

        def read(self, name: str) -> bytes | None:
            return self.held.get(name)

        def write(self, files: dict[str, bytes]) -> None:
            self.held.update(files)

        def where(self, name: str) -> str:
            return f"s3://bucket/{name}"

    bucket: store.Store = Bucket()  # type: ignore[assignment]
    with Ledger(tmp_path / "log", worlds.LOG, files=bucket) as ledger:
        ledger.append(worlds.batch(0, 300))
    assert verify.log(bucket, worlds.POLICY).size == 300
    assert sorted(p.name for p in (tmp_path / "log").iterdir()) == [f"journal-{300:020}", "lock"]

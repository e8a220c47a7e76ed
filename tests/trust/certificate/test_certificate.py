"""Certificates: what holds, and the one line for each thing that does not."""

from __future__ import annotations

import base64
import datetime
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taihang.app import certify
from taihang.core import errors, i18n, words
from taihang.trust.certificate import certificate, envelope, grades, invalid, revocation
from taihang.trust.ledger import keys

SIGNER = keys.Signer.fresh("acme.example/cert")
OTHER = keys.Signer.fresh("acme.example/cert")
NOW = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
TEXT = i18n.Text(zh="字", en="text")


def _made(**more: object) -> certificate.Certificate:
    values: dict[str, object] = {
        "number": "certificate-1",
        "title": TEXT,
        "subjects": (certificate.Subject(kind="model", name="模型", sha256="a" * 64),),
        "grade": certificate.Grade(id="a", title=TEXT),
        "basis": (),
        "scope": TEXT,
        "issuer": "acme",
        "issued": NOW,
        "expires": NOW + datetime.timedelta(days=30),
        **more,
    }
    return certificate.Certificate.model_validate(values)


def _verified(data: bytes, *, at: datetime.datetime = NOW, key: keys.Signer = SIGNER) -> certificate.Checked:
    return certificate.verify(data, [key.verifier], where="c.json", at=at)


def test_a_certificate_of_any_subject_holds() -> None:
    found = _verified(certificate.issue(_made(), [SIGNER]))
    assert found.certificate == _made()
    assert found.revocations == "none given"


def test_sm2_and_ed25519_sign_one_document() -> None:
    pytest.importorskip("gmssl")
    both = [SIGNER, keys.Signer.fresh("国密.example/sm", keys.LOG_SM2)]
    data = certificate.issue(_made(), both)
    for one in both:
        assert _verified(data, key=one).certificate.number == "certificate-1"


@pytest.mark.parametrize(
    ("at", "key"),
    [
        (NOW + datetime.timedelta(days=31), "expired"),
        (NOW - datetime.timedelta(days=1), "early"),
    ],
)
def test_outside_of_its_time_it_does_not_hold(at: datetime.datetime, key: str) -> None:
    with pytest.raises(invalid.Invalid) as told:
        _verified(certificate.issue(_made(), [SIGNER]), at=at)
    assert told.value.message.key == f"trust.certificate:{key}"
    assert told.value.exit_code == 1


def test_another_key_of_the_same_name_is_no_trusted_one() -> None:
    with pytest.raises(invalid.Invalid) as told:
        _verified(certificate.issue(_made(), [OTHER]))
    assert told.value.message.key == "trust.certificate:other_key"


def test_a_witness_key_signs_nothing() -> None:
    with pytest.raises(errors.UserError):
        certificate.issue(_made(), [keys.Signer.fresh("w", keys.WITNESS)])


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_change_of_a_byte_holds(data: st.DataObject) -> None:
    signed = certificate.issue(_made(), [SIGNER])
    place = data.draw(st.integers(0, len(signed) - 1))
    kind = data.draw(st.sampled_from(["cut", "flip"]))
    made = signed[:place] if kind == "cut" else signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
    try:
        found = _verified(made)
    except invalid.Invalid as error:
        assert "\n" not in str(error)
    else:  # white space and names outside of what is signed
        assert found.certificate == _made()


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_one_line(data: bytes) -> None:
    with pytest.raises(invalid.Invalid) as told:
        _verified(data)
    assert "\n" not in str(told.value)


def test_a_forged_payload_is_named_as_such() -> None:
    value = json.loads(certificate.issue(_made(), [SIGNER]))
    text = base64.b64decode(value["payload"]).decode().replace("a" * 64, "b" * 64)
    value["payload"] = base64.b64encode(text.encode()).decode()
    with pytest.raises(invalid.Invalid) as told:
        _verified(json.dumps(value).encode())
    assert told.value.message.key == "trust.certificate:forged"


def test_two_lists_of_subjects_must_agree() -> None:
    payload = json.loads(_made().statement())
    payload["subject"][0]["digest"]["sha256"] = "b" * 64
    signed = envelope.sign(certificate.PAYLOAD, json.dumps(payload).encode(), [SIGNER]).encoded()
    with pytest.raises(invalid.Invalid):
        _verified(signed)


def test_revoked_is_revoked_and_an_old_list_says_nothing() -> None:
    held = _verified(certificate.issue(_made(), [SIGNER]))
    one = revocation.Revoked(number="certificate-1", sha256=held.sha256, at=NOW, reason="a reason")
    listed = revocation.added(None, "acme", [one], NOW, 30)
    read = revocation.read(revocation.sign(listed, [SIGNER]), [SIGNER.verifier], where="l")
    with pytest.raises(invalid.Invalid, match="a reason"):
        revocation.check(held, read, where="l")
    empty = revocation.added(None, "acme", [], NOW, 30)
    assert revocation.check(held, empty, where="l").revocations == "checked"
    late = held.model_copy(update={"at": NOW + datetime.timedelta(days=31)})
    with pytest.raises(invalid.Invalid):
        revocation.check(late, empty, where="l")
    with pytest.raises(invalid.Invalid):
        revocation.read(revocation.sign(listed, [OTHER]), [SIGNER.verifier], where="l")


def test_grades_want_evidence() -> None:
    policy = grades.load("data-quality").policy
    red = {words.Level.red: 1}
    assert grades.give(policy, grades.Judged({"validity": 1.0}, 4, 4, {})).grade == policy.grades[0]
    assert grades.give(policy, grades.Judged({"validity": 0.991}, 4, 4, {})).grade == policy.grades[1]
    assert grades.give(policy, grades.Judged({"validity": 1.0}, 4, 4, red)).grade is None
    assert grades.give(policy, grades.Judged({}, 0, 0, {})).grade is None
    assert grades.give(policy, grades.Judged({"validity": 1.0}, 10, 8, {})).grade == policy.grades[2]


@pytest.mark.parametrize("text", ["", "a: &x 1\nb: *x", "taihang: grades/2", "[[", "taihang: grades/1\nid: x\n"])
def test_policies_that_are_none_are_one_line(text: str) -> None:
    with pytest.raises(errors.UserError) as told:
        grades.loads(text.encode(), "p.yaml")
    assert "\n" not in str(told.value)


BOOK = """taihang: rules/1
id: site
version: "1.0"
title: {zh: 现场, en: Site}
rules:
  - {id: there, table: q, check: {kind: not_null, column: gas}}
"""


def test_a_changed_file_or_rulebook_makes_it_invalid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from taihang.app import assess

    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))
    data, book, key = tmp_path / "q.csv", tmp_path / "site.rules.yaml", tmp_path / "key"
    data.write_text("id,gas\n1,0.5\n2,0.6\n")
    book.write_text(BOOK, encoding="utf-8")
    SIGNER.save(key)
    options = assess.Options(formats=("html", "json"))
    assess.assess(data, rules=book, out=tmp_path / "r", options=options)
    done = certify.certify(tmp_path / "r", key=[key], out=tmp_path / "c", formats=("html", "json"))
    public = [SIGNER.verifier.vkey]
    against = certify.Against(assets=[str(data)], rules=book, report=tmp_path / "r")
    held = certify.verify(done.file, public, against)
    standings = {m.standing for m in held.certificate.measures}
    assert standings == {"checked", "unknown"}
    assert held.certificate.based_on("rulebook") is not None

    certify.revoke(done.file, key=[key], out=tmp_path / "list.json", reason="wrong sensor")
    with pytest.raises(invalid.Invalid, match="wrong sensor"):
        certify.verify(done.file, public, certify.Against(revocations=tmp_path / "list.json"))
    book.write_text(BOOK.replace("1.0", "1.1"), encoding="utf-8")
    with pytest.raises(invalid.Invalid):
        certify.verify(done.file, public, certify.Against(rules=book))
    data.write_text("id,gas\n1,0.5\n2,\n")
    with pytest.raises(invalid.Invalid):
        certify.verify(done.file, public, certify.Against(assets=[str(data)]))
    assess.assess(data, rules=book, out=tmp_path / "r2", options=options)
    with pytest.raises(certify.NotEarned) as told:
        certify.certify(tmp_path / "r2", key=[key], out=tmp_path / "c2", formats=("html", "json"))
    assert told.value.exit_code == 1
    assert not (tmp_path / "c2" / certify.NAME).exists()

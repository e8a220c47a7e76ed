"""Certificates as an issuer and a third party use them: attested statements, every printed form, the ledger."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from taihang.app import assess, certify
from taihang.core import errors, i18n
from taihang.report import json as reporting
from taihang.trust.certificate import invalid
from taihang.trust.ledger import keys, log

SIGNER = keys.Signer.fresh("mine.example/certificates")
LEDGER = keys.Signer.fresh("mine.example/log")
FORMS = ("html", "json", "docx", "pdf", "md", "xlsx")
BOOK = """taihang: rules/1
id: site
version: "1.0"
title: {zh: 现场, en: Site}
rules:
  - {id: there, table: q, check: {kind: not_null, column: gas}}
"""
ATTESTED = "- {name: consent, by: 数据管理部, note: {zh: 采集已获授权, en: collected with consent}}\n"
DRAFT = ("草稿", "未经签字", "draft", "Draft", "until signed", "检查人员（签字）")


@pytest.fixture
def issued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> certify.Certified:
    monkeypatch.setenv("TAIHANG_HOME", str(tmp_path / "home"))
    (tmp_path / "q.csv").write_text("id,gas\n1,0.5\n2,0.6\n")
    (tmp_path / "site.rules.yaml").write_text(BOOK, encoding="utf-8")
    (tmp_path / "attested.yaml").write_text(ATTESTED, encoding="utf-8")
    for name, signer in (("key", SIGNER), ("log.key", LEDGER)):
        signer.save(tmp_path / name)
    options = assess.Options(formats=("json",))
    assess.assess(tmp_path / "q.csv", rules=tmp_path / "site.rules.yaml", out=tmp_path / "r", options=options)
    return certify.certify(
        tmp_path / "r", key=[tmp_path / "key"], out=tmp_path / "c", lang="en", formats=("json",),
        terms=certify.Terms(attested=tmp_path / "attested.yaml"), ledger=(tmp_path / "l", tmp_path / "log.key"),
    )  # fmt: skip


def text(path: Path) -> str:
    if path.suffix == ".pdf":
        reader = shutil.which("pdftotext")
        if reader is None:
            pytest.skip("pdftotext (poppler-utils) is not there to read the PDF")
        return (
            subprocess.run([reader, "-q", path, "-"], capture_output=True, check=True)
            .stdout.decode()
            .replace("\u200b", "")
        )
    if path.suffix in {".docx", ".xlsx"}:
        with zipfile.ZipFile(path) as held:
            return "".join(held.read(n).decode() for n in held.namelist() if n.endswith(".xml"))
    return path.read_text(encoding="utf-8").replace("\\-", "-")


def test_no_printed_form_calls_it_a_draft_or_empty(issued: certify.Certified, tmp_path: Path) -> None:
    size = (tmp_path / "q.csv").stat().st_size
    forms = {"zh": FORMS, "en": ("html", "json")}
    for lang in i18n.LANGUAGES:
        i18n.use(lang)
        certify.shown(issued.file, tmp_path / lang, forms[lang])
        for form in forms[lang]:
            said = text(tmp_path / lang / f"report.{form}")
            assert [word for word in DRAFT if word in said and form != "json"] == [], (lang, form)
            assert "0 B" not in said, (lang, form)
            assert issued.certificate.number in said
            assert ("采集已获授权" if lang == "zh" else "collected with consent") in said
    report = reporting.load((tmp_path / "en" / "report.json").read_bytes())
    assert (report.form, report.asset.size) == ("certificate", size)
    i18n.use("en")


def test_what_people_say_stays_apart_from_what_was_checked(issued: certify.Certified, tmp_path: Path) -> None:
    held = certify.verify(issued.file, [SIGNER.verifier.vkey]).certificate
    assert [(m.name, m.by, m.passed) for m in held.measures if m.standing == "attested"] == [
        ("consent", "数据管理部", None)
    ]
    (tmp_path / "attested.yaml").write_text("- {name: consent}\n")
    with pytest.raises(errors.UserError, match=r"attested\.yaml") as told:
        certify.certify(
            tmp_path / "r", key=[tmp_path / "key"], out=tmp_path / "c2",
            terms=certify.Terms(attested=tmp_path / "attested.yaml"),
        )  # fmt: skip
    assert "\n" not in str(told.value)
    assert not (tmp_path / "c2").exists()


def test_issue_and_revocation_stand_in_the_ledger(issued: certify.Certified, tmp_path: Path) -> None:
    certify.revoke(
        issued.file, key=[tmp_path / "key"], out=tmp_path / "list.json", reason="wrong sensor",
        ledger=(tmp_path / "l", tmp_path / "log.key"),
    )  # fmt: skip
    with log.Ledger(tmp_path / "l", LEDGER) as held:
        entries = list(held.read())
    assert [one.kind for one in entries] == ["certificate", "certificate-revoked"]
    assert {one.facts["number"] for one in entries} == {issued.certificate.number}
    assert len({one.subject for one in entries}) == 1
    public = [SIGNER.verifier.vkey]
    with pytest.raises(invalid.Invalid, match="wrong sensor"):
        certify.verify(issued.file, public, certify.Against(revocations=tmp_path / "list.json"))
    late = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=4000)
    with pytest.raises(invalid.Invalid, match="expired"):
        certify.verify(issued.file, public, certify.Against(at=late))
    forged = json.loads(issued.file.read_text())
    forged["payload"] = forged["payload"][:-8] + "AAAA" + forged["payload"][-4:]
    (tmp_path / "forged.json").write_text(json.dumps(forged))
    with pytest.raises(invalid.Invalid) as told:
        certify.verify(tmp_path / "forged.json", public)
    assert "\n" not in str(told.value)

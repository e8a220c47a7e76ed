"""Certify: reports in, a graded and signed certificate out; and its check by anybody with the public key."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydantic
import yaml

import taihang
from taihang.core import asset as assets
from taihang.core import errors, finding, i18n, ids, scorecard, words
from taihang.data.quality import boards, target
from taihang.engines import stages
from taihang.report import bundle, document, sections
from taihang.report import json as reporting
from taihang.rules import rulebook
from taihang.trust.certificate import certificate, envelope, grades, invalid, revocation
from taihang.trust.ledger import entry, keys, log

Path_ = str | os.PathLike[str]
NAME = "certificate.json"
_LARGEST = 256 << 20


class Attested(pydantic.BaseModel):
    """What somebody vouches for without a machine having checked it."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")
    name: str = pydantic.Field(min_length=1, max_length=200)
    by: str = pydantic.Field(min_length=1, max_length=200)
    note: i18n.Text


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """How a certificate is issued: the grading policy, for how many days, for what, and what people attest.

    `minimum`: no certificate below this grade. `issued`: when, now by default.
    """

    policy: str = "data-quality"
    days: int | None = None
    scope: str = ""
    attested: Path_ | None = None
    minimum: str | None = None
    issued: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Certified:
    """The certificate that was issued, its file and its page."""

    certificate: certificate.Certificate
    file: Path
    page: Path


class NotEarned(errors.TaihangError):
    """No grade was earned: a verdict, with the exit code of findings."""

    exit_code = 1


def certify(
    *reports: Path_,
    key: Sequence[Path_],
    out: Path_,
    terms: Terms | None = None,
    ledger: tuple[Path_, Path_] | None = None,
    lang: i18n.Language | None = None,
    formats: Sequence[str] = bundle.DEFAULT,
) -> Certified:
    """Grade reports on one rulebook by a policy, and sign what they show with each key.

    A report is its `report.json` or its folder. `ledger`: a ledger of one's own and its key, in which the certificate
    is recorded. Raises NotEarned with what the lowest grade lacked, errors.UserError, errors.Failure.
    """
    terms = terms or Terms()
    if lang is not None:
        i18n.use(lang)
    bundle.known(formats)
    bundle.usable(Path(out))
    signers = [keys.Signer.load(Path(one)) for one in key]
    if not reports or not signers:
        raise errors.UserError("app:certify.nothing")
    policy = grades.load(terms.policy)
    told = [_report(Path(one)) for one in reports]
    book = _book([report for report, _ in told])
    given = _graded(policy, [report for report, _ in told], terms)
    made = _made(policy, given, told, book, terms, signers[0].name)
    data = certificate.issue(made, signers)
    page = _page(made, certificate.verify(data, [signers[0].verifier], where=NAME, at=made.issued).sha256, signers)
    paths = bundle.write(page, Path(out), i18n.current(), {f"evidence/{NAME}": data}, formats)
    file = Path(out) / NAME
    stages.write_bytes(file, data)
    if ledger is not None:
        recorded("certificate", made, ids.digest(envelope.read(data, file).payload), ledger)
    return Certified(made, file, paths.page)


@dataclasses.dataclass(frozen=True, slots=True)
class Against:
    """What a certificate is held against: files or sources, a rulebook, a report, a revocation list, a moment."""

    assets: Sequence[str] = ()
    rules: Path_ | None = None
    report: Path_ | None = None
    revocations: Path_ | None = None
    at: datetime.datetime | None = None


def verify(file: Path_, key: Sequence[str], against: Against | None = None) -> certificate.Checked:
    """The certificate, when everything about it holds. Raises invalid.Invalid with the first thing that does not."""
    against = against or Against()
    trusted = [_key(one) for one in key]
    found = certificate.verify(_read(Path(file)), trusted, where=file, at=against.at)
    if against.revocations is not None:
        known = revocation.read(_read(Path(against.revocations)), trusted, where=against.revocations)
        found = revocation.check(found, known, where=against.revocations)
    of = found.certificate
    if against.assets:
        sha256 = _digest(against.assets)
        if sha256 not in {one.sha256 for one in of.subjects}:
            names = ", ".join(against.assets)
            raise invalid.Invalid("app:certify.changed", what=names, number=of.number, sha256=sha256[:16])
    if against.rules is not None:
        basis, book = of.based_on("rulebook"), rulebook.load(against.rules)
        if basis is None or book.sha256 != basis.sha256:
            raise invalid.Invalid("app:certify.changed", what=book.id, number=of.number, sha256=book.sha256[:16])
    if against.report is not None:
        path = _file(Path(against.report))
        sha256 = ids.digest(_read(path))
        if sha256 not in {one.sha256 for one in of.basis if one.role == "report"}:
            raise invalid.Invalid("app:certify.changed", what=path, number=of.number, sha256=sha256[:16])
    return found


def revoke(
    *files: Path_,
    key: Sequence[Path_],
    out: Path_,
    reason: str,
    days: int = 30,
    ledger: tuple[Path_, Path_] | None = None,
) -> revocation.Revocations:
    """Add certificates to the issuer's revocation list at `out`, which is begun when it is not there.

    Raises errors.UserError, invalid.Invalid for a certificate or list that is not of these keys.
    """
    signers = [keys.Signer.load(Path(one)) for one in key]
    if not reason.strip() or not signers:
        raise errors.UserError("app:certify.reason")
    trusted = [one.verifier for one in signers]
    now = datetime.datetime.now(datetime.UTC)
    found, certificates = [], []
    for file in files:
        held = envelope.read(_read(Path(file)), file)
        if held.signed_by(trusted) is None:
            raise invalid.Invalid("app:certify.not_ours", path=file)
        of = certificate.parse(held, file)
        sha256 = ids.digest(held.payload)
        certificates.append((of, sha256))
        found.append(revocation.Revoked(number=of.number, sha256=sha256, at=now, reason=reason.strip()))
    path = Path(out)
    known = revocation.read(_read(path), trusted, where=path) if path.exists() else None
    made = revocation.added(known, signers[0].name, found, now, days)
    stages.write_bytes(path, revocation.sign(made, signers))
    for of, sha256 in certificates if ledger is not None else ():
        assert ledger is not None
        recorded("certificate-revoked", of, sha256, ledger)
    return made


def shown(
    file: Path_, out: Path_ | None, formats: Sequence[str] = bundle.DEFAULT
) -> tuple[certificate.Certificate, Path | None]:
    """A certificate as it stands, unverified, and its page in the current language when `out` is given."""
    held = envelope.read(_read(Path(file)), file)
    found = certificate.parse(held, file)
    if out is None:
        return found, None
    page = _page(found, ids.digest(held.payload), [name for name, _ in held.signatures])
    paths = bundle.write(page, Path(out), i18n.current(), {f"evidence/{NAME}": held.encoded()}, formats)
    return found, paths.page


def recorded(kind: str, of: certificate.Certificate, sha256: str, ledger: tuple[Path_, Path_]) -> None:
    """Put a certificate, or its revocation, into a ledger of one's own: its hash and number, nobody's name."""
    facts: dict[str, entry.Fact] = {"number": of.number, "grade": of.grade.id, "subject_sha256": of.subjects[0].sha256}
    with log.Ledger(Path(ledger[0]), keys.Signer.load(Path(ledger[1]))) as held:
        held.append([entry.Entry.now(kind, sha256, facts=facts)])


def _made(  # noqa: PLR0917 - what certify was given
    policy: grades.Loaded,
    given: grades.Given,
    told: Sequence[tuple[document.Report, str]],
    book: words.Producer,
    terms: Terms,
    issuer: str,
) -> certificate.Certificate:
    assert given.grade is not None and book.sha256 is not None
    issued = (terms.issued or datetime.datetime.now(datetime.UTC)).replace(microsecond=0)
    reports = [report for report, _ in told]
    measures = [_measure(s) for report in reports for s in report.scorecard.scores]
    measures += [
        certificate.Measure(name=one.name, standing="attested", by=one.by, note=one.note) for one in _attested(terms)
    ]
    seen = [one for report in reports for one in report.not_judged]
    basis = [
        certificate.Basis(role="rulebook", id=book.name, version=book.version, sha256=book.sha256),
        certificate.Basis(role="grades", id=policy.policy.id, version=policy.policy.version, sha256=policy.sha256,
                          title=policy.policy.title),
        *(certificate.Basis(role="report", id=report.asset.id, sha256=sha256) for report, sha256 in told),
    ]  # fmt: skip
    scope = terms.scope.strip()
    subjects = tuple(
        certificate.Subject(kind=a.kind, name=a.name, sha256=a.sha256, size=a.size) for a in (r.asset for r in reports)
    )
    judged = [sha for _, sha in told]
    whole = [subjects[0].sha256, book.sha256, policy.sha256, issued.isoformat(), judged, ids.fresh_id("c")]
    return certificate.Certificate(
        number=ids.content_id("certificate", whole),
        title=t("title"),
        subjects=subjects,
        grade=certificate.Grade(id=given.grade.id, title=given.grade.title, met=given.met),
        basis=tuple(basis),
        scope=i18n.Text(zh=scope, en=scope) if scope else t("scope", book=book.name, version=book.version),
        measures=tuple(measures),
        open=tuple(certificate.Open(name=n.rule or n.code, title=n.title, reason=n.reason) for n in seen),
        limits=tuple(dict.fromkeys(limit for report in reports for limit in report.limits)),
        synthetic=any(report.synthetic for report in reports),
        issuer=issuer,
        issued=issued,
        expires=issued + datetime.timedelta(days=terms.days or policy.policy.valid_days),
    )


def _graded(policy: grades.Loaded, reports: Sequence[document.Report], terms: Terms) -> grades.Given:
    checked = [s for r in reports for s in r.scorecard.scores if s.standing == "checked" and s.value is not None]
    dimensions: dict[str, float] = {}
    for score in checked:
        if score.metric == "rows.compliance" and score.value is not None:
            dimensions[score.dimension] = min(score.value, dimensions.get(score.dimension, 1.0))
    rules = [s for r in reports for s in r.scorecard.scores if s.metric.startswith("rule.")]
    found: dict[words.Level, int] = {}
    for one in (f for r in reports for f in r.findings):
        found[one.level] = found.get(one.level, 0) + 1
    left = {n.rule for r in reports for n in r.not_judged if n.rule}
    judged = sum(s.standing == "checked" and s.metric.removeprefix("rule.") not in left for s in rules)
    given = grades.give(policy.policy, grades.Judged(dimensions, len(rules), judged, found))
    order = [g.id for g in policy.policy.grades]
    if terms.minimum is not None and terms.minimum not in order:
        raise errors.UserError("app:certify.grade", grade=terms.minimum, known=", ".join(order))
    if given.grade is None or (terms.minimum and order.index(given.grade.id) > order.index(terms.minimum)):
        wanted, lacking = next((m for m in given.missed if m[0].id == terms.minimum), given.missed[-1])
        reasons = i18n.Text(zh="；".join(x.zh for x in lacking), en="; ".join(x.en for x in lacking))
        raise NotEarned("app:certify.not_earned", grade=wanted.title, reasons=reasons)
    return given


def _measure(score: scorecard.Score) -> certificate.Measure:
    name = score.dimension if score.metric == "rows.compliance" else f"{score.dimension}/{score.metric}"
    kept = {k: getattr(score, k) for k in ("standing", "value", "threshold", "passed")}
    return certificate.Measure(name=name, **kept)


def _page(of: certificate.Certificate, sha256: str, signers: Sequence[keys.Signer | str]) -> document.Report:
    """The certificate as a report, to be read and printed."""
    names = [one if isinstance(one, str) else one.verifier.vkey for one in signers]
    first = of.subjects[0]
    day = "%Y-%m-%d %H:%M UTC"
    facts: list[tuple[str, Any]] = [
        ("grade", i18n.Text(zh=f"{of.grade.title.zh}（{of.grade.id}）", en=f"{of.grade.title.en} ({of.grade.id})")),
        ("number", of.number), ("issuer", of.issuer), ("scope", of.scope),
        ("issued", of.issued.astimezone(datetime.UTC).strftime(day)),
        ("expires", of.expires.astimezone(datetime.UTC).strftime(day)),
        ("payload", sha256), *(("key", name) for name in names),
    ]  # fmt: skip
    columns = tuple(sections.Column(label=t(f"column.{n}")) for n in ("name", "standing", "value", "passed", "by"))
    rows = []
    for one in of.measures:
        shown = None if one.value is None else round(one.value, 6)
        note = i18n.Text(zh=f"{one.by}：{one.note.zh}", en=f"{one.by}: {one.note.en}") if one.note else one.by
        name = boards.dimension(one.name) if "/" not in one.name and not one.by else one.name
        rows.append((name, t(f"standing.{one.standing}"), shown, one.passed, note))
    basis = tuple((t(f"role.{b.role}"), b.id, b.version, b.sha256) for b in of.basis)
    return document.Report(
        form="certificate",
        title=i18n.Text(zh=f"{of.title.zh}：{first.name}", en=f"{of.title.en}: {first.name}"),
        created=of.issued,
        synthetic=of.synthetic,
        asset=assets.Asset(
            kind=first.kind if first.kind in _KINDS else "report",  # type: ignore[arg-type]
            name=", ".join(s.name for s in of.subjects), sha256=first.sha256,
            size=sum(s.size or 0 for s in of.subjects),
        ),
        scorecard=scorecard.Scorecard(),
        produced_by=(words.Producer(name="taihang", version=taihang.__version__),),
        not_judged=tuple(
            finding.NotJudged(subject="rule", rule=o.name, title=o.title, reason=o.reason, code="open") for o in of.open
        ),
        limits=(t("says"), *of.limits),
        sections=(
            sections.Facts(
                title=t("part"), items=tuple(sections.Fact(label=t(f"fact.{k}"), value=v) for k, v in facts)
            ),
            _subjects(of),
            sections.Notes(title=t("met"), paragraphs=of.grade.met or (t("no_threshold"),)),
            sections.Table(title=t("measures"), columns=columns, rows=tuple(rows)),
            sections.Table(
                title=t("basis"),
                columns=tuple(sections.Column(label=t(f"column.{n}")) for n in ("role", "id", "version", "sha256")),
                rows=basis,
            ),
            sections.Notes(title=t("how"), paragraphs=(t("how_text", file=NAME),)),
        ),
    )  # fmt: skip


def _subjects(of: certificate.Certificate) -> sections.Table:
    columns = tuple(
        sections.Column(label=t(f"column.{n}"), unit=unit)
        for n, unit in (("subject", ""), ("kind", ""), ("size", "B"), ("sha256", ""))
    )
    kinds = {kind: i18n.Message(key=f"report:kind.{kind}").both() for kind in _KINDS}
    rows = tuple((s.name, kinds.get(s.kind, s.kind), s.size, s.sha256) for s in of.subjects)
    return sections.Table(title=t("subjects"), columns=columns, rows=rows)


_KINDS = ("table", "dataset", "video", "model", "rulebook", "contract", "report")


def _report(path: Path) -> tuple[document.Report, str]:
    data = _read(_file(path))
    return reporting.load(data), ids.digest(data)


def _file(path: Path) -> Path:
    return path / reporting.NAME if path.is_dir() else path


def _book(reports: Sequence[document.Report]) -> words.Producer:
    """The one rulebook that all reports were judged by."""
    books = {(p.name, p.version, p.sha256): p for r in reports for p in r.produced_by if p.sha256 is not None}
    found = {f.rule.rulebook for r in reports for f in r.findings}
    if len(books) != 1 or not all(r.scorecard.scores for r in reports):
        names = ", ".join(sorted({b.name for b in books.values()} | found)) or "-"
        raise errors.UserError("app:certify.one_book", names=names)
    return next(iter(books.values()))


def _attested(terms: Terms) -> list[Attested]:
    if terms.attested is None:
        return []
    path = Path(terms.attested)
    try:
        value = yaml.safe_load(_read(path).decode())
        return [Attested.model_validate(one) for one in value]
    except (ValueError, TypeError, yaml.YAMLError, RecursionError) as error:
        reason = str(error).replace("\n", " ")[:200]
        raise errors.UserError("app:certify.attested", path=path, reason=reason) from None


def _digest(given: Sequence[str]) -> str:
    """The content's SHA-256 as a report states it: of one file its bytes, else as `assess` sums several up."""
    from taihang.app import assess  # noqa: PLC0415 - its engines are heavy

    if len(given) == 1 and Path(given[0]).is_file():
        with Path(given[0]).open("rb") as stream:
            return ids.digest_stream(stream)
    targets = target.open_all(list(given))
    return assess.asset_of(targets).sha256


def _key(text: str) -> keys.Verifier:
    path = Path(text)
    plain = _read(path).decode(errors="replace") if "+" not in text or path.is_file() else text
    return keys.Verifier.parse(plain)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise errors.UserError("trust:ledger.unreadable", path=path, reason=f"> {_LARGEST} bytes")
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise errors.UserError("trust:ledger.unreadable", path=path, reason=reason) from None


def t(key: str, **values: Any) -> i18n.Text:
    """A text of certificates in both languages."""
    return i18n.Message(key=f"app:certificate.{key}", values=values).both()

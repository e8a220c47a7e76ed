"""Assess: tables in, findings with every bad row and a quality report out."""

from __future__ import annotations

import dataclasses
import datetime
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import taihang
from taihang.core import asset, errors, evidence, i18n, ids, words
from taihang.data.quality import assessment, exhibits, export, suggest, target, verdicts
from taihang.report import bundle, document
from taihang.rules import rulebook

Path_ = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Assessed:
    """The report, its page and what was found. `exit_code`: 1 with a finding at or above `fail_on`, else 0."""

    report: document.Report
    page: Path
    found: assessment.Assessment
    exit_code: int


def assess(
    *sources: Path_,
    rules: Path_ | None = None,
    lang: i18n.Language | None = None,
    fail_on: words.Level | Literal["red", "orange", "yellow", "blue", "info"] | None = None,
    as_of: datetime.datetime | None = None,
    out: Path_,
) -> Assessed:
    """Judge tables by a rulebook and write a report with every bad row to the folder `out`.

    Each source is `PATH` or `NAME=PATH`; rules speak of tables by name. Without `rules`, rules that
    hold on the first rows are suggested and judged on all. `as_of` is the moment for freshness.
    Raises errors.UserError for what cannot be used and for a rule that cannot run, errors.Failure
    when the machine fails.
    """
    if not sources:
        raise errors.UserError("app:no_source")
    if lang is not None:
        i18n.use(lang)
    floor = words.Level(fail_on) if fail_on is not None else None
    bundle.usable(Path(out))
    targets = target.open_all([os.fspath(s) for s in sources])
    files: dict[str, bytes | Path] = {}
    if rules is None:
        text = suggest.suggested(targets)
        files["evidence/suggested.rules.yaml"] = text.encode()
        book = rulebook.loads(text, "suggested.rules.yaml")
    else:
        book = rulebook.load(rules)
    found = assessment.assess(book, targets, as_of=as_of)
    with tempfile.TemporaryDirectory(prefix="taihang-") as folder:
        report = _report(found, Path(folder), files)
        paths = bundle.write(report, Path(out), i18n.current(), files)
    failed = floor is not None and any(f.level.reaches(floor) for f in report.findings)
    return Assessed(report, paths.html or paths.folder, found, 1 if failed else 0)


def _report(found: assessment.Assessment, folder: Path, files: dict[str, bytes | Path]) -> document.Report:
    exported: dict[str, tuple[str, export.Exported]] = {}
    digests: dict[str, evidence.Digest] = {}
    for number, name in enumerate(found.targets):
        plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in name).strip("-") or str(number)
        file = f"evidence/bad-rows-{plain}.parquet"
        if file in files:
            file = f"evidence/bad-rows-{plain}-{number}.parquet"
        path = folder / Path(file).name
        made = export.export(found, name, path)
        if made is not None:
            files[file] = path
            exported[name] = file, made
            with path.open("rb") as stream:
                digests[name] = evidence.Digest(sha256=ids.digest_stream(stream), covers="file", file=file)
    hashes = {name: on.source.digest() for name, on in found.targets.items()}
    told = verdicts.findings(found, {name: sha256 for name, (sha256, _) in hashes.items()}, digests)
    return document.Report(
        title=i18n.Message(key="app:assess.title", values={"name": ", ".join(found.targets)}).both(),
        created=found.as_of,
        asset=_asset(found.targets, hashes),
        findings=told,
        scorecard=verdicts.scores(found),
        produced_by=(
            words.Producer(name="taihang", version=taihang.__version__),
            words.Producer(name=found.book.id, version=found.book.version, sha256=found.book.sha256),
        ),
        not_judged=verdicts.not_judged(found),
        limits=exhibits.faults(found),
        sections=exhibits.sections_of(found, told, exported),
    )


def _asset(targets: Mapping[str, target.Target], hashes: Mapping[str, tuple[str, int]]) -> asset.Asset:
    values: Sequence[tuple[str, int]] = list(hashes.values())
    names = [Path(on.source.name).name for on in targets.values()]
    sha256 = values[0][0] if len(values) == 1 else ids.digest_json([[n, *h] for n, h in hashes.items()])
    return asset.Asset(kind="table", name=", ".join(names), sha256=sha256, size=sum(size for _, size in values))
